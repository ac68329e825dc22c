"""Dropout with one choice per text or per unit instead of one per value (Merity et al. 2018,
https://arxiv.org/abs/1708.02182, section 4)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """In training the same values are left out at all units of a text (Gal and Ghahramani 2016, "variational"
    dropout): [B, T, D] -> [B, T, D]."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def extra_repr(self) -> str:
        return f"rate={self.rate}"

    @property
    def leaves_out(self) -> bool:
        return self.training and self.rate > 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.leaves_out:
            return x
        return x * _kept((len(x), 1, x.shape[-1]), self.rate, x)


class UnitDropout(nn.Module):
    """In training whole units of the vocabulary are left out, wherever they stand in the batch ("embedding
    dropout"): vectors [B, T, D] of ids [B, T]."""

    def __init__(self, rate: float, units: int) -> None:
        super().__init__()
        self.rate, self.units = rate, units

    def extra_repr(self) -> str:
        return f"rate={self.rate}"

    @property
    def leaves_out(self) -> bool:
        return self.training and self.rate > 0

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        if not self.leaves_out:
            return x
        return x * _kept((self.units, 1), self.rate, x)[ids]

    def of_table(self, table: Tensor) -> Tensor:
        """The same for the vectors of all units [V, D], before they are read."""
        if not self.leaves_out:
            return table
        return table * _kept((self.units, 1), self.rate, table)


def _kept(shape: tuple[int, ...], rate: float, like: Tensor) -> Tensor:
    """Zero with probability `rate`, else 1 / (1 - rate)."""
    drawn = torch.rand(shape, device=like.device)
    return (drawn >= rate).to(like.dtype) * (1 / (1 - rate))
