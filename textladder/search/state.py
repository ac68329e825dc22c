"""What search asks of a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

State = Any  # nested tuples of tensors, each [B, ...]
# The last unit of each row [B] and the state before it -> log-probabilities of the next [B, V], in nats, and
# the state after it.
Stepper = Callable[[Tensor, State], tuple[Tensor, State]]


def select(state: State, rows: Tensor) -> State:
    """The state of the rows named [R] int64, in that order; a row may be named more than once."""
    if isinstance(state, Tensor):
        return state.index_select(0, rows.to(state.device))  # counts may be kept on the processor
    if isinstance(state, tuple):
        return tuple(select(part, rows) for part in state)
    return state
