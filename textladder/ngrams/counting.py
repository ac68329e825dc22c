"""Counting all n-grams of a corpus by sorting, a run of units at a time; runs are merged on disk.

Inside a run every position has a rank: the number of the n-gram of the current length that begins there,
among all of them in sorted order. One counting sort by (rank, next unit) gives the ranks of n-grams one
unit longer, as in the suffix sorting of Larsson and Sadakane (2007), so that a level costs time linear in
the run, whatever the vocabulary. Texts are framed by <s> and </s>; no n-gram crosses the end of a text.
Texts come in rows, or as a *stream* that is framed already (`text.windowing`), in stretches of any length: a
text that is longer than memory goes on from one to the next.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import create
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.merging import merge
from textladder.ngrams.trie import MOST, Trie, check_size
from textladder.ragged import Ragged
from textladder.text.tokenizing import BEGIN, END, SPECIAL, UNKNOWN

UNIT_BITS = np.int64(32)
POSITION = np.int64((1 << 32) - 1)
OUTSIDE = -1  # between two texts of a stream


class Counter:
    """Takes texts as ids, chunk by chunk, and makes the tree of their n-grams in a folder."""

    def __init__(self, size: int, config: NgramConfig, folder: Path, begins: int = 0) -> None:
        """size: of the vocabulary. begins: how many units at its end begin texts, as <s> does."""
        self.size, self.config, self.folder, self.given = size, config, folder, size - begins
        self.texts = self.units = self.unknown = self.longest = 0
        self._inside = OUTSIDE
        # The last order - 1 places only continue n-grams that begin before them.
        self._stream = np.empty(config.run_units + config.order - 1, np.int32)
        self._fill = self._made = 0
        self._runs: list[Trie] = []

    def add(self, texts: Ragged | NDArray[np.int32]) -> None:
        """Counts rows of ids 0..V-1 without <pad>, <s> and </s>; or the next stretch of a stream, with them.
        Raises Problem for other ids, and where a text begins or ends out of turn."""
        stream = framed(texts, self.given, f"text {self.texts + 1:,} and after")
        wrong, texts_begun, units, longest, self._inside = go_through(
            stream, self.given, self.size, self._inside
        )
        if wrong >= 0:
            raise Problem(
                f"text {self.texts + texts_begun:,}",
                f"the id {int(stream[wrong])} cannot stand there.",
                "Each text of a stream is <s> or a unit that begins texts, its units, and </s>.",
            )
        self.texts += texts_begun
        self.units += units
        self.unknown += int(np.count_nonzero(stream == UNKNOWN))
        self.longest = max(self.longest, longest)
        if self.units + 2 * self.texts > MOST:
            raise Problem("corpus", f"it has more than {MOST:,} units.", "Count a part of it.")
        while len(stream):
            some = stream[: len(self._stream) - self._fill]
            self._stream[self._fill : self._fill + len(some)] = some
            self._fill += len(some)
            stream = stream[len(some) :]
            if self._fill == len(self._stream):
                self._count(self.config.run_units)

    def finish(self) -> Trie:
        """The tree of all texts. Raises Problem if the last one has no end."""
        if self._inside != OUTSIDE:
            raise Problem("corpus", "its last text has no end.", "Give the rest of the stream.")
        if self._fill or not self._runs:
            self._count(self._fill)
        self._stream = np.empty(0, np.int32)
        while len(self._runs) > 1:
            self._merge()
        return self._runs.pop()

    def _count(self, begins: int) -> None:
        """Make a run of the n-grams that begin at the first `begins` units; the rest waits for the next."""
        stream = self._stream[: self._fill]
        self._runs.append(
            count_run(stream, begins, self.size, self.given, self.config.order, self._next_folder())
        )
        rest = self._fill - begins
        self._stream[:rest] = stream[begins:].copy()
        self._fill = rest
        # Trees of like size are merged, so that each n-gram is merged a logarithmic number of times.
        while len(self._runs) > 1 and self._runs[-1].starts[-1] * 2 >= self._runs[-2].starts[-1]:
            self._merge()

    def _merge(self) -> None:
        one, other = self._runs.pop(), self._runs.pop()
        merged = merge(other, one, self._next_folder())
        one.remove()
        other.remove()
        self._runs.append(merged)

    def _next_folder(self) -> Path:
        self._made += 1
        return self.folder / f"run-{self._made}"


def count(
    texts: Iterable[Ragged | NDArray[np.int32]], size: int, config: NgramConfig, folder: Path, begins: int = 0
) -> tuple[Trie, Counter]:
    """The tree of all texts, and the counter that knows how many there were. Raises Problem if no text is as
    long as the order."""
    counter = Counter(size, config, folder, begins)
    for chunk in texts:
        counter.add(chunk)
    if not counter.texts:
        raise Problem("corpus", "there is no text in it.", "Give at least one text.")
    if counter.longest + 2 < config.order:
        raise Problem(
            "corpus",
            f"its longest text has {counter.longest} units, too few for an n-gram of order {config.order}, "
            "with <s> and </s>.",
            f"Choose order {counter.longest + 2} or lower, or give longer texts.",
        )
    return counter.finish(), counter


def framed(texts: Ragged | NDArray[np.int32], size: int, where: str) -> NDArray[np.int32]:
    """Rows end to end as int32, each between <s> and </s>; a stream as it is. Raises Problem for ids that no
    row can have."""
    if not isinstance(texts, Ragged):
        return np.array(texts, np.int32)  # a copy, which may be written to: one type for the kernels
    flat = np.ascontiguousarray(texts.flat, np.int32)
    offsets = np.ascontiguousarray(texts.offsets, np.int64)
    stream = np.empty(offsets[-1] - offsets[0] + 2 * len(texts), np.int32)
    wrong = frame(flat, offsets, size, stream)
    if wrong < 0:
        return stream
    unit = int(flat[wrong])
    special = 0 <= unit < len(SPECIAL)
    what = f"the id {unit} is {SPECIAL[unit]}" if special else f"the id {unit} is not one of 0..{size - 1}"
    raise Problem(
        where,
        f"{what}.",
        "Encode with a tokenizer that has ends=False: <s> and </s> are added here."
        if special
        else "Encode the texts with the tokenizer whose vocabulary was given.",
    )


@kernel
def frame(flat: Any, offsets: Any, size: int, stream: Any) -> int:
    """Fills `stream`; the place in `flat` of the first id that is not allowed, or -1."""
    n = 0
    for b in range(len(offsets) - 1):
        stream[n] = BEGIN
        n += 1
        for i in range(offsets[b], offsets[b + 1]):
            unit = flat[i]
            if unit != UNKNOWN and (unit <= END or unit >= size):
                return i
            stream[n] = unit
            n += 1
        stream[n] = END
        n += 1
    return -1


@kernel
def go_through(stream: Any, given: int, size: int, inside: int) -> tuple[int, int, int, int, int]:
    """(place of the first id that is out of place or -1; texts begun, their units, units of the longest;
    units of the text that goes on behind the stretch, or OUTSIDE). `inside`: the last of them before it."""
    texts, units, longest = 0, 0, 0
    for i in range(len(stream)):
        unit = stream[i]
        if unit == BEGIN or given <= unit < size:
            if inside != OUTSIDE:
                return i, texts, units, longest, inside
            inside = 0
            texts += 1
        elif inside == OUTSIDE or unit <= 0 or unit >= size:
            return i, texts, units, longest, inside
        elif unit == END:
            inside = OUTSIDE
        else:
            inside += 1
            units += 1
            longest = max(longest, inside)
    return -1, texts, units, longest, inside


def count_run(
    stream: NDArray[np.int32], begins: int, size: int, given: int, order: int, folder: Path
) -> Trie:
    """The tree of the n-grams that begin at the first `begins` places of `stream`."""
    ids = create(folder / "ids", "<i4", min(size + (order - 1) * begins, MOST))
    first = create(folder / "first", "<i4", min(size + max(order - 2, 0) * begins, MOST) + 1)
    counts = create(folder / "counts", "<i4", len(ids))
    rank = np.empty(begins, np.int32)
    number_units(stream, size, ids, counts, rank)
    starts = [0, size]
    places = sort_places(stream, size) if order > 1 else rank
    sorted_by = np.empty(begins if order > 1 else 0, np.int64)
    for length in range(1, order):
        low, high = starts[-2:]
        check_size(high + begins, "corpus")
        ends = np.empty(high - low, np.int32)
        place_next(stream, places, rank, length, counts[low:high], ends, sorted_by)
        starts.append(number(sorted_by, ends, counts, low, high, ids, first, rank))
    counts[BEGIN] = 0
    counts[given:size] = 0
    return Trie.shortened(folder, starts)


@kernel
def number_units(stream: Any, size: int, ids: Any, counts: Any, rank: Any) -> None:
    """Level 1: one node per unit of the vocabulary, seen or not."""
    for unit in range(size):
        ids[unit] = unit
    for i in range(len(rank)):
        counts[stream[i]] += 1
        rank[i] = stream[i] if stream[i] != END else -1


@kernel
def sort_places(stream: Any, size: int) -> NDArray[np.int32]:
    """All places [N], sorted by the unit there, then by place."""
    ends = np.zeros(size + 1, np.int64)
    for i in range(len(stream)):
        ends[stream[i] + 1] += 1
    for unit in range(size):
        ends[unit + 1] += ends[unit]
    places = np.empty(len(stream), np.int32)
    for i in range(len(stream)):
        places[ends[stream[i]]] = i
        ends[stream[i]] += 1
    return places


@kernel
def place_next(
    stream: Any, places: Any, rank: Any, length: int, sizes: Any, ends: Any, sorted_by: Any
) -> None:
    """Sorts the places where n-grams of `length` units begin by (rank, next unit): as going through `places`
    gives the next units in order, each place is put at the end of what its rank has so far.

    sizes [P]: how often each rank occurs. ends [P], out: where its places end. sorted_by, out: next unit in
    the upper 32 bits, place in the lower.
    """
    total = np.int64(0)
    for node in range(len(sizes)):
        ends[node] = total
        total += sizes[node]
    for j in places:
        i = j - length
        if 0 <= i < len(rank):
            node = rank[i]
            if node >= 0:
                sorted_by[ends[node]] = (np.int64(stream[j]) << UNIT_BITS) | np.int64(i)
                ends[node] += 1


@kernel
def number(
    sorted_by: Any, ends: Any, counts: Any, low: int, high: int, ids: Any, first: Any, rank: Any
) -> int:
    """Makes the children of the nodes low..high and ranks the places anew; the end of the new level.

    A place gets no rank (-1) where the n-gram is cut off by the end of the text.
    """
    for i in range(len(rank)):
        rank[i] = -1
    last, begin = high - 1, np.int64(0)
    for node in range(low, high):
        first[node] = last + 1
        before = np.int64(-1)
        for slot in range(begin, ends[node - low]):
            unit, place = sorted_by[slot] >> UNIT_BITS, sorted_by[slot] & POSITION
            if unit != before:
                last += 1
                ids[last], counts[last], before = unit, 0, unit
            counts[last] += 1
            if unit != END:
                rank[place] = last - high
        begin += counts[node]
    return last + 1
