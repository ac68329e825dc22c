"""Compiled kernels (numba) that count which words stand near each other, a row of the matrix at a time.

Letters: V words, N tokens of a chunk, W the window. The sums of one row stand in a dense array [V + 1], which
the nearest caches hold, and two levels of bits say which of its columns are in use (a bit per column; a bit
per 64 of those): a row costs as much as it has neighbours, and its columns come out sorted without a sort.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import U0, U1, U6, U63, kernel, ones

U12 = np.uint64(12)


@kernel
def pad_sentences(
    ids: NDArray[np.int32],
    offsets: NDArray[np.int64],
    first: int,
    last: int,
    start: int,
    stop: int,
    window: int,
    separator: int,
    padded: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> int:
    """Copies the tokens of sentences first..last, `window` separators before, between and after them, so that
    no window needs a test of its sentence's bounds. Tokens outside start..stop (of a sentence that was cut)
    are kept only as neighbours: as far as the window reaches. Adds up in `counts` [V] how often each word
    is in start..stop, and returns the length."""
    length = 0
    for s in range(first, last):
        for _ in range(window):
            padded[length] = separator
            length += 1
        for i in range(max(offsets[s], start - window), min(offsets[s + 1], stop + window)):
            padded[length] = ids[i]
            length += 1
            if start <= i < stop:
                counts[ids[i]] += 1
    for _ in range(window):
        padded[length] = separator
        length += 1
    return length


@kernel
def place_positions(
    padded: NDArray[np.int32], first: int, last: int, separator: int, ends: NDArray[np.int64], out: Any
) -> None:
    """Where in `padded` each word stands, word after word: a counting sort. `ends` [V]: where each word's
    positions start, and afterwards where they end; tokens before `first` and from `last` on are not taken."""
    for i in range(first, last):
        word = padded[i]
        if word != separator:
            out[ends[word]] = i
            ends[word] += 1


@kernel
def mark(column: Any, value: Any, sums: Any, bits: Any, blocks: Any) -> None:
    """Adds to a column of the row, and notes that it is in use."""
    sums[column] += value
    bits[column >> U6] |= U1 << (column & U63)
    blocks[column >> U12] |= U1 << ((column >> U6) & U63)


@kernel
def take_row(limit: Any, sums: Any, bits: Any, blocks: Any, columns: Any, values: Any, length: Any) -> Any:
    """Moves the row's columns up to `limit`, rising, behind the `length` entries that are there; empties the
    row. Returns the new length."""
    for b in range(np.uint64(len(blocks))):
        block = blocks[b]
        while block != U0:
            rest = block & (block - U1)
            w = (b << U6) + ones((block ^ rest) - U1)
            block = rest
            word = bits[w]
            while word != U0:
                left = word & (word - U1)
                column = (w << U6) + ones((word ^ left) - U1)
                word = left
                if column <= limit:
                    columns[length] = np.int32(column)
                    values[length] = np.float32(sums[column])
                    length += U1
                sums[column] = 0.0
            bits[w] = U0
        blocks[b] = U0
    return length


@kernel
def count_rows(
    padded: NDArray[np.int32],
    positions: NDArray[np.uint32],
    starts: NDArray[np.int64],
    row: int,
    last: int,
    weights: NDArray[np.float64],
    sums: NDArray[np.float64],
    bits: NDArray[np.uint64],
    blocks: NDArray[np.uint64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    lengths: NDArray[np.int64],
) -> tuple[int, int]:
    """Rows row..last of the lower triangle, until the buffers might not hold another row. weights[d]: what a
    neighbour d + 1 tokens away counts. Returns the next row and how many entries are in the buffers."""
    window, filled, room = np.uint64(len(weights)), U0, np.uint64(len(columns))
    while row < last and filled + np.uint64(row + 1) <= room:
        for p in range(starts[row], starts[row + 1]):
            centre = np.uint64(positions[p])
            for d in range(window):
                mark(np.uint64(padded[centre - d - U1]), weights[d], sums, bits, blocks)
                mark(np.uint64(padded[centre + d + U1]), weights[d], sums, bits, blocks)
        before = filled
        filled = take_row(np.uint64(row), sums, bits, blocks, columns, values, filled)
        lengths[row] = np.int64(filled - before)
        row += 1
    return row, int(filled)


@kernel
def merge_rows(
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    first: int,
    sums: NDArray[np.float64],
    bits: NDArray[np.uint64],
    blocks: NDArray[np.uint64],
    out_columns: NDArray[np.int32],
    out_values: NDArray[np.float32],
    lengths: NDArray[np.int64],
) -> int:
    """Adds up the rows from `first` on of all runs: starts[run, k]..starts[run, k + 1] are the entries of row
    first + k. Returns how many there are."""
    filled = U0
    for k in range(starts.shape[1] - 1):
        for run in range(len(starts)):
            for i in range(starts[run, k], starts[run, k + 1]):
                mark(np.uint64(columns[i]), np.float64(values[i]), sums, bits, blocks)
        before = filled
        filled = take_row(np.uint64(first + k), sums, bits, blocks, out_columns, out_values, filled)
        lengths[k] = np.int64(filled - before)
    return int(filled)
