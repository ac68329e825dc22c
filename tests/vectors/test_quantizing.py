"""Quantised vectors: what is lost is what is said, and the files are that much smaller."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from textladder.errors import Problem
from textladder.vectors.formats.table import Table
from textladder.vectors.packing import Packed, to_bytes, to_products
from textladder.vectors.quantizing import quantize
from textladder.vectors.subwords import Subwords
from textladder.vectors.wordvectors import WordVectors


def clustered(count: int = 2000, dim: int = 22, subwords: bool = False) -> WordVectors:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, dim))
    matrix = (centres[rng.integers(0, 40, count)] + 0.4 * rng.normal(size=(count, dim))).astype(np.float32)
    matrix *= np.exp(rng.normal(size=(count, 1))).astype(np.float32)
    grams = Subwords(rng.normal(size=(500, dim)).astype(np.float32), (3, 6)) if subwords else None
    return WordVectors.of(Table([f"w{i}" for i in range(count)], matrix, subwords=grams))


def test_bytes_are_within_half_a_step() -> None:
    matrix = clustered().matrix
    packed = to_bytes(matrix)
    assert packed.codes.dtype == np.int8
    steps = np.abs(matrix).max(axis=1, keepdims=True) / 127
    assert (np.abs(packed.rows() - matrix) <= 0.5001 * steps).all()
    np.testing.assert_array_equal(packed.rows(np.array([5, 3])), packed.rows()[[5, 3]])
    assert to_bytes(np.zeros((2, 3), np.float32)).rows().tolist() == [[0, 0, 0]] * 2


def test_products_take_the_nearest_centroid_and_learn_better_ones_than_chance() -> None:
    matrix = clustered().matrix
    packed = to_products(matrix, group=4)
    assert isinstance(packed.centroids, np.ndarray)
    assert packed.codes.shape == (2000, 6)  # 22 columns in groups of 4
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    padded = np.pad(unit, ((0, 0), (0, 2))).reshape(2000, 6, 4)
    for p in range(6):
        gaps = ((padded[:100, p, None] - packed.centroids[p]) ** 2).sum(-1)
        np.testing.assert_allclose(gaps[np.arange(100), packed.codes[:100, p]], gaps.min(1), atol=1e-6)
    error = np.linalg.norm(packed.rows() - matrix) / np.linalg.norm(matrix)
    random = Packed(packed.codes, packed.scales, packed.centroids[:, ::-1], 22)
    assert error < 0.2 < 0.5 < np.linalg.norm(random.rows() - matrix) / np.linalg.norm(matrix)
    few = to_products(matrix[:10], group=3)  # fewer rows than centroids: nothing is lost
    np.testing.assert_allclose(few.rows(), matrix[:10], atol=1e-5)


@pytest.mark.parametrize(("kind", "smaller", "overlap"), [("int8", 3.3, 0.9), ("pq", 2.5, 0.5)])
@pytest.mark.parametrize("subwords", [False, True])
def test_the_loss_is_what_is_said(
    kind: str, smaller: float, overlap: float, subwords: bool, tmp_path: Path
) -> None:
    vectors = clustered(subwords=subwords)
    small, loss = quantize(vectors, kind)
    assert loss.bytes_before == vectors.matrix.nbytes + (500 * 22 * 4 if subwords else 0)
    assert loss.bytes_before / loss.bytes_after > smaller
    assert overlap < loss.overlap <= 1
    cosines = [
        float(np.dot(a, b))
        for a, b in zip(small.get_normed_vectors(), vectors.get_normed_vectors(), strict=True)
    ]
    assert loss.cosine == pytest.approx(np.mean(cosines), abs=0.01)
    assert 0.9 < loss.correlation <= 1
    assert "times smaller" in loss.line()
    words = [f"w{i}" for i in range(0, 2000, 100)]
    same = [
        len({w for w, _ in vectors.most_similar(word)} & {w for w, _ in small.most_similar(word)}) / 10
        for word in words
    ]
    assert np.mean(same) == pytest.approx(loss.overlap, abs=0.12)
    small.save(tmp_path / "small")
    assert (tmp_path / "small" / "vectors.safetensors").stat().st_size < loss.bytes_after + 2000
    again = WordVectors.load(tmp_path / "small")
    np.testing.assert_array_equal(again.matrix, small.matrix)
    if subwords:
        np.testing.assert_array_equal(again.get_vector("unheard"), small.get_vector("unheard"))
    part = WordVectors.load(tmp_path / "small", limit=7)
    np.testing.assert_array_equal(part.matrix, small.matrix[:7])
    again.save(tmp_path / "again")  # stays as small
    for name in ("vectors.safetensors", "words.txt"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "small" / name).read_bytes()


def test_nothing_to_quantise() -> None:
    with pytest.raises(Problem, match="Did you mean int8"):
        quantize(clustered(), "int4")
    with pytest.raises(Problem, match="no word vectors"):
        quantize(WordVectors())
    tiny = WordVectors.of(Table(["a", "b"], np.ones((2, 3), np.float32)))
    assert quantize(tiny)[1].overlap == 1
