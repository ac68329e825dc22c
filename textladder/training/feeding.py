"""Stored columns to batches, by (epoch, number): the order is a function of the seed, so a run can go on
anywhere. Batches are made ahead in a second thread, while those before them are trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from textladder import distributed
from textladder.batch import Batch, Ragged
from textladder.layers import kernels
from textladder.ragged import Numbers, narrow
from textladder.text.batching import BatchPlan, plan
from textladder.text.store import Store
from textladder.training.options import TrainingConfig

BLOCK_TEXTS = 1024  # texts read and made into batches in one go: few enough to stay in the cache
OWNER = "owner"  # the column that says which text a row is of: asked after predicting, not in training
HELD_BYTES = 64 << 20  # columns of a store are read into memory while they are smaller than this together

Block = tuple[int, int]  # epoch, number of the block in it


class Feed:
    """Batches of a store. `collate` is the task's; `padded` says whether the encoder pads (which decides what
    a batch costs); `ahead` is the encoder's; `by`: columns by whose lengths rows are put together; every
    process takes its own rows of the same batch."""

    def __init__(
        self,
        store: Store,
        collate: Callable[[dict[str, Ragged]], Batch],
        options: TrainingConfig,
        padded: bool,
        ahead: Callable[[Ragged, Sequence[int]], Sequence[Any] | None] = lambda texts, bounds: None,
        *,
        by: Sequence[str] = ("text",),
    ) -> None:
        self.store, self.collate, self.ahead = store, collate, ahead
        self.options, self.padded = options, padded
        self.lengths, *others = (narrow(store.columns[name].lengths) for name in by)
        self.others = others[0] if others else None
        store.release()
        self._held = _small_columns(store)
        self._plans: dict[int, BatchPlan] = {}
        self._thread = ThreadPoolExecutor(1, "batches")
        self._now: tuple[Block, list[Batch | None]] | None = None
        self._coming: tuple[Block, Future[list[Batch | None]]] | None = None

    def plan(self, epoch: int) -> BatchPlan:
        made = self._plans.get(epoch)
        if made is None:
            o = self.options
            sizes = o.batch_units, o.batch_texts, o.seed, epoch
            made = plan(self.lengths, *sizes, padded=self.padded, others=self.others)
            # That of the epoch before is still in use while batches of the next are made ahead.
            self._plans = {known: p for known, p in self._plans.items() if known >= epoch - 1} | {epoch: made}
        return made

    def batches(self, epoch: int) -> int:
        return len(self.plan(epoch))

    def rows(self, epoch: int, number: int) -> Numbers:
        """The rows of one batch, over all processes."""
        return self.plan(epoch).rows(number)

    def units(self, rows: Numbers) -> int:
        """Units of these rows together."""
        return int(self.lengths[rows].sum())

    def batch(self, rows: Numbers) -> Batch:
        """A batch of any rows."""
        return self.collate(self._take(rows))

    def made(self, epoch: int, number: int) -> Batch | None:
        """This process's share of a batch of the plan, None if it has no row of it. What comes after it is
        made in the meantime; in whatever order one asks, the same batch comes."""
        size = self._block_batches
        block = epoch, number // size
        if self._now is None or self._now[0] != block:
            coming, self._coming = self._coming, None
            batches = coming[1].result() if coming and coming[0] == block else self._make(block)
            self._now = block, batches
            following = self._after(block)
            if following is not None:
                self._coming = following, self._thread.submit(self._make, following)
        return self._now[1][number % size]

    @property
    def _block_batches(self) -> int:
        return max(1, BLOCK_TEXTS // self.options.batch_texts)

    def _after(self, block: Block) -> Block | None:
        epoch, number = block
        if (number + 1) * self._block_batches < self.batches(epoch):
            return epoch, number + 1
        return (epoch + 1, 0) if epoch + 1 < self.options.epochs else None

    def _make(self, block: Block) -> list[Batch | None]:
        epoch, number = block
        size, in_epoch = self._block_batches, self.batches(epoch)
        shares = [
            my_share(self.rows(epoch, n)) for n in range(number * size, min((number + 1) * size, in_epoch))
        ]
        columns, bounds = self._take(np.concatenate(shares)), [0, *accumulate(map(len, shares))]
        ahead = self.ahead(columns["text"], bounds)
        batches: list[Batch | None] = []
        for k, (start, stop) in enumerate(pairwise(bounds)):
            batch = self.collate({name: column.slice(start, stop) for name, column in columns.items()})
            if ahead is not None:
                first, *others = batch.inputs
                batch = replace(batch, inputs=(replace(first, ahead=ahead[k]), *others))
            batches.append(batch if stop > start else None)
        return batches

    def _take(self, rows: Numbers) -> dict[str, Ragged]:
        others = self.store.columns.keys() - self._held.keys() - {OWNER}
        taken = self.store.take(rows, others) if others else {}
        return taken | {name: _rows_of(column, rows) for name, column in self._held.items()}


def _rows_of(column: Ragged, rows: Numbers) -> Ragged:
    """`column.take(rows)`, without the lock of Python, which the thread that trains needs."""
    if column.flat.dtype.kind == "f":  # labels that are numbers, one a row
        return column.take(rows)
    return Ragged(*kernels.take_rows(column.flat, column.offsets, rows))


def my_share(rows: Numbers) -> Numbers:
    """This process's rows of a batch."""
    return rows[distributed.rank() :: distributed.size()]


def _small_columns(store: Store) -> dict[str, Ragged]:
    """Copies in memory of the columns that fit, the smallest first: random rows of them cost no call of the
    system, and what is held has a bound."""
    held, free = {}, HELD_BYTES
    read = {name: column for name, column in store.columns.items() if name != OWNER}
    for name, column in sorted(read.items(), key=lambda item: len(item[1].flat)):
        # Four bytes for each unit and each row: larger numbers would not fit either.
        free -= 4 * (len(column.flat) + len(column.offsets))
        if free < 0:
            break
        kept = np.float32 if column.flat.dtype.kind == "f" else np.int32
        held[name] = Ragged(column.flat.astype(kept), column.offsets.astype(np.int32))
    store.release()
    return held
