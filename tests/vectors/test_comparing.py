"""Two sets of vectors side by side: equal sets agree, moved words are found, brute force agrees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import ortho_group

from textladder.errors import Problem
from textladder.vectors.aligning import procrustes
from textladder.vectors.comparing import compare
from textladder.vectors.evaluating import unit_rows
from textladder.vectors.mapping import ROWS, nearest

WORDS = [f"w{i}" for i in range(60)]


@pytest.fixture
def matrix() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)


def test_a_rotated_and_scaled_copy_is_the_same(matrix: NDArray[np.float32]) -> None:
    turned = 3 * matrix @ ortho_group.rvs(8, random_state=1)
    found = compare((WORDS, matrix), (WORDS, turned), neighbours=5)
    assert found.overlap == 1
    assert found.cosine == pytest.approx(1, abs=1e-5)
    assert (found.common, found.only_first, found.only_second) == (60, 0, 0)


def test_words_that_moved_come_first(matrix: NDArray[np.float32]) -> None:
    moved = matrix.copy()
    moved[[3, 40]] = moved[[40, 3]]
    found = compare((WORDS, matrix), (WORDS, moved), neighbours=5)
    first = {shift.word for shift in found.shifts[:2]}
    assert first == {"w3", "w40"}
    assert found.shifts[-1].overlap > found.shifts[0].overlap
    told = found.to_dict(3)
    assert told["agree"][0]["word"] == found.shifts[-1].word
    assert len(told["differ"]) == 3


def test_overlap_equals_brute_force_and_orders_may_differ(matrix: NDArray[np.float32]) -> None:
    other = matrix + np.random.default_rng(1).standard_normal(matrix.shape).astype(np.float32)
    order = np.random.default_rng(2).permutation(60)
    found = compare((WORDS, matrix), ([WORDS[i] for i in order], other[order]), neighbours=4)
    by_word = {shift.word: shift for shift in found.shifts}
    cosines = [unit_rows(m) @ unit_rows(m).T - 9 * np.eye(60) for m in (matrix, other)]
    for i, word in enumerate(WORDS):
        a, b = (set(np.argsort(-table[i])[:4]) for table in cosines)
        assert by_word[word].overlap == len(a & b) / 4
        assert by_word[word].first == [WORDS[j] for j in np.argsort(-cosines[0][i])[:4]]


def test_widths_may_differ(matrix: NDArray[np.float32]) -> None:
    wide = np.concatenate([matrix, np.zeros((60, 4), np.float32)], axis=1) @ ortho_group.rvs(
        12, random_state=3
    )
    for a, b in ((matrix, wide), (wide, matrix)):
        found = compare((WORDS, a), (WORDS, b), neighbours=5)
        assert found.overlap == 1
        assert found.cosine == pytest.approx(1, abs=1e-5)


def test_rotation_is_orthogonal_and_no_other_is_nearer(matrix: NDArray[np.float32]) -> None:
    a, b = unit_rows(matrix), unit_rows(np.random.default_rng(4).standard_normal((60, 8)))
    turned = unit_rows(a @ procrustes(a, b))
    assert np.allclose(turned @ turned.T, a @ a.T, atol=1e-5)
    best = (turned * b).sum()
    for seed in range(50):
        assert ((a @ ortho_group.rvs(8, random_state=seed)) * b).sum() <= best


def test_only_the_most_frequent_common_words_are_compared(matrix: NDArray[np.float32]) -> None:
    mine, theirs = ["only", *WORDS[:30]], [*WORDS[:30], "other", "third"]
    found = compare((mine, matrix[:31]), (theirs, matrix[:32]), neighbours=3, most=20)
    assert {shift.word for shift in found.shifts} == set(WORDS[:20])
    assert (found.common, found.only_first, found.only_second) == (30, 1, 2)


def test_too_few_common_words_are_refused(matrix: NDArray[np.float32]) -> None:
    with pytest.raises(Problem, match="0 words in common"):
        compare((WORDS, matrix), ([word.upper() for word in WORDS], matrix))


def test_nearest_equals_brute_force_over_several_blocks() -> None:
    unit = unit_rows(np.random.default_rng(5).standard_normal((ROWS + 70, 6)))
    found, cosines = nearest(unit, 3)
    table = unit @ unit.T
    np.fill_diagonal(table, -2)
    assert np.array_equal(found, np.argsort(-table, axis=1, kind="stable")[:, :3])
    assert np.allclose(cosines, -np.sort(-table, axis=1)[:, :3])
