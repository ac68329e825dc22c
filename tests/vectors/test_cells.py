"""Inverted lists against the exact search, and k-means against what it must leave true."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from textladder.vectors.approximate import recall
from textladder.vectors.cells import CellNeighbours, Cells
from textladder.vectors.neighbours import Neighbours


def rows_in_bundles(count: int = 3000, dim: int = 16, bundles: int = 40) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(bundles, dim))
    rows = centres[rng.integers(0, bundles, count)] + 0.3 * rng.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


MATRIX = rows_in_bundles()
CELLS = Cells.of(MATRIX)


def test_cells_hold_every_row_once_and_rows_lie_in_the_nearest() -> None:
    assert len(CELLS.centres) == round(len(MATRIX) ** 0.5)
    assert np.linalg.norm(CELLS.centres, axis=1) == pytest.approx(1, abs=1e-5)
    assert sorted(CELLS.order.tolist()) == list(range(len(MATRIX)))
    products = MATRIX @ CELLS.centres.T
    cell = np.repeat(np.arange(len(CELLS.centres)), np.diff(CELLS.bounds))
    assert products[CELLS.order, cell] == pytest.approx(products.max(1)[CELLS.order], abs=1e-6)
    again = Cells.of(MATRIX)
    assert all(
        np.array_equal(one, other)
        for one, other in zip(vars(CELLS).values(), vars(again).values(), strict=True)
    )


def test_all_cells_together_are_the_exact_search() -> None:
    exact, search = Neighbours(MATRIX), CellNeighbours(MATRIX, CELLS, probes=len(CELLS.centres))
    for row in (0, 77, 2999):
        places, scores = exact.nearest(MATRIX[row], 7)
        found, values = search.nearest(MATRIX[row], 7)
        assert found.tolist() == places.tolist()
        assert values == pytest.approx(scores, abs=1e-6)
        left_out, _ = search.nearest(MATRIX[row], 3, places[:2])
        assert left_out.tolist() == places[2:5].tolist()


def test_few_cells_find_most_and_have_exact_cosines() -> None:
    search, exact = CellNeighbours(MATRIX, CELLS, probes=4), Neighbours(MATRIX)
    shares = [
        recall(CellNeighbours(MATRIX, CELLS, probes), exact, np.arange(0, 3000, 60)) for probes in (1, 4, 55)
    ]
    assert shares[0] < shares[1] <= shares[2] == 1
    assert shares[1] > 0.9
    found, values = search.nearest(MATRIX[5], 10)
    assert values == pytest.approx(MATRIX[found] @ MATRIX[5], abs=1e-6)
    assert found[0] == 5


def test_more_cells_are_looked_into_where_few_hold_too_little() -> None:
    search = CellNeighbours(MATRIX, CELLS, probes=1)
    assert len(search.nearest(MATRIX[0], 300)[0]) == 300
    everything = search.nearest(MATRIX[0], 3000)[0]  # so many that the exact search is faster
    assert len(set(everything.tolist())) == 3000
    assert search.nearest(MATRIX[0], 5, rows=100)[0].max() < 100


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_rows(count: int) -> None:
    cells = Cells.of(MATRIX[:count])
    assert len(CellNeighbours(MATRIX[:count], cells).nearest(MATRIX[0], 10)[0]) == count


def test_rows_that_are_all_the_same() -> None:
    same = np.ones((50, 4), np.float32) / 2
    places, scores = CellNeighbours(same, Cells.of(same)).nearest(same[0], 3)
    assert len(set(places.tolist())) == 3
    assert scores == pytest.approx(1)
