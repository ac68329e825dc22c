"""The rows of a matrix nearest to a vector, by cosine. Exact.

The time of a question is that of reading the matrix from memory. So a copy of it in bytes, a quarter of its
size, is read first; a bound on what the rounding can change leaves some dozens of rows that may be among the
nearest, and these alone are read in full. Measured figures stand in the documentation.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.vectors import neighbours_kernels as kernels
from textladder.vectors.progress import processors

LINE = 64  # bytes of a cache line
SMALL = 1 << 20  # numbers: a smaller matrix is multiplied as it is
THREADED = 1 << 22  # numbers: for fewer, a second thread costs more than it brings
QUERIES, ROWS = 128, 1 << 12  # of one matrix product: its scores stay in the cache
SAFETY = 1e-5  # beyond the bound, for the rounding of float32 itself
Nearest = tuple[NDArray[np.int64], NDArray[np.float32]]


class Neighbours:
    """Cosines with the rows of a matrix [V, D]. A row of zeros has cosine 0 with everything. unit: all rows
    have length 1, or are zeros."""

    def __init__(self, matrix: NDArray[np.float32], unit: bool = False) -> None:
        self.matrix, self.unit = matrix, unit
        size = matrix.size
        self.threads = 1 if size < THREADED else processors(0)
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="neighbours")

    @cached_property
    def lengths(self) -> NDArray[np.float32]:
        """[V] Euclidean lengths of the rows."""
        if self.unit:
            return np.ones(len(self.matrix), np.float32)
        return self._rounded[3]

    @cached_property
    def _rounded(self) -> tuple[Any, ...]:
        """codes [V, E] int8, scales, errors and lengths [V]."""
        count, width = self.matrix.shape
        codes = np.zeros((count, -(-width // LINE) * LINE), np.int8)
        scales, errors, lengths = (np.empty(count, np.float32) for _ in range(3))
        matrix = np.ascontiguousarray(self.matrix)
        matrix.flags.writeable = False  # one type for the compiled kernel, mapped or not

        def work(first: int, last: int) -> None:
            kernels.round_rows(matrix, first, last, codes, scales, errors, lengths)

        self._shared(work, count)
        return codes, scales, errors, lengths

    def cosines(self, vector: NDArray[np.float32], rows: int | None = None) -> NDArray[np.float32]:
        """[V] cosines of a vector [D] with every row, or with the first `rows`."""
        scores: NDArray[np.float32] = self.matrix[:rows] @ unit(vector)
        scores /= np.maximum(self.lengths[:rows], np.finfo(np.float32).tiny)
        return scores

    def nearest(
        self,
        vector: NDArray[np.float32],
        n: int,
        leave_out: NDArray[np.int64] | None = None,
        rows: int | None = None,
    ) -> Nearest:
        """Up to n rows (of the first `rows`) nearest to a vector [D], nearest first, and their cosines; none
        of those to leave out."""
        out = np.zeros(0, np.int64) if leave_out is None else np.unique(leave_out)
        count = len(self.matrix) if rows is None else min(rows, len(self.matrix))
        enough = n + len(out)
        if self.matrix.size < SMALL or 8 * enough > count or n < 1:
            return best(self.cosines(vector, rows), n, out)
        query = unit(vector)
        places = self._candidates(query, enough, count)
        places = places[~np.isin(places, out)]
        products: NDArray[np.float32] = self.matrix[places] @ query
        products /= np.maximum(self.lengths[places], np.finfo(np.float32).tiny)
        chosen, scores = best(products, n, np.zeros(0, np.int64))
        return places[chosen], scores

    def _candidates(self, query: NDArray[np.float32], n: int, count: int) -> NDArray[np.int64]:
        """The rows that may be among the n nearest, rising."""
        codes, scales, errors, _ = self._rounded
        width = codes.shape[1]
        # As fine as a sum over the width in 32 bits allows.
        finest = min(np.iinfo(np.int16).max, (np.iinfo(np.int32).max // 128) // width)
        step = max(float(np.abs(query).max()), 1e-30) / finest
        rounded = np.zeros(width, np.int16)
        rounded[: len(query)] = np.rint(query / step)
        kept = rounded[: len(query)] * step
        length, error = float(np.linalg.norm(kept)), float(np.linalg.norm(query - kept)) + SAFETY

        def work(first: int, last: int) -> Any:
            return kernels.candidates(codes, scales, errors, rounded, step, length, error, first, last, n)

        found, most, sure = (np.concatenate(parts) for parts in zip(*self._shared(work, count), strict=True))
        least = np.partition(sure, len(sure) - n)[len(sure) - n]
        return np.sort(found[most >= least])

    def _shared(self, work: Any, count: int) -> list[Any]:
        """work(first, last) over shares of the rows, a thread for each."""
        bounds = [count * k // self.threads for k in range(self.threads + 1)]
        if self.threads == 1:
            return [work(0, count)]
        return list(self._pool.map(work, bounds[:-1], bounds[1:]))

    def nearest_many(self, vectors: NDArray[np.float32], n: int, penalty: Any = None) -> Nearest:
        """The n nearest rows of each vector [B, D], nearest first, [B, n], and their scores: the cosine, less
        penalty [V] if it is given."""
        n = min(n, len(self.matrix))
        given = np.asarray(vectors, np.float32)
        scale = None if self.unit else 1 / np.maximum(self.lengths, np.finfo(np.float32).tiny)
        room = np.empty((min(ROWS, len(self.matrix)), min(QUERIES, len(given))), np.float32)
        scores = np.full((len(given), n), -np.inf, np.float32)
        found = np.full((len(given), n), np.iinfo(np.int64).max)
        for first in range(0, len(given) if n else 0, QUERIES):
            some = slice(first, first + QUERIES)
            queries = given[some] / np.maximum(np.linalg.norm(given[some], axis=1, keepdims=True), 1e-30)
            for base in range(0, len(self.matrix), ROWS):
                rows = slice(base, min(base + ROWS, len(self.matrix)))
                block = np.matmul(self.matrix[rows], queries.T, out=room[: rows.stop - base, : len(queries)])
                if scale is not None:
                    block *= scale[rows, None]
                if penalty is not None:
                    block -= penalty[rows, None]
                kernels.keep_best(block, base, scores[some], found[some])
        order = np.lexsort((found, -scores), axis=1)
        return np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)


def best(scores: NDArray[np.float32], n: int, leave_out: NDArray[np.int64]) -> Nearest:
    """The places of the n highest scores, highest first (the earlier of equals), and these; changes `scores`
    at the places to leave out."""
    scores[leave_out[leave_out < len(scores)]] = -np.inf
    n = min(n, len(scores))
    if n < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    places = np.argpartition(scores, len(scores) - n)[len(scores) - n :]
    places = places[np.lexsort((places, -scores[places]))]
    places = places[scores[places] > -np.inf]
    return places, scores[places]


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """The vector [D] brought to length 1; zeros stay."""
    wide = np.asarray(vector, np.float64)  # whose squares are never too small
    length = np.sqrt(wide @ wide)
    return (wide / length if length > 0 else wide).astype(np.float32)
