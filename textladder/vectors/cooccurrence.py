"""How often words stand near each other, counted out of core: the matrix X of GloVe (Pennington, Socher and
Manning 2014, section 3), in which a neighbour at distance d counts 1/d.

The corpus is read in chunks that fit the memory allowed. In a chunk, the positions of each word are gathered
and its row is counted in one dense array, so that rows come out in order with sorted columns: a sorted run,
which is appended to a file. The runs are merged row by row the same way. Threads share the rows: each counts,
writes and merges its own, and the result does not depend on how many there are.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textladder.files import writing
from textladder.vectors import cooccurrence_kernels as kernels

MEMORY = 256 << 20  # bytes for the tokens of a chunk, or for the runs that are merged at a time
ENTRIES = 1 << 18  # that a thread holds before it writes them (a row more, if a row is longer)


@dataclass(frozen=True)
class Cooccurrences:
    """The lower triangle of the symmetric matrix X [V, V], rows of words by falling frequency: row i holds
    `columns[starts[i]:starts[i + 1]]`, rising and none above i, and their `values`. M entries, on disk.

    X[i, i] counts both directions, as every other entry of the whole matrix does."""

    starts: NDArray[np.int64]  # [V + 1]
    columns: NDArray[np.int32]  # [M]
    values: NDArray[np.float32]  # [M]
    folder: Path

    def __len__(self) -> int:
        """Entries that are not zero in the lower triangle."""
        return len(self.columns)

    @property
    def terms(self) -> int:
        """Entries that are not zero in the whole matrix."""
        last = self.starts[1:] - 1
        filled = last >= self.starts[:-1]
        on_diagonal = self.columns[last[filled]] == np.flatnonzero(filled)
        return 2 * len(self) - int(np.count_nonzero(on_diagonal))


def count(
    ids: NDArray[np.int32],
    offsets: NDArray[np.int64],
    num_words: int,
    window: int,
    folder: Path,
    *,
    memory: int = MEMORY,
    threads: int = 1,
    report: Callable[[int], None] | None = None,
) -> Cooccurrences:
    """Counts the sentences ids[offsets[s]:offsets[s + 1]], ids below `num_words`, up to `window` tokens away.

    Leaves the result in `folder` (made here). `memory`: bytes, besides some 16 per word and thread. `report`
    is told how many tokens have been counted. Raises Problem, and leaves nothing, if the disk is full.
    """
    try:
        with writing(folder), ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            bounds = _shares(ids, num_words, threads)
            parts = [_Part.create(folder, f"{k}", bounds[k], bounds[k + 1], stack) for k in range(threads)]
            pool = stack.enter_context(ThreadPoolExecutor(threads))
            weights = 1.0 / np.arange(1, window + 1)
            for chunk in _chunks(ids, offsets, num_words, window, memory // 8):
                list(pool.map(partial(_count_chunk, chunk=chunk, weights=weights), parts))
                if report is not None:
                    report(chunk.stop)
            if len(parts[0].runs) > 1:
                outs = [
                    _Part.create(folder, f"{k}.merged", bounds[k], bounds[k + 1], stack)
                    for k in range(threads)
                ]
                list(pool.map(partial(_merge, num_words=num_words, memory=memory // threads), parts, outs))
                parts = outs
            return _join(parts, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _shares(ids: NDArray[np.int32], num_words: int, threads: int) -> list[int]:
    """Bounds of each thread's rows: about as many tokens in each, from a sample of the corpus."""
    sample = ids[:: max(1, len(ids) >> 20)]
    ends = np.cumsum(np.bincount(sample, minlength=num_words))
    shares = np.searchsorted(ends, np.linspace(0, len(sample), threads + 1)[1:-1], side="right")
    return [0, *(int(row) for row in shares), num_words]


@dataclass(frozen=True)
class _Chunk:
    padded: NDArray[np.int32]
    positions: NDArray[np.uint32]
    starts: NDArray[np.int64]  # [V + 1], into positions
    stop: int  # tokens of the corpus that are counted when this chunk is


