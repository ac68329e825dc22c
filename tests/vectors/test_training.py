"""The loop over the corpus: blocks, threads, rates, progress, and how it is left."""

from __future__ import annotations

import threading
from dataclasses import replace
from importlib import import_module
from itertools import pairwise
from typing import Any, get_args

import numpy as np
import pytest

from textladder.errors import Problem
from textladder.vectors import training
from textladder.vectors.config import EPOCHS, LEARNING_RATES, Method, VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Progress
from textladder.vectors.training import LOSS, METHODS, STOP, TERMS, Trained, over_corpus, train

CONFIG = VectorsConfig(dim=4, epochs=2, threads=2, min_count=1)


def corpus_of(sentences: int = 3000, words: int = 40) -> VectorCorpus:
    rng = np.random.default_rng(0)
    return VectorCorpus.of([str(w) for w in range(words)], rng.integers(0, words, (sentences, 30)).tolist())


def test_every_method_can_be_had() -> None:
    assert set(METHODS) == set(get_args(Method)) == set(LEARNING_RATES) == set(EPOCHS)
    for place in METHODS.values():
        module, _, name = place.partition(":")
        assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("threads", [1, 3])
def test_each_sentence_comes_once_in_an_epoch(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(training, "BLOCK_WORDS", 1000)
    corpus, lock = corpus_of(), threading.Lock()
    found: list[tuple[float, float, int, Any]] = []

    def kernel(ids: Any, offsets: Any, start: float, stop: float, seed: int, counter: Any) -> None:
        assert offsets[0] == 0
        assert offsets[-1] == len(ids)
        assert not ids.flags.writeable
        with lock:
            found.append((start, stop, seed, ids.copy()))
        counter[LOSS] += 3.0 * len(ids)
        counter[TERMS] += len(ids)

    seen: list[Progress] = []
    over_corpus(corpus, replace(CONFIG, threads=threads), kernel, seen.append)
    found.sort(key=lambda block: block[0])
    sentences = np.concatenate([block[3] for block in found]).reshape(2, -1, 30)  # epoch by epoch
    written = sorted(corpus.ids.reshape(-1, 30).tolist())
    assert [sorted(epoch.tolist()) for epoch in sentences] == [written, written]
    assert (sentences[0] != sentences[1]).any(), "each epoch has an order of its own"
    assert found[0][0] == 0
    assert found[-1][1] == 1
    assert all(a[1] == b[0] for a, b in pairwise(found)), "the rate falls step by step"
    assert len({block[2] for block in found}) == len(found) > 100, "each block has its own draws"
    assert seen[-1].done == 2 * len(corpus.ids)
    assert seen[-1].loss == pytest.approx(3.0)
    assert "loss 3.0000" in seen[-1].line()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_stops_the_kernels(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    monkeypatch.setattr(training, "REPORT_SECONDS", 0)
    monkeypatch.setattr(training, "BLOCK_WORDS", 100)
    calls: list[int] = []
    stopped = threading.Event()

    def kernel(ids: Any, offsets: Any, start: float, stop: float, seed: int, counter: Any) -> None:
        calls.append(seed)
        if len(calls) > 1:  # stands for a long block
            while counter[STOP] == 0:
                stopped.wait(0.001)
            stopped.set()

    def report(progress: Progress) -> None:
        raise error

    with pytest.raises(error):
        over_corpus(corpus_of(), CONFIG, kernel, report)
    assert len(calls) < 10
    assert stopped.is_set() or len(calls) == 1


def test_a_stopped_kernel_leaves_the_vectors_as_they_are() -> None:
    corpus = corpus_of()
    from textladder.vectors import word2vec_kernels as kernels

    inputs, outputs = kernels.table(40, 4), kernels.table(41, 4)
    inputs += 0.1
    before = inputs.copy()
    counter = np.zeros(8)
    counter[STOP] = 1
    part = corpus.read(0, 100)
    kernels.train_block(
        part.flat, part.offsets, 0.0, 1.0, np.uint64(0), counter, inputs, outputs, kernels.padded(4),
        np.full(40, 2**32 - 1, np.uint32), np.zeros(40, np.int32), np.full(40, 2**32 - 1, np.uint32), 5,
        np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.uint8), 5, 0.1, False,
    )  # fmt: skip
    np.testing.assert_array_equal(inputs, before)


def test_an_error_in_a_kernel_is_told() -> None:
    def kernel(*_: Any) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        over_corpus(corpus_of(), CONFIG, kernel, None)


def test_vectors_to_go_on_from_must_fit() -> None:
    with pytest.raises(Problem, match="40 x 7") as raised:
        train(corpus_of(), CONFIG, start=Trained(np.zeros((40, 7), np.float32)))
    assert "--dim 7" in raised.value.next_step


def test_vectors_that_diverge_are_a_problem() -> None:
    with pytest.raises(Problem, match="diverged"):
        train(corpus_of(300), replace(CONFIG, learning_rate=1e30))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("dim", 0, "--dim"), ("method", "skipgrm", "Did you mean skipgram"), ("window", 0, "1 or more"),
     ("char_orders", (4, 3), "no range"), ("sample", float("nan"), "--sample"), ("units", "words", "word")],
)  # fmt: skip
def test_wrong_settings(name: str, value: Any, said: str) -> None:
    with pytest.raises(Problem) as raised:
        VectorsConfig(**{name: value})
    assert said in str(raised.value)


def test_line_of_progress() -> None:
    line = Progress("train", 5_000_000, 0.25, 4.0, 2.5).line()
    assert line == "train    25.0%  1,250,000 words/s  loss 2.5000  0:12 left"
    assert Progress("count", 3.0, None, 2.0, unit="MB").line() == "count   1.5 MB/s"
