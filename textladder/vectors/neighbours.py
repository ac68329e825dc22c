"""The rows of a matrix nearest to a vector, by cosine. Exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 1 << 16


class Neighbours:
    """Cosines with the rows of a matrix [V, D], whose lengths are kept. A row of zeros has cosine 0."""

    def __init__(self, matrix: NDArray[np.float32]) -> None:
        self.matrix = matrix
        self.lengths = row_lengths(matrix)

    def cosines(self, vector: NDArray[np.float32], rows: int | None = None) -> NDArray[np.float32]:
        """[V] cosines of a vector [D] with every row, or with the first `rows`."""
        length = float(np.linalg.norm(vector))
        scores: NDArray[np.float32] = self.matrix[:rows] @ vector.astype(np.float32)
        scores /= np.maximum(self.lengths[:rows] * length, np.finfo(np.float32).tiny)
        return scores

    def nearest(
        self, vector: NDArray[np.float32], n: int, leave_out: NDArray[np.int64], rows: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Up to n rows nearest to a vector [D], nearest first, and their cosines."""
        return best(self.cosines(vector, rows), n, leave_out)


def best(
    scores: NDArray[np.float32], n: int, leave_out: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The places of the n highest scores, highest first (the earlier of equals), and these; changes `scores`
    at the places to leave out."""
    scores[leave_out[leave_out < len(scores)]] = -np.inf
    n = min(n, len(scores))
    if n < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    places = np.argpartition(-scores, n - 1)[:n] if n < len(scores) else np.arange(n)
    places = places[np.lexsort((places, -scores[places]))]
    places = places[scores[places] > -np.inf]
    return places, scores[places]


def row_lengths(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """[V] Euclidean lengths, block by block."""
    lengths = np.empty(len(matrix), np.float32)
    for first in range(0, len(matrix), BLOCK_ROWS):
        block = matrix[first : first + BLOCK_ROWS]
        lengths[first : first + BLOCK_ROWS] = np.sqrt(np.einsum("vd,vd->v", block, block))
    return lengths
