"""How much of a source a hypothesis has looked at, as a part of its score."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from textladder.search.state import State

# A step that also says what it looked at: the last unit of each row [R] and the state before it -> what a
# step gives, and shares [R, S] of the units of the source.
Looking = Callable[[Tensor, State], tuple[Tensor, State, Tensor]]


class Coverage:
    """cp = weight * sum over the units of the source of log min(1, all shares that it was looked at with)
    (Wu et al. 2016, https://arxiv.org/abs/1609.08144, equation 14). It is at most 0.

    Its state: (that of `looking`, mask of the source [R, S], sums of shares [R, S])."""

    def __init__(self, looking: Looking, weight: float) -> None:
        self.looking, self.weight = looking, weight

    def start(self, state: State, mask: Tensor) -> State:
        """mask: [R, S] True where the source has a unit."""
        return state, mask, torch.zeros_like(mask, dtype=torch.float32)

    def step(self, last: Tensor, state: State) -> tuple[Tensor, State]:
        inner, mask, covered = state
        said, inner, shares = self.looking(last, inner)
        return said, (inner, mask, covered + shares)

    def added(self, state: State) -> Tensor:
        """[R] cp of hypotheses that end with the unit that was predicted last."""
        _, mask, covered = state
        nats = covered.clamp(torch.finfo(covered.dtype).tiny, 1.0).log()
        return self.weight * (nats * mask).sum(-1)
