"""GloVe against its formula: the loss, its gradient by autograd, AdaGrad step by step in numpy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.vectors.test_cooccurrence import brute_force, zipf_corpus
from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.store import Store
from textladder.vectors import glove, glove_kernels
from textladder.vectors.config import VectorsConfig
from textladder.vectors.cooccurrence import Cooccurrences, count
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Progress
from textladder.vectors.sampling import noise

WORDS, DIM, WIDTH = 40, 6, 16
CONFIG = VectorsConfig(method="glove", dim=DIM, window=3, threads=1, seed=3)


def corpus_of(words: int = WORDS, lengths: tuple[int, ...] = (30,) * 10) -> VectorCorpus:
    ids, offsets = zipf_corpus(5, words, list(lengths))
    counts = np.bincount(ids, minlength=words)
    return VectorCorpus([f"w{i}" for i in range(words)], counts, Store.of({"ids": Ragged(ids, offsets)}))


def counts_of(corpus: VectorCorpus, folder: Path) -> Cooccurrences:
    return count(corpus.ids, corpus.offsets, len(corpus.words), CONFIG.window, folder)


def weight(x: Any) -> Any:
    return np.minimum(1, (x / glove.X_MAX) ** glove.ALPHA)


def loss_by_formula(matrix: Any, rows: Any, biases: Any) -> Any:
    """Equation 8, over the entries that are not zero; as torch tensors, for autograd."""
    dim = rows.shape[1] // 4
    words, contexts = rows[:, :dim], rows[:, dim : 2 * dim]
    i, j = np.nonzero(matrix)
    scores = (words[i] * contexts[j]).sum(1) + biases[i, 0] + biases[j, 1]
    x = torch.from_numpy(matrix[i, j])
    return (torch.from_numpy(weight(matrix[i, j])) * (scores - x.log()) ** 2).sum()


def all_blocks(counts: Cooccurrences) -> Any:
    return np.arange(-(-len(counts) // glove_kernels.ENTRIES))


def run(
    counts: Cooccurrences,
    rows: Any,
    biases: Any,
    rate: float,
    *,
    least: float = 0.0,
    zeros: int = 0,
    seed: int = 1,
) -> tuple[float, float]:
    counter = np.zeros(8)
    others, own = noise(np.ones(len(rows), np.int64))
    glove_kernels.train_blocks(
        rows, biases, counts.starts, counts.columns, counts.values, all_blocks(counts), np.uint64(seed), rate,
        glove.X_MAX, glove.ALPHA, least, zeros, np.log(glove.ZERO), glove.ZERO_WEIGHT, others, own, counter,
    )  # fmt: skip
    return counter[0], counter[1]


def test_loss_is_equation_8_and_steps_follow_its_gradient(tmp_path: Path) -> None:
    corpus = corpus_of()
    counts = counts_of(corpus, tmp_path / "x")
    matrix = brute_force(corpus.ids, corpus.offsets, WORDS, CONFIG.window)
    rows, biases = glove.initial(WORDS, CONFIG)
    given = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (rows, biases)]
    loss = loss_by_formula(matrix, *given)
    loss.backward()  # type: ignore[no-untyped-call]
    rate = 1e-3  # so small that a step changes no later one, and that the sums of squares stay 1
    before = rows.copy(), biases.copy()
    total, terms = run(counts, rows, biases, rate)
    assert terms == np.count_nonzero(matrix) == counts.terms
    assert total == pytest.approx(loss.item(), rel=2e-2)
    for now, was, leaf in ((rows, before[0], given[0]), (biases, before[1], given[1])):
        half = now.shape[1] // 2
        expected = -rate * leaf.grad.numpy()[:, :half] / 2
        np.testing.assert_allclose((now - was)[:, :half], expected, atol=0.03 * np.abs(expected).max())


def by_numpy(counts: Cooccurrences, rows: Any, biases: Any, rate: float) -> None:
    """One pass of the authors' program with implicit steps, one entry after the other, in float64."""
    dim = rows.shape[1] // 4
    for i in range(len(counts.starts) - 1):
        for e in range(counts.starts[i], counts.starts[i + 1]):
            j, x = int(counts.columns[e]), float(counts.values[e])
            for a, b in [(i, j), (j, i)] if i != j else [(i, i)]:
                w, c = rows[a, :dim].copy(), rows[b, dim : 2 * dim].copy()
                pull = weight(x) * (w @ c + biases[a, 0] + biases[b, 1] - np.log(x))
                pull /= 1 + rate * weight(x) * (w @ w + c @ c + 2)  # the derivative at the end of the step
                for table, row, first, size, gradient in (
                    (rows, a, 0, dim, pull * c),
                    (rows, b, dim, dim, pull * w),
                    (biases, a, 0, 1, pull),
                    (biases, b, 1, 1, pull),
                ):
                    half = table.shape[1] // 2
                    value = table[row, first : first + size]
                    square = table[row, first + half : first + half + size]
                    step = rate * gradient
                    value -= step / np.sqrt(square)
                    square += step**2


