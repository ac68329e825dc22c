"""What skip-gram and CBOW learn, beyond equalling the oracle (test_skipgram.py has that for both)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Progress
from textladder.vectors.training import Trained, train

GROUPS, MEMBERS = 4, 6
CONFIG = VectorsConfig(dim=16, window=3, sample=0, epochs=3, threads=1, learning_rate=0.1)


@pytest.fixture(scope="module")
def corpus() -> VectorCorpus:
    """Sentences of words of one group each: words of one group should end near each other."""
    rng = np.random.default_rng(0)
    groups = rng.integers(0, GROUPS, 1500)
    sentences = [group * MEMBERS + rng.integers(0, MEMBERS, 10) for group in groups]
    order = np.argsort(-np.bincount(np.concatenate(sentences)), kind="stable")
    rank = np.argsort(order)
    return VectorCorpus.of([f"g{w // MEMBERS}" for w in order], [rank[s].tolist() for s in sentences])


def purity(corpus: VectorCorpus, trained: Trained) -> float:
    """The share of words whose nearest neighbour is of their group."""
    unit = trained.input / np.linalg.norm(trained.input, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -2)
    nearest = likeness.argmax(1)
    return float(np.mean([corpus.words[w] == corpus.words[n] for w, n in enumerate(nearest)]))


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
@pytest.mark.parametrize("negative", [0, 5])
@pytest.mark.parametrize("threads", [1, 2])
def test_groups_are_found(corpus: VectorCorpus, method: str, negative: int, threads: int) -> None:
    config = replace(CONFIG, method=method, negative=negative, threads=threads)  # type: ignore[arg-type]
    seen: list[Progress] = []
    trained = train(corpus, config, seen.append)
    assert trained.input.shape == (GROUPS * MEMBERS, 16)
    assert trained.input.dtype == np.float32
    assert purity(corpus, trained) == 1.0
    assert seen[-1].share == 1.0
    assert seen[-1].done == len(corpus.ids) * 3
    assert seen[-1].loss is not None
    random_guess = np.log(2) * (1 + negative) if negative else np.log(GROUPS * MEMBERS)
    assert 0 < seen[-1].loss < random_guess


@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_one_thread_and_one_seed_repeat(corpus: VectorCorpus, method: str) -> None:
    config = replace(CONFIG, method=method)  # type: ignore[arg-type]
    first, again = train(corpus, config), train(corpus, config)
    other = train(corpus, replace(config, seed=1))
    np.testing.assert_array_equal(first.input, again.input)
    assert first.output is not None
    assert again.output is not None
    np.testing.assert_array_equal(first.output, again.output)
    assert np.abs(first.input - other.input).max() > 0.01


@pytest.mark.parametrize("negative", [0, 5])
def test_training_goes_on_from_vectors(corpus: VectorCorpus, negative: int) -> None:
    """At a rate of 0 the vectors stay, and the loss is theirs."""
    seen: list[Progress] = []
    trained = train(corpus, replace(CONFIG, negative=negative), seen.append)
    same = train(corpus, replace(CONFIG, negative=negative, learning_rate=0), seen.append, trained)
    np.testing.assert_array_equal(same.input, trained.input)
    assert trained.output is not None
    assert same.output is not None
    np.testing.assert_array_equal(same.output, trained.output)
    assert seen[-1].loss is not None
    assert seen[0].loss is not None
    assert seen[-1].loss < 0.95 * seen[0].loss
    before = same.input.copy()
    train(corpus, replace(CONFIG, negative=negative), None, same)
    np.testing.assert_array_equal(same.input, before)  # what is given is not changed


@pytest.mark.parametrize("negative", [0, 5])
@pytest.mark.parametrize("method", ["skipgram", "cbow"])
def test_a_text_of_one_word(method: str, negative: int) -> None:
    corpus = VectorCorpus.of(["only"], [[0] * 20, [0], []])
    trained = train(corpus, replace(CONFIG, method=method, negative=negative))  # type: ignore[arg-type]
    assert trained.input.shape == (1, 16)
    assert np.isfinite(trained.input).all()


def test_sentences_of_one_word_teach_nothing() -> None:
    corpus = VectorCorpus.of(["a", "b"], [[0], [1], [0]])
    trained = train(corpus, CONFIG)
    assert trained.output is not None
    assert not trained.output.any()
