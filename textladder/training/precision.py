"""float32 or bfloat16: a rule, not a guess, so that the same machine always takes the same decision."""

from __future__ import annotations

from typing import Literal

import torch

from textladder.encoders.encoder import Encoder

Precision = Literal["auto", "float32", "bfloat16"]


def resolve_precision(wanted: Precision, encoder: Encoder, device: torch.device) -> Precision:
    """auto -> bfloat16 where the device has the instructions and the encoder is wide enough to gain by them
    (`Encoder.bfloat16_pays`, measured: docs/decisions/0005-bfloat16.md), else float32."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if encoder.bfloat16_pays and has_bfloat16(device) else "float32"


def has_bfloat16(device: torch.device) -> bool:
    """True if matrix products in bfloat16 are done in hardware."""
    if device.type == "cpu":
        if torch.cpu._is_avx512_supported():  # oneDNN says yes to it, even if it emulates
            return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return bool(getattr(torch.get_device_module(device), "is_bf16_supported", lambda: True)())
