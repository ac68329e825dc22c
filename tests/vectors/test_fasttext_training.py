"""fastText's kernel against plain numpy, draw by draw, and its gradient against autograd."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from textladder.errors import Problem
from textladder.vectors import fasttext, sampling, subword_kernels
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.fasttext import Members
from textladder.vectors.progress import Progress
from textladder.vectors.subwords import Subwords, ngram_ids
from textladder.vectors.training import Trained, train

TEXT = """the cat sat on the mat . the dogs sat on cats and the cats ran .
a dog and a cat ran on the mats . dogs ran after cats ; the dog ate the mat and the cat"""
CONFIG = VectorsConfig(
    method="fasttext", dim=10, window=3, negative=4, min_count=1, sample=0, threads=1, seed=5,
    buckets=500, epochs=2,
)  # fmt: skip

WIDTH = 32


def corpus_of(text: str = TEXT) -> VectorCorpus:
    lines = [line.split() for line in text.split("\n")]
    flat = [word for line in lines for word in line]
    words = sorted(set(flat), key=lambda word: (-flat.count(word), word))
    return VectorCorpus.of(words, [[words.index(word) for word in line] for line in lines])


class Draws:
    """The kernel's random numbers: 64 bits each, by splitmix64."""

    def __init__(self, seed: int) -> None:
        self.state = int(sampling.draw(np.uint64(seed)))

    def next(self) -> int:
        bits = int(sampling.draw(np.uint64(self.state)))
        self.state = (self.state + int(sampling.STEP)) % 2**64
        return bits

    def below(self, limit: int) -> int:
        return (self.next() >> 32) * limit >> 32

    def noise(self, tables: Any, unlike: int) -> int:
        others, own = tables
        while True:
            bits = self.next()
            entry = (bits >> 32) * len(own) >> 32
            word = entry if bits % 2**32 <= own[entry] else int(others[entry])
            if word != unlike:
                return word


def logistic(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def tables(corpus: VectorCorpus, config: VectorsConfig) -> tuple[Any, Any]:
    keep = sampling.thresholds(sampling.kept_share(corpus.counts, config.sample))
    return keep, sampling.noise(corpus.counts, fasttext.NOISE_POWER)


def by_numpy(  # one block, in float64
    corpus: VectorCorpus, members: Members, rows: Any, output: Any, config: VectorsConfig, rate: float,
    seed: int,
) -> None:  # fmt: skip
    keep, noise = tables(corpus, config)
    draws, total = Draws(seed), len(corpus.ids)
    for s in range(len(corpus.offsets) - 1):
        step = rate * (1 - corpus.offsets[s] / total)
        kept = [
            w for w in corpus.ids[corpus.offsets[s] : corpus.offsets[s + 1]] if draws.next() >> 32 <= keep[w]
        ]
        for i, word in enumerate(kept):
            width = 1 + draws.below(config.window)
            around = kept[max(0, i - width) : i] + kept[i + 1 : i + width + 1]
            targets = [[w, *(draws.noise(noise, w) for _ in range(config.negative))] for w in around]
            mine = members.rows[members.starts[word] : members.starts[word + 1]]
            before = rows[mine].mean(0)
            hidden = before.copy()
            labels = np.array([1.0] + [0.0] * config.negative)
            for group in targets:
                g = step * (labels - logistic(output[group] @ hidden))
                moved = hidden.copy()
                for k, target in enumerate(group):
                    moved += g[k] * output[target]
                    output[target] += g[k] * hidden
                hidden = moved
            np.add.at(rows, mine, hidden - before)


def start_of(corpus: VectorCorpus, config: VectorsConfig) -> tuple[Members, Any, Any]:
    members = Members.of(corpus, config)
    rng = np.random.default_rng(1)
    words = len(corpus.words)
    rows = rng.normal(0, 0.5, (words + len(members.buckets), WIDTH)).astype(np.float32)
    output = rng.normal(0, 0.5, (words + 1, WIDTH)).astype(np.float32)
    output[words] = 0  # where there is nothing to predict
    return members, rows, output


def run(
    corpus: VectorCorpus, members: Members, rows: Any, output: Any, config: VectorsConfig, rate: float,
    seed: int,
) -> Any:  # fmt: skip
    counter = np.zeros(8)
    keep, (others, own) = tables(corpus, config)
    subword_kernels.train_block(
        *_block(corpus), 0.0, 1.0, np.uint64(seed), counter, rows.reshape(-1), output.reshape(-1), WIDTH,
        members.rows, members.starts, keep, others, own, config.negative, config.window, rate,
    )  # fmt: skip
    return counter


def _block(corpus: VectorCorpus) -> tuple[Any, Any]:
    block = corpus.read(0, len(corpus.offsets) - 1)
    return block.flat, block.offsets


@pytest.mark.parametrize("sample", [0.0, 0.02])
def test_updates_equal_numpy(sample: float) -> None:
    corpus, config = corpus_of(), replace(CONFIG, sample=sample)
    members, rows, output = start_of(corpus, config)
    expected = rows.astype(np.float64), output.astype(np.float64)
    before = rows.copy()
    by_numpy(corpus, members, *expected, config, 0.2, seed=7)
    run(corpus, members, rows, output, config, 0.2, seed=7)
    assert np.abs(rows - before).max() > 0.1
    np.testing.assert_allclose(rows, expected[0], atol=1e-5)
    np.testing.assert_allclose(output, expected[1], atol=1e-5)


def test_steps_follow_the_gradient() -> None:
    """Of one centre, on sentences of two words: each row of the centre gets the gradient of the mean whole,
    which is their number times what autograd says of the row."""
    corpus = corpus_of("cats mat")
    config = replace(CONFIG, window=1)
    members, rows, output = start_of(corpus, config)
    rate, before = 1e-4, (rows.copy(), output.copy())
    run(corpus, members, rows, output, config, rate, seed=3)
    leaf, out = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in before)
    _, noise = tables(corpus, config)
    draws = Draws(3)
    draws.next(), draws.next()  # both words are kept
    loss: Any = 0.0
    for centre, other in ((0, 1), (1, 0)):
        draws.next()  # the width of the window
        mine = torch.from_numpy(members.rows[members.starts[centre] : members.starts[centre + 1]].astype(int))
        hidden = leaf[mine].mean(0)
        scale = len(mine)  # undoes the division of the mean for the rows, not for the output
        moved = hidden.detach() + scale * (hidden - hidden.detach())
        loss = loss - torch.nn.functional.logsigmoid(moved @ out[other])
        for _ in range(config.negative):
            loss = loss - torch.nn.functional.logsigmoid(-moved @ out[draws.noise(noise, other)])
    loss.backward()
    for now, was, tensor in ((rows, before[0], leaf), (output, before[1], out)):
        step = -rate * tensor.grad.numpy()
        np.testing.assert_allclose(now - was, step, atol=2e-2 * np.abs(step).max())


