"""Neighbours against brute force, with and without the bytes that are read first."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.vectors import neighbours
from textladder.vectors.approximate import ApproximateNeighbours, recall
from textladder.vectors.neighbours import Neighbours

Matrix = NDArray[np.float32]


def cases() -> dict[str, Matrix]:
    rng = np.random.default_rng(0)
    plain = rng.normal(size=(2000, 37)).astype(np.float32)
    scaled = plain * np.exp(rng.normal(size=(2000, 1)) * 5).astype(np.float32)
    column = plain.copy()
    column[:, 3] *= 1000  # bytes say little of the other columns then
    near = (plain[:1] + 1e-4 * rng.normal(size=(2000, 37))).astype(np.float32)
    zeros = plain.copy()
    zeros[::3] = 0
    small = plain * np.float32(1e-30)
    return {"plain": plain, "scaled": scaled, "column": column, "near": near, "zeros": zeros, "small": small}


CASES = cases()


def brute(matrix: Matrix, vector: Matrix) -> NDArray[np.float64]:
    wide, v = matrix.astype(np.float64), vector.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(v)
    return (wide @ v) / np.where(lengths > 0, lengths, 1)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("threads", [1, 3])
def test_exact(name: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "SMALL", 0)
    search = Neighbours(CASES[name])
    search.threads = threads
    search._pool = neighbours.ThreadPoolExecutor(threads)
    rng = np.random.default_rng(1)
    for row in (1, 500, 1999):
        for vector in (CASES[name][row], rng.normal(size=37).astype(np.float32)):
            truth = brute(CASES[name], vector)
            for n in (1, 5, 20):
                places, scores = search.nearest(vector, n)
                # Places may be swapped where cosines are equal to the last bits: compare the cosines.
                np.testing.assert_allclose(truth[places], np.sort(truth)[::-1][:n], atol=2e-6)
                np.testing.assert_allclose(scores, truth[places], atol=2e-6)
                assert len(set(places.tolist())) == n
    np.testing.assert_allclose(
        search.lengths, np.linalg.norm(CASES[name].astype(np.float64), axis=1), rtol=1e-5
    )


def test_few_rows_are_read_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = np.random.default_rng(0).normal(size=(20_000, 64)).astype(np.float32)
    search = Neighbours(matrix)
    vector = matrix[7] / np.linalg.norm(matrix[7])
    assert 10 <= len(search._candidates(vector, 10, len(matrix))) < 200


def test_left_out_and_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for small in (0, 1 << 40):
        monkeypatch.setattr(neighbours, "SMALL", small)
        search, matrix = Neighbours(CASES["plain"]), CASES["plain"]
        order = np.argsort(-brute(matrix, matrix[5]))
        places, _ = search.nearest(matrix[5], 4, np.array([5, order[1], order[1]]))
        assert places.tolist() == [p for p in order.tolist() if p not in (5, order[1])][:4]
        places, _ = search.nearest(matrix[5], 4, np.array([5, 1999]), rows=300)
        assert places.tolist() == [p for p in order.tolist() if p < 300 and p != 5][:4]
        assert search.nearest(matrix[5], 3, np.arange(1999))[0].tolist() == [1999]
        assert len(search.nearest(matrix[5], 5000)[0]) == 2000
        assert len(search.nearest(matrix[5], 0)[0]) == 0


def test_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "QUERIES", 3)
    monkeypatch.setattr(neighbours, "ROWS", 300)
    search, matrix = Neighbours(CASES["scaled"]), CASES["scaled"]
    penalty = np.random.default_rng(3).random(2000).astype(np.float32)
    for given in (None, penalty):
        found, scores = search.nearest_many(matrix[:7], 3, given)
        for row in range(7):
            truth = brute(matrix, matrix[row]) - (0 if given is None else given)
            np.testing.assert_allclose(scores[row], np.sort(truth)[::-1][:3], atol=2e-6)
            np.testing.assert_allclose(truth[found[row]], scores[row], atol=2e-6)
    assert search.nearest_many(matrix[:2], 10_000)[0].shape == (2, 2000)


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("usearch", "usearch.index"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Problem, match=r"textladder\[neighbours\]"):
        ApproximateNeighbours(CASES["plain"])


def test_approximate() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 32))
    matrix = (centres[rng.integers(0, 50, 5000)] + 0.5 * rng.normal(size=(5000, 32))).astype(np.float32)
    search, exact = ApproximateNeighbours(matrix, breadth=128), Neighbours(matrix)
    assert recall(search, exact, np.arange(0, 5000, 50)) > 0.95
    places, scores = search.nearest(matrix[3], 5, np.array([3]))
    assert 3 not in places
    np.testing.assert_allclose(scores, brute(matrix, matrix[3])[places], atol=2e-6)
    assert search.nearest(matrix[3], 5, rows=100)[0].max() < 100  # a part: exact


def test_of_equal_scores_the_earlier_rows_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS", 300)
    matrix = np.repeat(np.eye(3, dtype=np.float32), 700, axis=0)[np.random.default_rng(5).permutation(2100)]
    found, scores = Neighbours(matrix, unit=True).nearest_many(np.eye(3, dtype=np.float32), 40)
    for row in range(3):
        assert found[row].tolist() == np.flatnonzero(matrix[:, row])[:40].tolist()
    assert scores == pytest.approx(1)
