"""Similarity and analogy scores against brute force, and against what gensim says of the same vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from tests.real import real
from textladder.errors import Problem
from textladder.metrics.correlation import spearman, spearman_interval
from textladder.vectors.analogies import BLOCK, answer
from textladder.vectors.evaluating import Judge, mean_similarity, unit_rows
from textladder.vectors.judgements import Pairs, Questions, read_pairs, read_questions


def brute_force(
    unit: NDArray[np.float32], questions: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores of every word by both methods [Q, V], minus infinity for the words of the question."""
    cosines = unit.astype(np.float64) @ unit.astype(np.float64).T
    shifted = (cosines + 1) / 2
    a, b, c = questions.T
    add = cosines[b] - cosines[a] + cosines[c]
    mul = shifted[b] * shifted[c] / (shifted[a] + 0.001)
    rows = np.arange(len(questions))
    for scores in (add, mul):
        for column in questions.T:
            scores[rows, column] = -np.inf
    return add, mul


@pytest.mark.parametrize("vocabulary", [5, BLOCK - 1, BLOCK, BLOCK + 1, 1300])
@pytest.mark.parametrize("threads", [1, 3])
def test_analogies_equal_brute_force(vocabulary: int, threads: int) -> None:
    draw = np.random.default_rng(vocabulary)
    unit = unit_rows(draw.standard_normal((vocabulary, 12)))
    questions = draw.integers(0, vocabulary, (200, 3))
    found = answer(unit, questions, threads)
    for method, scores in zip(found, brute_force(unit, questions), strict=True):
        best = scores.max(axis=1)
        # Scores are float32: of two words that are equal to that accuracy either is right.
        assert np.allclose(scores[np.arange(200), method], best, atol=1e-5)
        assert (method == scores.argmax(axis=1)).mean() > 0.98


def test_an_analogy_of_a_vocabulary_without_another_word_has_no_answer() -> None:
    unit = unit_rows(np.eye(3))
    assert answer(unit, np.array([[0, 1, 2]])).tolist() == [[-1], [-1]]
    assert answer(unit, np.zeros((0, 3), np.int64)).shape == (2, 0)


def test_the_methods_differ_as_levy_and_goldberg_say() -> None:
    """London : England = Baghdad : ?  3CosAdd lets one large term decide, 3CosMul balances them."""
    a, b, c = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)
    one_large, balanced = (0, 0.9, 0.05, 0.43), (0, 0.46, 0.46, 0.76)
    unit = unit_rows(np.array([a, b, c, one_large, balanced]))
    (add,), (mul,) = answer(unit, np.array([[0, 1, 2]]))
    assert (add, mul) == (3, 4)


def test_spearman_equals_scipy_with_ties() -> None:
    draw = np.random.default_rng(1)
    for _ in range(20):
        first, second = draw.integers(0, 9, 60), draw.standard_normal(60).round(1)
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))
    assert np.isnan(spearman([], []))


def test_the_interval_of_spearman_equals_resampling_with_scipy() -> None:
    draw = np.random.default_rng(2)
    first = draw.standard_normal(40)
    second = first + draw.standard_normal(40)
    found = spearman_interval(first, second, resamples=50, seed=3)
    again = np.random.default_rng(3)
    drawn = [again.integers(0, 40, 40) for _ in range(50)]
    values = [spearmanr(first[rows], second[rows]).statistic for rows in drawn]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def pairs_of(*rows: tuple[str, str, float]) -> Pairs:
    return Pairs("made", [(a, b) for a, b, _ in rows], [score for *_, score in rows])


def test_pairs_with_an_unknown_word_are_left_out_and_counted() -> None:
    angles = np.radians([0, 10, 30, 70])
    judge = Judge(["a", "b", "c", "d"], np.stack([np.cos(angles), np.sin(angles)], 1) * 3)
    asked = pairs_of(("a", "b", 9), ("A", "C", 5), ("a", "d", 1), ("a", "zebra", 10), ("yak", "zebra", 0))
    found = judge.similarity(asked)
    assert found.rho is not None
    assert found.rho.value == pytest.approx(1)
    assert (found.found, found.total, found.unknown) == (3, 5, ["zebra", "yak"])
    assert found.to_dict()["coverage"] == 0.6


def test_too_few_known_pairs_give_no_score() -> None:
    found = Judge(["a", "b"], np.eye(2)).similarity(pairs_of(("a", "b", 1), ("a", "x", 2)))
    assert found.rho is None
    assert found.to_dict()["spearman"] is None
    assert mean_similarity([found]) is None


def test_words_without_a_vector_are_composed_where_that_is_possible() -> None:
    angles = np.radians([0, 10, 30])
    matrix = np.stack([np.cos(angles), np.sin(angles)], 1)
    judge = Judge(
        ["a", "b", "c"], matrix, compose=lambda word: np.array([0.0, 5.0]) if word == "new" else None
    )
    found = judge.similarity(pairs_of(("a", "b", 9), ("a", "c", 5), ("a", "new", 1), ("a", "none", 3)))
    assert found.rho is not None
    assert (found.rho.value, found.found, found.composed) == (pytest.approx(1), 3, 1)


