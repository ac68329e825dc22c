"""Compiled kernels (numba) for exact neighbours: rows rounded to bytes, and the rows that may be among the
nearest, found from those bytes with a bound on what the rounding can change.

Letters: V rows, D width, E the width padded to whole cache lines. Indices are unsigned where a test for
negative ones would stop vectorisation.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
# fastmath: sums may be taken in any order, which vectors of eight and sixteen need.
fast = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)

HIGHEST = np.float32(127)
LEAST = np.float32(1e-36)  # a row without a larger number counts as zeros


@fast
def round_rows(
    matrix: NDArray[np.float32],
    first: int,
    last: int,
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    errors: NDArray[np.float32],
    lengths: NDArray[np.float32],
) -> None:
    """Rows first..last, brought to length 1, as codes [V, E] times scales [V]; errors [V]: the length of what
    is lost by that; lengths [V]: those of the rows. A row of zeros has codes of zeros."""
    width = np.uint64(matrix.shape[1])
    for v in range(np.uint64(first), np.uint64(last)):
        lengths[v] = scales[v] = errors[v] = np.float32(0)
        largest = np.float32(0)
        for d in range(width):
            largest = max(largest, abs(matrix[v, d]))
        if largest < LEAST:
            continue
        factor, step = HIGHEST / largest, largest / HIGHEST
        square, lost = np.float32(0), np.float32(0)
        for d in range(width):
            value = matrix[v, d] * factor  # in -127..127: no square of it is too small or too large
            code = np.rint(value)
            codes[v, d] = np.int8(code)
            square += value * value
            lost += (value - code) * (value - code)
        length = np.sqrt(square)
        lengths[v] = length * step
        scales[v] = np.float32(1) / length
        errors[v] = np.sqrt(lost) / length


@kernel
def dot(codes: Any, start: Any, query: Any) -> Any:
    """Every step is brought back to 32 bits, which numba would leave for 64: that is what the processor's
    multiply-and-add of 16 bits needs."""
    total = np.int32(0)
    for d in range(np.uint64(len(query))):
        product = np.int32(np.int32(codes[start + d]) * np.int32(query[d]))
        total = np.int32(total + product)
    return total


@kernel
def candidates(
    codes: NDArray[np.int8],
    scales: NDArray[np.float32],
    errors: NDArray[np.float32],
    query: NDArray[np.int16],
    query_scale: float,
    query_length: float,
    query_error: float,
    first: int,
    last: int,
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    """The rows first..last that may be among the n nearest of them, and the highest cosine that each can
    have; and the lowest cosines that the n best have for certain.

    The query [E] is rounded too: times query_scale it has the length query_length and lacks query_error. So
    the true cosine differs from the rounded one by errors[v] * query_length + query_error at most.
    """
    flat, width = codes.reshape(-1), np.uint64(codes.shape[1])
    sure = np.full(n, np.float32(-2), np.float32)  # a heap: the lowest first
    found, most, count = np.empty(1024, np.int64), np.empty(1024, np.float32), 0
    for v in range(np.uint64(first), np.uint64(last)):
        cosine = np.float32(dot(flat, v * width, query)) * scales[v] * np.float32(query_scale)
        doubt = errors[v] * np.float32(query_length) + np.float32(query_error)
        if cosine + doubt < sure[0]:
            continue
        if count == len(found):  # many were kept while the bound was low: forget those that it rules out now
            kept = 0
            for k in range(count):
                if most[k] >= sure[0]:
                    found[kept], most[kept] = found[k], most[k]
                    kept += 1
            count = kept
            if count > len(found) // 2:
                found = np.concatenate((found, np.empty(len(found), np.int64)))
                most = np.concatenate((most, np.empty(len(most), np.float32)))
        found[count], most[count] = v, cosine + doubt
        count += 1
        if cosine - doubt > sure[0]:
            _replace_lowest(sure, cosine - doubt)
    return found[:count], most[:count], sure


@kernel
def keep_best(
    block: NDArray[np.float32], base: int, scores: NDArray[np.float32], places: NDArray[np.int64]
) -> None:
    """The scores [W, B] of rows base..base + W with B questions into the best so far [B, n] and their rows:
    heaps, the worst first. Of equal scores the earlier row is better. Most rows are above no worst, which is
    asked of all questions of a row at once."""
    count = np.uint64(block.shape[1])
    worst = scores[:, 0].copy()
    for w in range(np.uint64(len(block))):
        row, above = block[w], np.int32(0)
        for b in range(count):
            above += np.int32(row[b] > worst[b])
        if above == 0:
            continue
        for b in range(count):
            if row[b] > worst[b]:
                _sift(scores[b], places[b], row[b], base + w)
                worst[b] = scores[b, 0]


@kernel
def _sift(heap: Any, rows: Any, score: Any, row: Any) -> None:
    """Put a score and its row into the place of the worst."""
    place, size = 0, len(heap)
    while 2 * place + 1 < size:
        child = 2 * place + 1
        other = child + 1
        if other < size and (
            heap[other] < heap[child] or (heap[other] == heap[child] and rows[other] > rows[child])
        ):
            child = other
        if heap[child] > score or (heap[child] == score and rows[child] < row):
            break
        heap[place], rows[place] = heap[child], rows[child]
        place = child
    heap[place], rows[place] = score, row


@kernel
def _replace_lowest(heap: Any, value: Any) -> None:
    place, size = 0, len(heap)
    while 2 * place + 1 < size:
        child = 2 * place + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= value:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = value