def test_updates_equal_numpy(tmp_path: Path) -> None:
    counts = counts_of(corpus_of(), tmp_path / "x")
    rows, biases = glove.initial(WORDS, CONFIG)
    expected = rows.astype(np.float64), biases.astype(np.float64)
    for _ in range(3):
        by_numpy(counts, *expected, 0.05)
        run(counts, rows, biases, 0.05)
    np.testing.assert_allclose(rows, expected[0], atol=2e-5)
    np.testing.assert_allclose(biases, expected[1], atol=2e-5)


def test_light_entries_are_taken_in_proportion_to_their_weight(tmp_path: Path) -> None:
    counts = counts_of(corpus_of(), tmp_path / "x")
    assert (weight(np.asarray(counts.values)) < 1).mean() > 0.5
    rows, biases = glove.initial(WORDS, CONFIG)
    exact, terms = run(counts, rows, biases, 0.0)
    drawn = [run(counts, rows, biases, 0.0, least=1.0, seed=seed) for seed in range(200)]
    assert {count for _, count in drawn} == {terms}
    losses = np.array([loss for loss, _ in drawn])
    assert losses.std() > 0
    assert abs(losses.mean() - exact) < 4 * losses.std() / len(losses) ** 0.5


def test_words_that_never_meet_are_pulled_apart(tmp_path: Path) -> None:
    corpus = corpus_of(120, (12,) * 25)
    counts = count(corpus.ids, corpus.offsets, 120, CONFIG.window, tmp_path / "x")
    matrix = brute_force(corpus.ids, corpus.offsets, 120, CONFIG.window)
    rows, biases = glove.initial(120, CONFIG)
    scores = []
    for zeros in (0, 5):
        rows, biases = glove.initial(120, CONFIG)
        for seed in range(60):
            run(counts, rows, biases, 0.1, zeros=zeros, seed=seed * 1000)
        words, contexts = rows[:, :DIM], rows[:, WIDTH : WIDTH + DIM]
        scores.append(words @ contexts.T + biases[:, :1] + biases[:, 1])
    never = matrix == 0
    np.fill_diagonal(never, False)
    level = np.log(glove.ZERO)
    over = [np.maximum(score[never] - level, 0).mean() for score in scores]
    assert over[1] < 0.5 * over[0]
    # Pairs that met stay above.
    gaps = [score[matrix > 0].mean() - score[never].mean() for score in scores]
    assert gaps[1] > gaps[0] > 0


def test_a_high_rate_and_long_vectors_do_not_diverge(tmp_path: Path) -> None:
    counts = counts_of(corpus_of(), tmp_path / "x")
    rows, biases = glove.initial(WORDS, CONFIG)
    rows[:, : 2 * WIDTH] *= 100  # steps along the gradient at their beginning overshoot from here on
    losses = [run(counts, rows, biases, 0.5)[0] for _ in range(20)]
    assert losses[-1] < losses[0] / 10
    assert np.abs(rows[:, : 2 * WIDTH]).max() < 100


def test_training_lowers_the_loss_and_tells(tmp_path: Path) -> None:
    told: list[Progress] = []
    trained = glove.train(corpus_of(), replace(CONFIG, epochs=30, negative=0), told.append)
    assert trained.input.shape == (WORDS, DIM)
    last = told[-1]
    assert (last.stage, last.share) == ("train", 1.0)
    rows, biases = glove.initial(WORDS, CONFIG)
    counts = counts_of(corpus_of(), tmp_path / "x")
    loss, terms = run(counts, rows, biases, 0.0)
    assert last.loss is not None
    assert last.loss < 0.5 * loss / terms
    assert last.done == 30 * terms


def test_one_thread_and_seed_give_the_same_vectors_and_more_go_on_from_them() -> None:
    corpus = corpus_of()
    first, second = (glove.train(corpus, CONFIG) for _ in range(2))
    np.testing.assert_array_equal(first.input, second.input)
    other = glove.train(corpus, replace(CONFIG, seed=4))
    assert np.abs(first.input - other.input).max() > 1e-3
    rows, _ = glove.initial(WORDS, CONFIG, first)
    np.testing.assert_allclose(rows[:, :DIM] + rows[:, WIDTH : WIDTH + DIM], first.input, atol=1e-6)
    two = glove.train(corpus, replace(CONFIG, threads=2))
    assert np.isfinite(two.input).all()


def test_a_corpus_without_neighbours_is_a_problem() -> None:
    with pytest.raises(Problem, match="no word has a neighbour"):
        glove.train(corpus_of(3, (1, 1, 1)), CONFIG)


def test_two_words_are_enough() -> None:
    trained = glove.train(corpus_of(2, (2, 2, 2, 5)), CONFIG)
    assert np.isfinite(trained.input).all()


def test_nothing_of_the_counts_stays(tmp_path: Path) -> None:
    corpus = corpus_of()
    np.asarray(corpus.ids).tofile(tmp_path / "ids.flat")
    on_disk = Ragged(np.memmap(tmp_path / "ids.flat", np.int32, "r"), corpus.offsets)
    glove.train(VectorCorpus(corpus.words, corpus.counts, Store.of({"ids": on_disk})), CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["ids.flat"]
