"""Texts one after the other with zeros between them, as convolutions can have them without padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from textladder.batch import Tokens

# The libraries under torch make and keep a kernel for every shape, and batches of another size each step had
# them make one each step (1 GB and half of the time, on texts of 20 words).
ROUND = 256


def counted_up(size: int, unit: int = ROUND) -> int:
    """The next multiple of `unit`, at least one."""
    return -(-max(size, 1) // unit) * unit


class Strip:
    """Unit i stands in row `places[i]`; `gap` rows of zeros are between two texts, and after the last."""

    def __init__(self, tokens: Tokens, gap: int) -> None:
        self.tokens, device = tokens, tokens.flat.device
        units, texts = len(tokens.flat), len(tokens)
        self.rows = counted_up(units + gap * texts)
        text = torch.arange(texts, device=device).repeat_interleave(tokens.lengths, output_size=units)
        numbers = torch.arange(units, device=device)
        self.places = numbers + gap * text  # [N]
        self.padded = numbers + (text * tokens.width - tokens.offsets[text])  # [N] in the padded view

    def spread(self, values: Tensor) -> Tensor:
        """[N, ...] -> [1, rows, ...], zeros where there is no unit."""
        empty = values.new_zeros(1, self.rows, *values.shape[1:])
        return empty.index_copy_(1, self.places, values[None])

    def pad(self, rows: Tensor) -> Tensor:
        """[1, rows, D] -> [B, T, D], zeros where there is no unit."""
        size = len(self.tokens) * self.tokens.width
        moved: Tensor = _Move.apply(rows[0], self.places, self.padded, size)
        return moved.view(len(self.tokens), self.tokens.width, rows.shape[-1])


class _Move(torch.autograd.Function):
    """Rows from some places to others among `size` rows of zeros. The backward pass moves gradients back; as
    places are distinct, it need not add."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, source: Tensor, target: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(source, target)
        ctx.size = len(rows)
        return rows.new_zeros(size, rows.shape[1]).index_copy_(0, target, rows.index_select(0, source))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        source, target = ctx.saved_tensors
        return _Move.apply(gradients[0], target, source, ctx.size), None, None, None
