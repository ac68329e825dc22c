"""Rows of float32 packed into bytes: one byte for each number, or one for each group of numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from textladder.vectors.progress import processors

CENTROIDS = 256
SAMPLE = 1 << 15  # rows that centroids are learned from
ROUNDS = 12
BLOCK_ROWS = 1 << 13
Rows = slice | NDArray[np.int64]


@dataclass(frozen=True)
class Packed:
    """codes: [V, D] int8 with scales [V], a row being their product; or, with centroids [P, 256, D / P],
    codes [V, P] uint8, a row being the centroids of its P groups end to end, times scales [V], its
    length."""

    codes: NDArray[Any]
    scales: NDArray[np.float32]
    centroids: NDArray[np.float32] | None
    dim: int

    def rows(self, chosen: Rows = slice(None)) -> NDArray[np.float32]:
        """The rows as float32 [n, D]."""
        codes, scales = self.codes[chosen], self.scales[chosen]
        out = np.empty((len(codes), self.dim), np.float32)
        for first in range(0, len(codes), BLOCK_ROWS):
            block = codes[first : first + BLOCK_ROWS]
            if self.centroids is None:
                values = block.astype(np.float32)
            else:
                groups = self.centroids[np.arange(block.shape[1]), block]  # [n, P, D / P]
                values = groups.reshape(len(block), -1)[:, : self.dim]
            np.multiply(values, scales[first : first + BLOCK_ROWS, None], out=out[first : first + BLOCK_ROWS])
        return out

    @property
    def nbytes(self) -> int:
        more = 0 if self.centroids is None else self.centroids.nbytes
        return int(self.codes.nbytes + self.scales.nbytes + more)


def to_bytes(matrix: NDArray[np.float32]) -> Packed:
    """Each number as one byte: the largest of a row is 127 steps, and the step is kept for each row."""
    codes, scales = np.empty(matrix.shape, np.int8), np.empty(len(matrix), np.float32)
    for first in range(0, len(matrix), BLOCK_ROWS):
        block = matrix[first : first + BLOCK_ROWS]
        steps = np.maximum(np.abs(block).max(axis=1, initial=0) / 127, np.finfo(np.float32).tiny)
        scales[first : first + BLOCK_ROWS] = steps
        codes[first : first + BLOCK_ROWS] = np.rint(block / steps[:, None])
    return Packed(codes, scales, None, matrix.shape[1])


def to_products(matrix: NDArray[np.float32], group: int = 4, seed: int = 0) -> Packed:
    """Each `group` of numbers as one byte: the nearest of 256 centroids of that group (product quantisation,
    Jegou et al. 2011), learned by k-means from rows of length 1; the length is kept for each row."""
    count, dim = matrix.shape
    groups = -(-dim // group)
    rng = np.random.default_rng(seed)
    sample = matrix if count <= SAMPLE else matrix[np.sort(rng.choice(count, SAMPLE, replace=False))]
    learned = _grouped(sample, groups, group)[0]
    seeds = rng.spawn(groups)
    with ThreadPoolExecutor(processors(0)) as pool:
        learn = pool.map(_kmeans, [np.ascontiguousarray(learned[:, p]) for p in range(groups)], seeds)
        centroids = np.stack(list(learn))  # [P, 256, D / P]
    codes, scales = np.empty((count, groups), np.uint8), np.empty(count, np.float32)
    for first in range(0, count, BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS)
        rows, scales[part] = _grouped(matrix[part], groups, group)
        for p in range(groups):
            codes[part, p] = _closest(np.ascontiguousarray(rows[:, p]), centroids[p])
    return Packed(codes, scales, centroids, dim)


def _grouped(
    matrix: NDArray[np.float32], groups: int, group: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows of length 1 cut into groups [n, P, D / P] (the last filled up with zeros), and the lengths [n]."""
    lengths = np.linalg.norm(matrix, axis=1)
    rows = np.zeros((len(matrix), groups * group), np.float32)
    rows[:, : matrix.shape[1]] = matrix / np.maximum(lengths, 1e-30)[:, None]
    return rows.reshape(len(matrix), groups, group), lengths


def _kmeans(points: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """256 centroids of points [n, d]. One that no point is nearest to moves to a point chosen by chance."""
    chosen = rng.choice(len(points), CENTROIDS, replace=len(points) < CENTROIDS)
    centroids = points[chosen].copy()
    for _ in range(ROUNDS):
        nearest = _closest(points, centroids)
        counts = np.bincount(nearest, minlength=CENTROIDS)
        for d in range(points.shape[1]):
            sums = np.bincount(nearest, weights=points[:, d], minlength=CENTROIDS)
            centroids[:, d] = sums / np.maximum(counts, 1)
        empty = np.flatnonzero(counts == 0)
        centroids[empty] = points[rng.integers(0, len(points), len(empty))]
    return centroids


def _closest(points: NDArray[np.float32], centroids: NDArray[np.float32]) -> NDArray[np.int64]:
    """The nearest of the centroids [256, d] to each point [n, d]."""
    return _closest_rows(points, np.ascontiguousarray(centroids.T))


@numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def _closest_rows(points: NDArray[np.float32], columns: NDArray[np.float32]) -> NDArray[np.int64]:
    count, nearest = np.uint64(columns.shape[1]), np.empty(len(points), np.int64)
    squares = np.empty(count, np.float32)
    for i in range(len(points)):
        squares[:] = 0
        for d in range(np.uint64(points.shape[1])):
            value = points[i, d]
            for c in range(count):
                gap = value - columns[d, c]
                squares[c] += gap * gap
        least = np.float32(np.inf)
        for c in range(count):  # a minimum and then its place: the compiler does many at once
            least = min(least, squares[c])
        place = np.int64(0)
        while squares[place] > least:
            place += 1
        nearest[i] = place
    return nearest
