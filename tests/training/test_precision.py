"""Which precision is taken where."""

from __future__ import annotations

import pytest
import torch

from textladder.encoders import cnn, encoder_class
from textladder.encoders.encoder import Encoder
from textladder.training.precision import has_bfloat16, resolve_precision

CPU = torch.device("cpu")


def made(name: str, **options: object) -> Encoder:
    kind = encoder_class(name)
    return kind(kind.Config(**options), ["<pad>", "<unk>"])


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
    lstm = made("lstm")
    assert lstm.bfloat16_pays
    assert resolve_precision("auto", lstm, CPU) == ("bfloat16" if has else "float32")
    assert resolve_precision("bfloat16", lstm, CPU) == "bfloat16"


@pytest.mark.parametrize(
    ("registers", "amx", "pays"), [(True, False, False), (True, True, True), (False, False, True)]
)
def test_windows_in_registers_gain_by_bfloat16_only_with_amx(
    monkeypatch: pytest.MonkeyPatch, registers: bool, amx: bool, pays: bool
) -> None:
    monkeypatch.setattr(cnn, "registers_hold", lambda: registers)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert made("cnn").bfloat16_pays is pays
    assert made("cnn", pooling="mean").bfloat16_pays  # convolutions of the library
