"""Alignment: a known rotation is found again, words are translated, hubs are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from textladder.errors import Problem
from textladder.vectors.aligning import Alignment, align, procrustes, read_dictionary
from textladder.vectors.formats.table import Table
from textladder.vectors.wordvectors import UnknownWord, WordVectors

COUNT, DIM = 400, 20


def rotation(seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(DIM, DIM)))[0].astype(np.float32)


def languages(noise: float = 0.0) -> tuple[WordVectors, WordVectors, np.ndarray]:
    """The same words in two spaces, "w7" and "v7", the second rotated (and stretched row by row)."""
    rng, turn = np.random.default_rng(1), rotation()
    matrix = rng.normal(size=(COUNT, DIM)).astype(np.float32)
    other = (matrix + noise * rng.normal(size=matrix.shape)) @ turn * rng.uniform(0.5, 2, (COUNT, 1))
    first = WordVectors.of(Table([f"w{i}" for i in range(COUNT)], matrix))
    return first, WordVectors.of(Table([f"v{i}" for i in range(COUNT)], other.astype(np.float32))), turn


SEED = [(f"w{i}", f"v{i}") for i in range(100)]
REST = [(f"w{i}", f"v{i}") for i in range(100, COUNT)]


def test_procrustes_is_the_best_orthogonal_map() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(50, DIM)).astype(np.float32) for _ in range(2))
    best = procrustes(a, b)
    np.testing.assert_allclose(best @ best.T, np.eye(DIM), atol=1e-5)
    error = np.linalg.norm(a @ best - b)
    for seed in range(20):
        step = rng.normal(size=(DIM, DIM)) * 0.05
        near = best @ np.linalg.qr(np.eye(DIM) + step - step.T)[0]
        assert np.linalg.norm(a @ near - b) > error
        assert np.linalg.norm(a @ rotation(seed) - b) > error


@pytest.mark.parametrize("method", ["csls", "nearest"])
def test_a_rotation_is_found_again(method: str) -> None:
    first, second, turn = languages()
    aligned = align(first, second, [*SEED, ("w1", "nowhere"), ("nowhere", "v1")])
    np.testing.assert_allclose(aligned.rotation, turn, atol=1e-4)
    assert (aligned.used, aligned.unknown) == (100, 2)
    assert aligned.accuracy(REST, method) == (1.0, 300)
    assert [said[0][0] for said in aligned.translate(["w200", "w300"], 3, method)] == ["v200", "v300"]
    mapped = aligned.mapped
    assert mapped["w5"] @ second.get_vector("v5", norm=True) == pytest.approx(1, abs=1e-4)


def test_noise_costs_accuracy() -> None:
    scores = [align(*languages(noise)[:2], SEED).accuracy(REST)[0] for noise in (0.2, 0.8, 3.0)]
    assert scores[0] > 0.95 > scores[1] > scores[2]


def test_csls_by_its_formula() -> None:
    """Equation 3 of Conneau et al. 2018, term by term."""
    first, second, _ = languages(0.8)
    aligned = align(first, second, SEED)
    x, y = first.get_normed_vectors() @ aligned.rotation, second.get_normed_vectors()
    cosines = (x @ y.T).astype(np.float64)
    near_target = np.sort(cosines, axis=1)[:, -10:].mean(1)
    near_source = np.sort(cosines, axis=0)[-10:].mean(0)
    expected = 2 * cosines - near_target[:, None] - near_source[None]
    for row in (3, 250):
        said = aligned.translate(f"w{row}", 4)[0]
        order = np.argsort(-expected[row])[:4]
        assert [word for word, _ in said] == [f"v{i}" for i in order]
        np.testing.assert_allclose([score for _, score in said], expected[row][order], atol=1e-4)


def test_a_hub_is_not_the_answer_to_everything() -> None:
    first, second, turn = languages(0.9)
    hub = (first.get_normed_vectors() @ turn).mean(0, keepdims=True) + second.get_normed_vectors().mean(0)
    words = [*second.words, "hub"]
    first_shifted = first.get_normed_vectors() + 0.25
    source = WordVectors.of(Table(first.words, first_shifted.astype(np.float32)))
    shifted = second.get_normed_vectors() + (0.25 * np.ones(DIM)) @ turn
    hub = shifted.mean(0, keepdims=True)
    target = WordVectors.of(Table(words, np.concatenate([shifted, hub]).astype(np.float32)))
    aligned = Alignment(source, target, turn, 0, 0)
    answers = {
        method: [said[0][0] for said in aligned.translate([w for w, _ in REST], 1, method)]
        for method in ("nearest", "csls")
    }
    assert answers["nearest"].count("hub") > 2 * answers["csls"].count("hub")
    assert aligned.accuracy(REST, "csls")[0] > aligned.accuracy(REST, "nearest")[0]


def test_words_spelt_the_same_are_the_dictionary() -> None:
    first, second, turn = languages()
    second = WordVectors.of(Table([*first.words[:50], *second.words[50:]], second.matrix))
    aligned = align(first, second)
    assert aligned.used == 50
    np.testing.assert_allclose(aligned.rotation, turn, atol=1e-4)


def test_wrong_input(tmp_path: Path) -> None:
    first, second, _ = languages()
    with pytest.raises(Problem, match="0 of 1 pairs"):
        align(first, second, [("a", "b")])
    with pytest.raises(Problem, match="20 and 3 wide"):
        align(first, WordVectors.of(Table(["w1"], np.ones((1, 3), np.float32))))
    aligned = align(first, second, SEED)
    with pytest.raises(UnknownWord):
        aligned.translate("unheard")
    with pytest.raises(Problem, match="csls, nearest"):
        aligned.translate("w1", method="best")
    with pytest.raises(Problem, match="no pair"):
        aligned.accuracy([("a", "b")])
    path = tmp_path / "pairs.txt"
    path.write_text("w1 v1\nw2\tv2 \n\n")
    assert read_dictionary(path) == [("w1", "v1"), ("w2", "v2")]
    path.write_text("w1 v1\nw2 v2 v3\n")
    with pytest.raises(Problem, match=r"line 2.*3 words"):
        read_dictionary(path)
