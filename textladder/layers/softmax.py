"""Vectors to units: the output layer of a language model and its loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IGNORED = -100  # a target that is not predicted


class UnitSoftmax(nn.Module):
    """A linear map to V units and a softmax. Tied (`tie`), its rows are those of the encoder's table of units
    (Press and Wolf 2017, https://arxiv.org/abs/1608.05859), reached through a map of its own where the
    widths differ."""

    def __init__(self, dim: int, units: int) -> None:
        super().__init__()
        self.dim, self.units = dim, units
        self.weight: nn.Parameter | None = nn.Parameter(torch.empty(units, dim).normal_(std=dim**-0.5))
        self.bias = nn.Parameter(torch.zeros(units))
        self.narrow: nn.Linear | None = None
        self._tied: tuple[nn.Parameter, ...] = ()  # in a tuple: the table belongs to the encoder

    def tie(self, table: nn.Parameter) -> None:
        """Share the rows of `table` [V, E]."""
        self.weight, self._tied = None, (table,)
        self.narrow = None if table.shape[1] == self.dim else nn.Linear(self.dim, table.shape[1])

    @property
    def rows(self) -> Tensor:
        """[V, E]"""
        return self._tied[0] if self.weight is None else self.weight

    def logits(self, vectors: Tensor) -> Tensor:
        """[N, D] -> [N, V] float32"""
        if self.narrow is not None:
            vectors = self.narrow(vectors)
        return F.linear(vectors, self.rows, self.bias).float()

    def log_probs(self, vectors: Tensor) -> Tensor:
        """[N, D] -> [N, V]"""
        return self.logits(vectors).log_softmax(-1)

    def loss(self, vectors: Tensor, target: Tensor) -> Tensor:
        """The sum of -log p(target) over those that are not IGNORED, in nats. vectors [N, D], target [N]."""
        return F.cross_entropy(self.logits(vectors), target, ignore_index=IGNORED, reduction="sum")

    def losses(self, vectors: Tensor, target: Tensor) -> Tensor:
        """[N] -log p(target) of each, 0 where IGNORED."""
        return F.cross_entropy(self.logits(vectors), target, ignore_index=IGNORED, reduction="none")
