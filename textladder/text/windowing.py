"""Text that runs on, cut into the windows that a model reads at once.

A *stream* is a flat array of ids, document after document: <s> or a label, the units, </s>. A model at
position p has read ids[..p] of its window and predicts ids[p + 1]. Windows are pairs of bounds into the
stream: [begin, end) is read, [begin + 1, end + 1) predicted, and no window reaches into another document.
Together the windows of a document predict each of its units once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Numbers, Ragged
from textladder.text.batching import BatchPlan, plan
from textladder.text.store import Store

Array = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Window i reads begin[i] .. end[i]; what it predicts counts from position counted[i] on. first[i]: it
    begins its document."""

    begin: Array
    end: Array
    counted: Array
    first: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def lengths(self) -> Array:
        return self.end - self.begin


def documents(offsets: Numbers, starts: NDArray[np.bool_]) -> Array:
    """Bounds [documents + 1] in the stream, of rows (offsets [rows + 1]) of which some start a document."""
    return np.append(offsets[:-1][starts], offsets[-1]).astype(np.int64)


def training_windows(bounds: Array, width: int, random: np.random.Generator | None = None) -> Windows:
    """Windows of at most `width` units that do not overlap. With `random` the first of a longer document is
    of random length, so that every epoch cuts elsewhere."""
    begin, read = bounds[:-1], np.maximum(np.diff(bounds) - 1, 0)  # units read of each document
    first = np.minimum(read, width)
    longer = np.flatnonzero(read > width)
    if random is not None:
        first[longer] = random.integers(1, width + 1, len(longer))
    rest = -(-(read - first) // width)
    per = rest + (read > 0)
    owner = np.repeat(np.arange(len(read)), per)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(per) - per, per)  # of the window in its document
    starts = begin[owner] + np.where(number == 0, 0, first[owner] + (number - 1) * width)
    ends = np.minimum(begin[owner] + first[owner] + number * width, begin[owner] + read[owner])
    return Windows(starts, ends, starts, number == 0)


def evaluation_windows(bounds: Array, width: int, stride: int) -> Windows:
    """Windows of at most `width` units, each `stride` after the one before it: the first of a document counts
    all that it predicts, each other only what its predecessors have not predicted."""
    begin, read = bounds[:-1], np.maximum(np.diff(bounds) - 1, 0)
    rest = -(-np.maximum(read - width, 0) // stride)
    per = rest + (read > 0)
    owner = np.repeat(np.arange(len(read)), per)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(per) - per, per)
    ends = begin[owner] + np.minimum(width + number * stride, read[owner])
    counted = begin[owner] + np.where(number == 0, 0, width + (number - 1) * stride)
    starts = np.maximum(ends - width, begin[owner])
    return Windows(starts, ends, counted, number == 0)


@dataclass(frozen=True)
class StreamPlan:
    """The batches of an epoch: batch k holds the windows `order.rows(k)`. lane, number: of each window, -1
    for those that go on from no other (see `batch.Carry`); fresh: whether it begins with a new state."""

    windows: Windows
    order: BatchPlan
    lane: Array
    number: Array
    fresh: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.order)

    def rows(self, number: int) -> Array:
        """[B, 5] begin, end, lane, number, fresh of the windows of one batch."""
        w, at = self.windows, self.order.rows(number)
        return np.stack([w.begin[at], w.end[at], self.lane[at], self.number[at], self.fresh[at]], axis=1)


def stream_plan(
    bounds: Array, width: int, budget_units: int, lanes: int, *, seed: int, epoch: int, carried: bool
) -> StreamPlan:
    """Batches of at most `lanes` windows and `budget_units` units; a pure function of its arguments.

    carried: the windows of long documents run through lanes, one after the other, so that a state can be
    carried from batch to batch; documents of one window come in batches of their own, anywhere between.
    Otherwise all windows come in any order.
    """
    random = np.random.default_rng([seed, epoch, 1])
    windows = training_windows(bounds, width, random)
    count = len(windows)
    lane, number, fresh = np.full(count, -1), np.full(count, -1), np.ones(count, np.bool_)
    if not carried:
        order = plan(windows.lengths, budget_units, lanes, seed, epoch)
        return StreamPlan(windows, order, lane, number, fresh)
    last = np.append(windows.first[1:], True) if count else np.zeros(0, np.bool_)
    single = windows.first & last
    long = _shuffled_documents(np.flatnonzero(~single), windows.first, random)
    held = max(min(lanes, budget_units // width, len(long)), 1)
    size, extra = divmod(len(long), held)
    heads = np.arange(held) * size + np.minimum(np.arange(held), extra)
    lane[long] = np.repeat(np.arange(held), size + (np.arange(held) < extra))
    number[long] = np.arange(len(long)) - heads[lane[long]]
    fresh[long] = windows.first[long] | (number[long] == 0)
    short = np.flatnonzero(single)
    loose = plan(windows.lengths[short], budget_units, lanes, seed, epoch)
    steps = [long[heads[: held if k < size else extra] + k] for k in range(size + (extra > 0))]
    groups: list[Array] = [np.zeros(0, np.int64)] * (len(steps) + len(loose))
    places = np.sort(random.permutation(len(groups))[: len(steps)])
    for place, step in zip(places.tolist(), steps, strict=True):
        groups[place] = step
    others = np.setdiff1d(np.arange(len(groups)), places)
    for k, place in enumerate(others.tolist()):
        groups[place] = short[loose.rows(k)]
    ends = np.cumsum([len(group) for group in groups], dtype=np.int64)
    joined = np.concatenate(groups) if groups else np.zeros(0, np.int64)
    return StreamPlan(windows, BatchPlan(joined, np.append(0, ends[:-1]), ends), lane, number, fresh)


def _shuffled_documents(windows: Array, first: NDArray[np.bool_], random: np.random.Generator) -> Array:
    """The windows, document by document in random order, those of a document in their own."""
    heads = np.flatnonzero(first[windows])
    if not len(heads):
        return windows
    owner = np.cumsum(first[windows]) - 1
    return windows[np.argsort(random.permutation(len(heads))[owner], kind="stable")]


def read_windows(store: Store, begin: Numbers, end: Numbers) -> tuple[Ragged, Ragged]:
    """What windows read, and what they predict: the same, one further on in the stream."""
    read = store.spans("text", begin, end + 1)
    flat, offsets = read.flat.astype(np.int64), read.offsets - np.arange(len(read.offsets))
    inputs, targets = np.ones(len(flat), np.bool_), np.ones(len(flat), np.bool_)
    inputs[read.offsets[1:] - 1] = False
    targets[read.offsets[:-1]] = False
    return Ragged(flat[inputs], offsets), Ragged(flat[targets], offsets)
