"""Where a unit stands in its text, as a vector to add to the unit's own."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PositionsName = Literal["sinusoidal", "learned", "none"]


def sinusoids(length: int, dim: int, device: torch.device | str | None = None) -> Tensor:
    """[length, dim] sine in even, cosine in odd columns, wavelengths 2 pi to 10000 * 2 pi (Vaswani et al.
    2017, 3.5)."""
    position = torch.arange(length, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(
        torch.arange(0, dim, 2, device=device, dtype=torch.float32) * (-math.log(10000.0) / dim)
    )
    angles = position * rates  # [length, ceil(dim / 2)]
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :dim]


class SinusoidalPositions(nn.Module):
    """Positions [N] -> [N, D]. The table grows with the longest text seen and is not saved."""

    table: Tensor

    def __init__(self, dim: int, length: int = 512) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("table", sinusoids(length, dim), persistent=False)

    def forward(self, positions: Tensor, width: int) -> Tensor:
        """width: above every position."""
        if width > len(self.table):
            self.table = sinusoids(max(width, 2 * len(self.table)), self.dim, self.table.device)
        return F.embedding(positions, self.table)  # half the time of indexing

    def at(self, position: int) -> Tensor:
        """[D] of one position."""
        if position >= len(self.table):
            self(torch.tensor([position], device=self.table.device), position + 1)
        return self.table[position]


class LearnedPositions(nn.Module):
    """Positions [N] -> [N, D], a trained vector for each of `max_length` positions (Devlin et al. 2019)."""

    def __init__(self, dim: int, max_length: int) -> None:
        super().__init__()
        self.table = nn.Embedding(max_length, dim)
        nn.init.normal_(self.table.weight, std=0.02)

    def forward(self, positions: Tensor, width: int) -> Tensor:
        vectors: Tensor = self.table(positions)
        return vectors

    def at(self, position: int) -> Tensor:
        """[D] of one position."""
        return self.table.weight[position]


Positions = SinusoidalPositions | LearnedPositions


def make_positions(name: PositionsName, dim: int, max_length: int) -> Positions | None:
    """max_length: of learned ones."""
    if name == "learned":
        return LearnedPositions(dim, max_length)
    return SinusoidalPositions(dim) if name == "sinusoidal" else None


def placed(x: Tensor, scale: float, positions: Positions | None, places: Tensor, width: int) -> Tensor:
    """Units' vectors [..., D] times `scale`, plus where they stand: places [...], all below `width`."""
    if positions is not None:
        return torch.add(positions(places, width).to(x.dtype), x, alpha=scale)
    return x if scale == 1 else x * scale
