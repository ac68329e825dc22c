"""Approximate neighbours for millions of words: a graph of small worlds (Malkov and Yashunin 2018,
https://arxiv.org/abs/1603.09320), walked by usearch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.vectors.neighbours import Nearest, Neighbours, best
from textladder.vectors.progress import processors

LINKS = 16  # of a node; twice as many on the lowest level
BREADTH = 128  # candidates while building; more: better and slower
SPARE = 2  # times as many as asked are fetched, and put in order by their exact cosines


class ApproximateNeighbours(Neighbours):
    """As `Neighbours`, but `nearest` looks at a small part of the matrix and may miss some rows. What it
    finds has exact cosines. breadth: candidates while searching; more: fewer are missed.

    Building takes a minute for some hundred thousand rows, and as much memory as the matrix again. Raises
    Problem if usearch is not installed.
    """

    def __init__(self, matrix: NDArray[np.float32], breadth: int = 256, threads: int = 0) -> None:
        super().__init__(matrix)
        self._index = _index(matrix, breadth, processors(threads))

    def nearest(
        self,
        vector: NDArray[np.float32],
        n: int,
        leave_out: NDArray[np.int64] | None = None,
        rows: int | None = None,
    ) -> Nearest:
        out = np.zeros(0, np.int64) if leave_out is None else leave_out
        if rows is not None or n + len(out) > len(self.matrix) // 8:  # a part of the graph cannot be searched
            return super().nearest(vector, n, leave_out, rows)
        vector = np.asarray(vector, np.float32)
        places = np.asarray(self._index.search(vector, SPARE * n + len(out), threads=1).keys, np.int64)
        places = places[~np.isin(places, out)]
        lengths = np.maximum(np.linalg.norm(self.matrix[places], axis=1), np.finfo(np.float32).tiny)
        scores = self.matrix[places] @ (vector / max(float(np.linalg.norm(vector)), 1e-30)) / lengths
        chosen, values = best(np.asarray(scores, np.float32), n, np.zeros(0, np.int64))
        return places[chosen], values


def recall(approximate: Neighbours, exact: Neighbours, rows: NDArray[np.int64], n: int = 10) -> float:
    """Share of the exact n nearest of some rows that the approximate search finds."""
    shares = [
        np.isin(exact.nearest(exact.matrix[row], n)[0], approximate.nearest(exact.matrix[row], n)[0]).mean()
        for row in rows
    ]
    return float(np.mean(shares))


def _index(matrix: NDArray[np.float32], breadth: int, threads: int) -> Any:
    try:
        from usearch.index import Index
    except ImportError as error:
        raise Problem(
            "approximate neighbours", "usearch is not installed.", 'pip install "textladder[neighbours]"'
        ) from error
    index = Index(
        ndim=matrix.shape[1],
        metric="cos",
        dtype="f32",
        connectivity=LINKS,
        expansion_add=BREADTH,
        expansion_search=breadth,
    )
    index.add(np.arange(len(matrix)), np.ascontiguousarray(matrix), threads=threads)
    return index
