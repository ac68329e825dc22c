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

from textladder.ragged import Numbers, Ragged, narrow
from textladder.text.batching import BatchPlan, plan
from textladder.text.store import Store

Array = NDArray[np.int64]
# Share of the windows inside documents that are read as if their document began there: a model of one long
# text would see the beginning of a text once an epoch, and could not write from there.
OPENED = 0.05


@dataclass(frozen=True)
class Windows:
    """Window i reads begin[i] .. end[i]; what it predicts counts from position counted[i] on."""

    begin: Array
    end: Array
    counted: Array

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def lengths(self) -> Array:
        return self.end - self.begin


def documents(offsets: Numbers, starts: NDArray[np.bool_]) -> Array:
    """Bounds [documents + 1] in the stream, of rows (offsets [rows + 1]) of which some start a document."""
    return np.append(offsets[:-1][starts], offsets[-1]).astype(np.int64)


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
    return Windows(starts, ends, counted)


class TrainingWindows:
    """Windows of at most `width` units that do not overlap, document after document; any of them are made
    when asked for, so that an epoch over any text costs a few numbers a document.

    With `random` the first window of a longer document is of random length: every epoch cuts elsewhere.
    """

    def __init__(self, bounds: Array, width: int, random: np.random.Generator | None = None) -> None:
        self.bounds, self.width = bounds, width
        read = np.maximum(np.diff(bounds) - 1, 0)  # units read of each document
        self.first = narrow(np.minimum(read, width))
        if random is not None:
            longer = np.flatnonzero(read > width)
            self.first[longer] = random.integers(1, width + 1, len(longer))
        self.counts = narrow(-(-(read - self.first) // width) + (read > 0))  # windows of each document
        self.ends = np.cumsum(self.counts, dtype=np.int64)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def at(self, rows: Numbers) -> tuple[Array, Array, Array]:
        """(begin, end, begin of its document) of the windows of these numbers."""
        owner = np.searchsorted(self.ends, rows, side="right")
        number = rows - (self.ends[owner] - self.counts[owner])  # of the window in its document
        first, begin = self.first[owner], self.bounds[owner]
        ends = np.minimum(begin + first + number * self.width, self.bounds[owner + 1] - 1)
        starts = np.where(number == 0, begin, begin + first + (number - 1) * self.width)
        return starts, ends, begin

    @property
    def lengths(self) -> NDArray[np.int32]:
        """[windows]"""
        found = np.full(len(self), self.width, np.int32)
        some, several = self.counts > 0, self.counts > 1
        found[(self.ends - self.counts)[some]] = self.first[some]
        rest = np.diff(self.bounds) - 1 - self.first - (self.counts.astype(np.int64) - 2) * self.width
        found[self.ends[several] - 1] = rest[several]
        return found


@dataclass(frozen=True)
class Lanes:
    """The windows of some documents, one document after the other, cut into `count` runs of nearly the same
    length: step k has one window of each run, which goes on where that of step k - 1 ended."""

    windows: TrainingWindows
    documents: Numbers  # [documents] in the order in which they are read
    ends: Array  # [documents] windows up to the end of each
    count: int

    @classmethod
    def of(cls, windows: TrainingWindows, documents: Numbers, most: int) -> Lanes:
        ends = np.cumsum(windows.counts[documents], dtype=np.int64)
        return cls(windows, documents, ends, max(min(most, int(ends[-1]) if len(ends) else 0), 1))

    @property
    def _sizes(self) -> tuple[int, int]:
        """Windows of each run, and how many of the first runs have one more."""
        return divmod(int(self.ends[-1]) if len(self.ends) else 0, self.count)

    @property
    def steps(self) -> int:
        size, extra = self._sizes
        return size + (extra > 0)

    def rows(self, step: int) -> Array:
        """[B, 5] begin, end, lane, begin of the document, whether a new state begins."""
        size, extra = self._sizes
        lane = np.arange(self.count if step < size else extra)
        at = lane * size + np.minimum(lane, extra) + step
        place = np.searchsorted(self.ends, at, side="right")
        owner = self.documents[place]
        number = at - (self.ends[place] - self.windows.counts[owner])
        begin, end, head = self.windows.at(self.windows.ends[owner] - self.windows.counts[owner] + number)
        return np.stack([begin, end, lane, head, (begin == head) | (step == 0)], axis=1)


@dataclass(frozen=True)
class StreamPlan:
    """The batches of an epoch. steps[k]: the step of `lanes` that batch k is; or, below zero, batch
    -1 - steps[k] of `loose`, of windows that go on from no other."""

    seed: tuple[int, int]  # of the run and the epoch
    windows: TrainingWindows
    loose: BatchPlan
    lanes: Lanes | None = None
    steps: Numbers | None = None

    def __len__(self) -> int:
        return len(self.loose) if self.steps is None else len(self.steps)

    def rows(self, number: int) -> Array:
        """[B, 6] begin, end, lane, number, fresh, opened of the windows of one batch. lane, number: -1 for
        those that go on from no other (see `batch.Carry`); fresh: whether it begins with a new state; opened:
        where the unit stands that is read in place of its first (OPENED), or -1."""
        step = -1 - number if self.steps is None else int(self.steps[number])
        if step >= 0:
            assert self.lanes is not None
            begin, end, lane, head, fresh = self.lanes.rows(step).T
        else:
            begin, end, head = self.windows.at(self.loose.rows(-1 - step).astype(np.int64))
            lane, fresh = np.full(len(begin), -1), np.ones(len(begin), np.int64)
        opened = np.random.default_rng([*self.seed, 2, number]).random(len(begin)) < OPENED
        opened &= begin != head
        turn = np.full(len(begin), max(step, -1))
        return np.stack([begin, end, lane, turn, fresh | opened, np.where(opened, head, -1)], axis=1)


def stream_plan(
    bounds: Array, width: int, budget_units: int, lanes: int, *, seed: int, epoch: int, carried: bool
) -> StreamPlan:
    """Batches of at most `lanes` windows and `budget_units` units (but one window at least); a pure function
    of its arguments. Memory: four bytes a window that is in no lane, and a few numbers a document.

    carried: the windows of long documents run through lanes, one after the other, so that a state can be
    carried from batch to batch; documents of one window come in batches of their own, anywhere between.
    Otherwise all windows come in any order.
    """
    random = np.random.default_rng([seed, epoch, 1])
    windows = TrainingWindows(bounds, width, random)
    if not carried:
        return StreamPlan((seed, epoch), windows, plan(windows.lengths, budget_units, lanes, seed, epoch))
    long = narrow(random.permutation(np.flatnonzero(windows.counts > 1)))
    short = np.flatnonzero(windows.counts == 1)
    loose = plan(windows.first[short], budget_units, lanes, seed, epoch)
    loose = BatchPlan(narrow(windows.ends[short][loose.order] - 1), loose.starts, loose.stops)
    run = Lanes.of(windows, long, min(lanes, budget_units // width))
    steps = -1 - np.arange(run.steps + len(loose))
    places = np.sort(random.permutation(len(steps))[: run.steps])
    others = np.ones(len(steps), np.bool_)
    others[places] = False
    steps[others] = -1 - np.arange(len(loose))
    steps[places] = np.arange(run.steps)
    return StreamPlan((seed, epoch), windows, loose, run, narrow(steps))


def read_windows(store: Store, begin: Numbers, end: Numbers) -> tuple[Ragged, Ragged]:
    """What windows read, and what they predict: the same, one further on in the stream."""
    read = store.spans("text", begin, end + 1)
    flat, offsets = read.flat.astype(np.int64), read.offsets - np.arange(len(read.offsets))
    inputs, targets = np.ones(len(flat), np.bool_), np.ones(len(flat), np.bool_)
    inputs[read.offsets[1:] - 1] = False
    targets[read.offsets[:-1]] = False
    return Ragged(flat[inputs], offsets), Ragged(flat[targets], offsets)
