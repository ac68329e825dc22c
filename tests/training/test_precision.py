"""Which precision is taken where."""

from __future__ import annotations

import pytest
import torch

from textladder.encoders import encoder_class
from textladder.training.precision import has_bfloat16, resolve_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("avx512", "avx512_bf16", "amx", "onednn", "has"),
    [
        (True, False, False, True, False),  # emulated
        (True, True, False, True, True),
        (True, False, True, True, True),
        (False, False, False, True, True),  # another architecture, whose answer can be trusted
        (False, False, False, False, False),
    ],
)
def test_bfloat16_is_taken_where_it_is_done_in_hardware(
    monkeypatch: pytest.MonkeyPatch, avx512: bool, avx512_bf16: bool, amx: bool, onednn: bool, has: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: onednn)
    assert has_bfloat16(CPU) is has
    kind = encoder_class("cnn")
    cnn = kind(kind.Config(), ["<pad>", "<unk>"])
    assert cnn.bfloat16_pays
    assert resolve_precision("auto", cnn, CPU) == ("bfloat16" if has else "float32")
    assert resolve_precision("bfloat16", cnn, CPU) == "bfloat16"