def _chunks(
    ids: NDArray[np.int32], offsets: NDArray[np.int64], num_words: int, window: int, room: int
) -> Iterator[_Chunk]:
    """Parts of the corpus that take at most `room` positions with their separators (and one window)."""
    start, first, total = 0, 0, int(offsets[-1])
    room = min(max(room, 8 * window + 8), 1 << 31)
    while start < total:
        first = int(np.searchsorted(offsets, start, side="right")) - 1
        # The sentences first..last fit if their tokens and separators do; the one that does not is cut.
        limit = start + room - 3 * window
        last = (
            bisect_right(range(len(offsets)), limit, lo=first, key=partial(_cost, offsets, window, first)) - 1
        )
        stop = int(offsets[last])
        if last < len(offsets) - 1 and stop < limit - window * (last - first + 1):
            stop = min(limit - window * (last - first + 1), int(offsets[last + 1]))
            last += 1
        counts = np.zeros(num_words, np.int64)
        padded = np.empty(stop - start + window * (last - first + 3), np.int32)
        length = kernels.pad_sentences(
            ids, offsets, first, last, start, stop, window, num_words, padded, counts
        )
        starts = np.zeros(num_words + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        positions = np.empty(starts[-1], np.uint32)
        lead = window + min(window, start - int(offsets[first]))
        trail = window + max(0, min(window, int(offsets[last]) - stop))
        kernels.place_positions(padded, lead, length - trail, num_words, starts[:-1].copy(), positions)
        yield _Chunk(padded, positions, starts, stop)
        start = stop


def _cost(offsets: NDArray[np.int64], window: int, first: int, sentence: int) -> int:
    return int(offsets[sentence]) + window * (sentence - first)


@dataclass
class _Part:
    """The rows first..last of every run, one run after the other in two files, and how long each row is."""

    first: int
    last: int
    columns: BinaryIO
    values: BinaryIO
    runs: list[NDArray[np.int64]] = field(default_factory=list)

    @classmethod
    def create(cls, folder: Path, name: str, first: int, last: int, stack: ExitStack) -> _Part:
        """With empty files, which `stack` closes."""
        columns, values = ((folder / f"{of}.{name}").open("w+b") for of in ("columns", "values"))
        stack.enter_context(columns)
        stack.enter_context(values)
        return cls(first, last, columns, values)

    def write(self, columns: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        self.columns.write(columns.data)
        self.values.write(values.data)

    def read(self, start: int, stop: int, columns: NDArray[np.int32], values: NDArray[np.float32]) -> None:
        for file, out in ((self.columns, columns), (self.values, values)):
            file.seek(4 * start)
            file.readinto(out[: stop - start].data)  # type: ignore[attr-defined]

    def close(self) -> None:
        self.columns.close()
        self.values.close()

    def remove(self) -> None:
        self.close()
        for file in (self.columns, self.values):
            Path(file.name).unlink()


def _sums(num_words: int) -> tuple[NDArray[np.float64], NDArray[np.uint64], NDArray[np.uint64]]:
    """An empty row, and its two levels of bits; the separator has the last place."""
    return (
        np.zeros(num_words + 1, np.float64),
        np.zeros(num_words // 64 + 1, np.uint64),
        np.zeros(num_words // 4096 + 1, np.uint64),
    )


def _count_chunk(part: _Part, chunk: _Chunk, weights: NDArray[np.float64]) -> None:
    num_words = len(chunk.starts) - 1
    row, state = part.first, _sums(num_words)
    room = max(ENTRIES, part.last)
    columns, values = np.empty(room, np.int32), np.empty(room, np.float32)
    lengths = np.zeros(num_words, np.int64)
    while row < part.last:
        row, filled = kernels.count_rows(
            chunk.padded, chunk.positions, chunk.starts, row, part.last, weights, *state, columns, values,
            lengths,
        )  # fmt: skip
        part.write(columns[:filled], values[:filled])
    part.runs.append(lengths[part.first : part.last])


def _merge(part: _Part, out: _Part, num_words: int, memory: int) -> None:
    """One run from all runs of a part, a block of rows at a time; the part's files are removed."""
    lengths = np.stack(part.runs)  # [runs, rows]
    ends = np.cumsum(lengths.sum(0))  # [rows] entries of all runs up to each row
    # Where each run's rows start in the part's files.
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths.ravel())])
    state, room = _sums(num_words), memory // 16  # entries read and written at a time, 8 bytes each
    merged, row = np.zeros(lengths.shape[1], np.int64), 0
    while row < len(ends):
        before = int(ends[row - 1]) if row else 0
        stop = max(row + 1, int(np.searchsorted(ends, before + room, side="right")))
        total = int(ends[stop - 1]) - before
        inside = lengths[:, row:stop]
        places = np.zeros((len(inside), stop - row + 1), np.int64)
        columns, values = np.empty(total, np.int32), np.empty(total, np.float32)
        end = 0
        for run, sizes in enumerate(inside):
            np.cumsum(sizes, out=places[run, 1:])
            begin, size = int(starts[run * lengths.shape[1] + row]), int(places[run, -1])
            part.read(begin, begin + size, columns[end:], values[end:])
            places[run] += end
            end += size
        target = np.empty(total, np.int32), np.empty(total, np.float32)
        filled = kernels.merge_rows(
            places, columns, values, part.first + row, *state, *target, merged[row:stop]
        )
        out.write(target[0][:filled], target[1][:filled])
        row = stop
    part.remove()
    out.runs.append(merged)


def _join(parts: list[_Part], folder: Path) -> Cooccurrences:
    """The rows of all parts in one pair of files, mapped into memory."""
    first = parts[0]
    for part in parts[1:]:
        for target, source in ((first.columns, part.columns), (first.values, part.values)):
            source.seek(0)
            shutil.copyfileobj(source, target, 1 << 20)
        part.remove()
    first.close()
    starts = np.zeros(parts[-1].last + 1, np.int64)
    for part in parts:
        if part.runs:
            starts[part.first + 1 : part.last + 1] = part.runs[0]
    columns, values = (Path(file.name) for file in (first.columns, first.values))
    return Cooccurrences(np.cumsum(starts), _mapped(columns, "<i4"), _mapped(values, "<f4"), folder)


def _mapped(path: Path, dtype: str) -> NDArray[Any]:
    """A plain array over the file: indexing a memmap makes a memmap, which takes ten times as long."""
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype)
    return np.asarray(np.memmap(path, dtype=dtype, mode="r"))