def test_of_spellings_that_differ_in_case_the_more_frequent_stands_for_all() -> None:
    judge = Judge(["us", "US", "we", "I"], np.eye(4))
    assert list(judge.places) == ["US", "WE", "I"]
    assert np.array_equal(judge.unit, np.eye(4, dtype=np.float32)[[0, 2, 3]])
    assert len(Judge(["us", "US"], np.eye(2), case_sensitive=True).places) == 2


def test_sections_and_totals_of_analogies() -> None:
    """Words on a grid: every analogy over columns is right."""
    words = ["man", "woman", "king", "queen", "boy", "girl"]
    matrix = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 0, 1], [0, 1, 0, -1], [0, 0, 1, 1], [0, 0, 1, -1]])
    asked = Questions(
        "made",
        {
            "family": [("man", "woman", "king", "queen"), ("boy", "girl", "king", "queen")],
            "gram1": [("man", "woman", "king", "boy"), ("man", "woman", "prince", "princess")],
        },
    )
    found = {section.name: section for section in Judge(words, matrix).analogies(asked)}
    assert list(found) == ["family", "gram1", "semantic", "syntactic", "total"]
    told = {name: (section.found, section.total) for name, section in found.items()}
    assert told["family"] == told["semantic"] == (2, 2)
    assert told["gram1"] == told["syntactic"] == (1, 2)
    assert told["total"] == (3, 4)
    for name, value in (("family", 1), ("gram1", 0), ("total", 2 / 3)):
        cosadd, cosmul = found[name].cosadd, found[name].cosmul
        assert cosadd is not None
        assert cosmul is not None
        assert cosadd.value == cosmul.value == pytest.approx(value)


def test_no_known_question_gives_no_accuracy() -> None:
    (found,) = Judge(["a"], np.ones((1, 2))).analogies(Questions("q", {"s": [("x", "y", "z", "w")]}))
    assert (found.cosadd, found.cosmul, found.found, found.total) == (None, None, 0, 1)


def test_vectors_of_length_zero_have_no_direction() -> None:
    assert np.array_equal(unit_rows(np.array([[0, 0], [3, 4]])), np.array([[0, 0], [0.6, 0.8]], np.float32))


def test_there_must_be_vectors() -> None:
    with pytest.raises(Problem, match="no word vectors"):
        Judge([], np.zeros((0, 3)))


# files


@pytest.mark.parametrize(
    "text", ["a\tb\t3\nnew york\tc\t4.5\n", "a,b,3\nnew york,c,4.5\n", "a b 3\n\n#x\nd c 4.5"]
)
def test_pairs_are_parted_by_tabs_commas_or_blanks(tmp_path: Path, text: str) -> None:
    (tmp_path / "made.txt").write_text(text)
    found = read_pairs(tmp_path / "made.txt")
    assert found.name == "made"
    assert found.words[0] == ("a", "b")
    assert found.scores == [3, 4.5]


def test_a_heading_is_no_pair(tmp_path: Path) -> None:
    (tmp_path / "ws.csv").write_text("Word 1,Word 2,Human (mean)\nlove,sex,6.77\n")
    assert read_pairs(tmp_path / "ws.csv").words == [("love", "sex")]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a b 3\na b\n", 2, "2 fields"),
        ("a b c 3\n", 1, "4 fields"),
        ("a b 3\n\na b three\n", 3, '"three" is not a number'),
        ("a b 3,5\n", 1, '"3,5" is not a number'),
        ("a b nan\n", 1, "not finite"),
    ],
)
def test_a_broken_pair_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(Problem, match=f"pairs.txt, line {line}") as told:
        read_pairs(tmp_path / "pairs.txt")
    assert said in told.value.what


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (": s\na b c d\na b c\n", 3, "here are 3"),
        (": s\na b c d e\n", 2, "here are 5"),
        ("a b c d\n:\n", 2, "no name"),
    ],
)
def test_a_broken_question_is_named(tmp_path: Path, text: str, line: int, said: str) -> None:
    (tmp_path / "q.txt").write_text(text)
    with pytest.raises(Problem, match=f"q.txt, line {line}") as told:
        read_questions(tmp_path / "q.txt")
    assert said in told.value.what


def test_files_without_content_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.write_text("# nothing\n")
    with pytest.raises(Problem, match="no pair"):
        read_pairs(path)
    with pytest.raises(Problem, match="no question"):
        read_questions(path)


def test_all_shared_files_are_read() -> None:
    sizes = {path.stem: len(read_pairs(path).words) for path in real("word_similarity").glob("*.txt")}
    assert sizes["EN-WS-353-ALL"] == 353
    assert sizes["EN-SIMLEX-999"] == 999
    assert sizes["EN-MEN-TR-3k"] == 3000
    questions = read_questions(real("word_analogy/questions-words.txt"))
    assert len(questions.sections) == 14
    assert sum(map(len, questions.sections.values())) == 19544
    assert questions.sections["family"][0] == ("boy", "girl", "brother", "sister")
