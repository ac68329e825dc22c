"""Dropout whose random numbers cost less than the layer it is for."""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from textladder.layers.halves import COMPILED, entry, kernel, number, plain

NUMBERS = 1 << 32  # that a value's own may be
GOLDEN, MIX_1, MIX_2 = np.uint32(0x9E3779B9), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
U15, U16 = np.uint32(15), np.uint32(16)


_GENERATOR: ContextVar[torch.Generator | None] = ContextVar("generator", default=None)  # None: torch's own


@contextmanager
def drawing_from(generator: torch.Generator) -> Iterator[None]:
    """Inside, in this thread, `Dropout` on the processor draws from `generator`: threads that all drew from
    torch's would get other numbers in every run."""
    before = _GENERATOR.set(generator)
    try:
        yield
    finally:
        _GENERATOR.reset(before)


@kernel
def keep(
    values: Any, kept: Any, seed: np.uint32, salt: np.uint32, dropped: np.uint32, scale: np.float32
) -> None:
    """values [N] times `scale`, or zero where a value's own number, which is mixed from its place and the
    seeds, is below `dropped` (the mix is lowbias32 of C. Wellons, https://github.com/skeeto/hash-prospector)."""
    for i in range(len(values)):
        mixed = np.uint32(np.uint32(i) * GOLDEN + seed)
        mixed = np.uint32((mixed ^ (mixed >> U16)) * MIX_1)
        mixed = np.uint32((mixed ^ (mixed >> U15) ^ salt) * MIX_2)
        mixed = np.uint32(mixed ^ (mixed >> U16))
        kept[i] = entry(number(values[i]) * (scale if mixed >= dropped else np.float32(0)), kept[i])


class _Keep(torch.autograd.Function):
    """The backward pass mixes the same numbers again: nothing is kept but the seeds."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *choice: Any) -> Tensor:
        """choice: the other arguments of `keep`."""
        ctx.choice = choice
        return _kept(x, choice)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _kept(gradients[0], ctx.choice), None, None, None, None


def _kept(x: Tensor, choice: tuple[Any, ...]) -> Tensor:
    x = x.contiguous()
    kept = torch.empty_like(x)
    keep(plain(x.view(-1)), plain(kept.view(-1)), *choice)
    return kept


class Dropout(nn.Module):
    """In training each value is zero with probability `rate`, or else divided by 1 - rate (Srivastava et
    al. 2014).

    On the processor torch draws a number per value from a serial generator and walks over the values some
    five times, which took a tenth of the training time of the encoders here. Here a compiled loop makes
    each value's number from its place and 64 bits of torch's generator, so that a run repeats and resumes.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"rate={self.rate}"

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        if x.device.type != "cpu" or x.dtype not in COMPILED or self.rate >= 1:
            return F.dropout(x, self.rate)
        seeds = torch.empty(2, dtype=torch.int64).random_(NUMBERS, generator=_GENERATOR.get()).tolist()
        dropped = min(round(self.rate * NUMBERS), NUMBERS - 1)
        kept: Tensor = _Keep.apply(
            x, *map(np.uint32, (*seeds, dropped)), np.float32(NUMBERS / (NUMBERS - dropped))
        )
        return kept
