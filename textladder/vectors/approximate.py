"""Approximate neighbours for millions of words: a graph of small worlds (Malkov and Yashunin 2018,
https://arxiv.org/abs/1603.09320), walked by usearch or hnswlib, whichever is installed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.vectors.neighbours import Nearest, Neighbours, best
from textladder.vectors.progress import processors

LIBRARIES = ("usearch.index", "hnswlib")
LINKS = 16  # of a node; twice as many on the lowest level
BREADTH = 128  # candidates while building; more: better and slower
SPARE = 2  # times as many as asked are fetched, and put in order by their exact cosines


class ApproximateNeighbours(Neighbours):
    """As `Neighbours`, but `nearest` looks at a small part of the matrix and may miss some rows. What it
    finds has exact cosines. breadth: candidates while searching; more: fewer are missed.

    Building takes a minute for some hundred thousand rows, and as much memory as the matrix again. Raises
    Problem if neither library is installed.
    """

    def __init__(self, matrix: NDArray[np.float32], breadth: int = 256, threads: int = 0) -> None:
        super().__init__(matrix)
        name, library = _library()
        self._search = (_usearch if name.startswith("usearch") else _hnswlib)(
            library, matrix, breadth, processors(threads)
        )

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
        places = self._search(vector, SPARE * n + len(out))
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


def _library() -> tuple[str, Any]:
    for name in LIBRARIES:
        try:
            return name, import_module(name)
        except ImportError:
            continue
    raise Problem(
        "approximate neighbours",
        "neither usearch nor hnswlib is installed.",
        'pip install "textladder[neighbours]"',
    )


def _usearch(library: Any, matrix: Any, breadth: int, threads: int) -> Any:
    index = library.Index(
        ndim=matrix.shape[1],
        metric="cos",
        dtype="f32",
        connectivity=LINKS,
        expansion_add=BREADTH,
        expansion_search=breadth,
    )
    index.add(np.arange(len(matrix)), np.ascontiguousarray(matrix), threads=threads)
    return lambda vector, n: np.asarray(index.search(vector, n, threads=1).keys, np.int64)


def _hnswlib(library: Any, matrix: Any, breadth: int, threads: int) -> Any:
    index = library.Index(space="cosine", dim=matrix.shape[1])
    index.init_index(max_elements=len(matrix), ef_construction=BREADTH, M=LINKS)
    index.add_items(matrix, np.arange(len(matrix)), num_threads=threads)

    def search(vector: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        index.set_ef(max(breadth, n))
        return np.asarray(index.knn_query(vector, k=n, num_threads=1)[0][0], np.int64)

    return search
