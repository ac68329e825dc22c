"""Approximate neighbours by inverted lists: rows are sorted into the cells of k-means, and a question looks
into the cells nearest to it (Jegou et al. 2011, https://doi.org/10.1109/TPAMI.2010.57, section IV)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textladder.vectors.neighbours import Nearest, Neighbours, best, unit

SAMPLE = 64  # rows for each cell that centres are learned from
ROUNDS = 10
PROBES = 16  # cells that a question looks into, of about the square root of the rows


@dataclass(frozen=True)
class Cells:
    """centres [K, D] of length 1; order [V]: the rows by their cell; bounds [K + 1] of the cells in it."""

    centres: NDArray[np.float32]
    order: NDArray[np.int64]
    bounds: NDArray[np.int64]

    @classmethod
    def of(cls, matrix: NDArray[np.float32], count: int | None = None, seed: int = 0) -> Cells:
        """Cells of rows of length 1 by k-means of directions (Dhillon and Modha 2001), about the square root
        of their number. A centre that no row is nearest to moves to a row chosen by chance."""
        rows = len(matrix)
        count = min(count or max(round(rows**0.5), 1), rows)
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(rows, min(SAMPLE * count, rows), replace=False))
        sample = np.asarray(matrix[chosen], np.float32)
        centres = sample[rng.choice(len(sample), count, replace=False)].copy()
        for _ in range(ROUNDS):
            cell = _cell(centres, sample)
            order, bounds = _sorted(cell, count)
            full = np.flatnonzero(np.diff(bounds))
            centres[full] = np.add.reduceat(sample[order], bounds[full], axis=0)
            empty = np.flatnonzero(np.diff(bounds) == 0)
            centres[empty] = sample[rng.integers(0, len(sample), len(empty))]
            centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-30)
        return cls(centres, *_sorted(_cell(centres, matrix), count))


class CellNeighbours(Neighbours):
    """As `Neighbours`, for rows of length 1, but `nearest` looks into some cells alone and may miss some
    rows. What it finds has exact cosines. probes: cells that are looked into; more: fewer rows are missed.

    Memory is that of the matrix again, in which the rows of a cell stand together.
    """

    def __init__(self, matrix: NDArray[np.float32], cells: Cells, probes: int = PROBES) -> None:
        super().__init__(matrix, unit=True)
        self.cells, self.probes = cells, min(probes, len(cells.centres))
        self._together = np.asarray(matrix[cells.order], np.float32)

    def nearest(
        self,
        vector: NDArray[np.float32],
        n: int,
        leave_out: NDArray[np.int64] | None = None,
        rows: int | None = None,
    ) -> Nearest:
        out = np.zeros(0, np.int64) if leave_out is None else leave_out
        if rows is not None or n + len(out) > len(self.matrix) // 8:
            return super().nearest(vector, n, leave_out, rows)
        query, cells = unit(vector), self.cells
        nearest_first = np.argsort(-(cells.centres @ query), kind="stable")
        sizes = np.diff(cells.bounds)[nearest_first].cumsum()
        probes = max(self.probes, int(np.searchsorted(sizes, n + len(out))) + 1)
        spans = [slice(*cells.bounds[cell : cell + 2]) for cell in nearest_first[:probes]]
        scores = np.concatenate([self._together[span] @ query for span in spans])
        places = np.concatenate([cells.order[span] for span in spans])
        kept = ~np.isin(places, out)
        scores, places = scores[kept], places[kept]
        chosen, values = best(scores, n, np.zeros(0, np.int64))
        return places[chosen], values


def _cell(centres: NDArray[np.float32], rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """The nearest centre of each row."""
    return Neighbours(centres, unit=True).nearest_many(rows, 1)[0][:, 0]


def _sorted(cell: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    bounds = np.append(0, np.bincount(cell, minlength=count).cumsum()).astype(np.int64)
    return np.argsort(cell, kind="stable"), bounds
