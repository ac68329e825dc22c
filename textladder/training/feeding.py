"""Stored columns to batches, by (epoch, number): the order is a function of the seed, so a run can go on
anywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from textladder import distributed
from textladder.batch import Batch, Ragged
from textladder.text.batching import BatchPlan, plan
from textladder.text.store import Store
from textladder.training.options import TrainingConfig


class Feed:
    """Batches of a store. `collate` is the task's; `padded` says whether the encoder pads (which decides what
    a batch costs); every process takes its own rows of the same batch."""

    def __init__(
        self,
        store: Store,
        collate: Callable[[dict[str, Ragged]], Batch],
        options: TrainingConfig,
        padded: bool,
    ) -> None:
        self.store, self.collate, self.options, self.padded = store, collate, options, padded
        self.lengths = store.columns["text"].lengths
        self._plan: tuple[int, BatchPlan] | None = None

    def plan(self, epoch: int) -> BatchPlan:
        if self._plan is None or self._plan[0] != epoch:
            o = self.options
            made = plan(self.lengths, o.batch_units, o.batch_texts, o.seed, epoch, padded=self.padded)
            self._plan = (epoch, made)
        return self._plan[1]

    def batches(self, epoch: int) -> int:
        return len(self.plan(epoch))

    def rows(self, epoch: int, number: int) -> NDArray[np.int64]:
        """The rows of one batch, over all processes."""
        return self.plan(epoch).rows(number)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        return self.collate(self.store.take(rows))


def my_share(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """This process's rows of a batch."""
    return rows[distributed.rank() :: distributed.size()]
