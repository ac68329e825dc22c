"""Batches of text that runs on: windows of a stream, for `fit` as `Feed` has them of texts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from textladder.batch import Batch, Ragged
from textladder.ragged import Numbers
from textladder.text.store import Store
from textladder.text.windowing import StreamPlan, documents, read_windows, stream_plan
from textladder.training.feeding import Block, Feed
from textladder.training.options import TrainingConfig


class StreamFeed(Feed):
    """Windows of at most `width` units of the column "text"; documents begin at the rows that "start" names.

    A row of a batch is [begin, end, lane, number, fresh, opened] of a window, see `windowing`. carried: the
    encoder carries its state from window to window.
    """

    def __init__(
        self,
        store: Store,
        collate: Callable[[dict[str, Ragged]], Batch],
        options: TrainingConfig,
        *,
        width: int,
        carried: bool,
    ) -> None:
        self.store, self.collate, self.options = store, collate, options
        self.ahead = lambda texts, bounds: None
        self.width, self.carried = width, carried
        text = store.columns["text"]
        self.bounds = documents(np.asarray(text.offsets), np.asarray(store.columns["start"].flat, np.bool_))
        store.release()
        self._streams: dict[int, StreamPlan] = {}
        self._thread = ThreadPoolExecutor(1, "batches")
        self._now: tuple[Block, list[Batch | None]] | None = None
        self._coming: tuple[Block, Future[list[Batch | None]]] | None = None

    def stream(self, epoch: int) -> StreamPlan:
        made = self._streams.get(epoch)
        if made is None:
            o = self.options
            made = stream_plan(
                self.bounds,
                self.width,
                o.batch_units,
                o.batch_texts,
                seed=o.seed,
                epoch=epoch,
                carried=self.carried,
            )
            self._streams = {k: p for k, p in self._streams.items() if k >= epoch - 1} | {epoch: made}
        return made

    def batches(self, epoch: int) -> int:
        return len(self.stream(epoch))

    def rows(self, epoch: int, number: int) -> Numbers:
        return self.stream(epoch).rows(number)

    def units(self, rows: Numbers) -> int:
        return int((rows[:, 1] - rows[:, 0]).sum())

    def _take(self, rows: Numbers) -> dict[str, Ragged]:
        inputs, targets = read_windows(self.store, rows[:, 0], rows[:, 1])
        opened = np.flatnonzero(rows[:, 5] >= 0)
        heads = rows[opened, 5]
        inputs.flat[inputs.offsets[opened]] = self.store.spans("text", heads, heads + 1).flat
        each = np.arange(len(rows) + 1)
        carry = {n: Ragged(rows[:, k], each) for k, n in ((2, "lane"), (3, "number"), (4, "fresh"))}
        return {"text": inputs, "target": targets, **carry}