def test_members_are_the_word_and_its_ngrams() -> None:
    corpus = corpus_of()
    members = Members.of(corpus, CONFIG)
    grams, ends = ngram_ids(corpus.words, CONFIG.char_orders, CONFIG.buckets)
    for w in range(len(corpus.words)):
        mine = members.rows[members.starts[w] : members.starts[w + 1]]
        assert mine[0] == w
        np.testing.assert_array_equal(
            members.buckets[mine[1:] - len(corpus.words)], grams[ends[w] : ends[w + 1]]
        )


def test_vectors_are_composed_of_rows_that_compose_unseen_words_too() -> None:
    corpus = corpus_of()
    trained = train(corpus, CONFIG)
    assert trained.subwords is not None
    assert trained.subwords.shape == (500, 10)
    unused = np.setdiff1d(np.arange(500), Members.of(corpus, CONFIG).buckets)
    assert not trained.subwords[unused].any()
    vectors, counts = Subwords(trained.subwords, CONFIG.char_orders).compose(["catsdogs"])
    assert counts[0] > 0
    assert np.abs(vectors).max() > 0


def test_one_thread_and_seed_give_the_same_vectors() -> None:
    corpus = corpus_of()
    first, second = train(corpus, CONFIG), train(corpus, CONFIG)
    for name in ("input", "output", "subwords"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    other = train(corpus, replace(CONFIG, seed=6))
    assert np.abs(other.input - first.input).max() > 1e-3
    two = train(corpus, replace(CONFIG, threads=2))
    assert np.isfinite(two.input).all()


def test_training_goes_on_from_earlier_vectors() -> None:
    corpus = corpus_of()
    first = train(corpus, CONFIG)
    again = train(corpus, replace(CONFIG, learning_rate=0.0), start=first)
    for name in ("input", "output", "subwords"):
        np.testing.assert_allclose(getattr(again, name), getattr(first, name), atol=1e-5)
    plain = train(corpus, replace(CONFIG, learning_rate=0.0), start=Trained(first.input))
    np.testing.assert_allclose(plain.input, first.input, atol=1e-5)
    with pytest.raises(Problem, match="500 buckets, not 400"):
        train(corpus, replace(CONFIG, buckets=400), start=first)


def test_training_lowers_the_loss() -> None:
    told: list[Progress] = []
    config = replace(CONFIG, epochs=200, learning_rate=0.2)
    train(corpus_of(), config, told.append)
    members, rows, output = start_of(corpus_of(), config)
    output[:] = 0
    counter = run(corpus_of(), members, rows, output, config, 0.0, seed=1)
    assert counter[0] / counter[1] == pytest.approx((1 + config.negative) * np.log(2), rel=0.1)
    assert told[-1].loss is not None
    assert told[-1].loss < 0.9 * counter[0] / counter[1]


def test_tiny_corpora_and_wrong_settings() -> None:
    for text in ("alone", "cats mat\nalone\n", "aa aa"):
        assert np.isfinite(train(corpus_of(text), CONFIG).input).all()
    with pytest.raises(Problem, match="noise words only"):
        train(corpus_of(), replace(CONFIG, negative=0))
