"""Training of word vectors: the methods by name, what each gives back, and the loop over the corpus that
skip-gram, CBOW and fastText share."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.signals import noted
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Progress, Report, processors

METHODS = {
    "skipgram": "textladder.vectors.skipgram:train",
    "cbow": "textladder.vectors.cbow:train",
    "fasttext": "textladder.vectors.fasttext:train",
    "glove": "textladder.vectors.glove:train",
}
# Words of one call of a kernel: some 50 ms. Between two calls progress is told and Ctrl-C is heard.
BLOCK_WORDS = 1 << 15
RELEASE_WORDS = 1 << 17  # after so many, the pages of the file that were read are given back
REPORT_SECONDS = 0.25
SIGNAL_SECONDS = 0.1  # between two looks whether a signal has come
LOSS, TERMS, STOP = range(3)  # entries of a kernel's counter


@dataclass(frozen=True)
class Trained:
    """Vectors of the words of a corpus, in its order.

    input: [V, D] float32, the vectors that are used. output: [V, D] float32, those of the words as they are
    predicted ([V - 1, D] of the inner nodes with hierarchical softmax): to continue training; None where it
    was not kept. subwords: [buckets, D] float32, fastText's n-grams.
    """

    input: NDArray[np.float32]
    output: NDArray[np.float32] | None = None
    subwords: NDArray[np.float32] | None = None


def train(
    corpus: VectorCorpus, config: VectorsConfig, report: Report | None = None, start: Trained | None = None
) -> Trained:
    """Trains by `config.method`. start: vectors to go on from, one row for each word of `corpus`.

    Raises Problem if `start` does not fit, and if the numbers stop being finite.
    """
    if start is not None and start.input.shape != (len(corpus.words), config.dim):
        raise Problem(
            "--continue",
            f"the vectors are {start.input.shape[0]:,} x {start.input.shape[1]}, "
            f"the corpus needs {len(corpus.words):,} x {config.dim}.",
            f"Add --dim {start.input.shape[1]}.",
        )
    module, _, name = METHODS[config.method].partition(":")
    trained: Trained = getattr(import_module(module), name)(corpus, config, report, start)
    if not np.isfinite(trained.input).all():
        raise Problem(
            "--learning-rate", f"with {config.rate:g} the vectors have diverged.", "Give a smaller one."
        )
    return trained


class Kernel(Protocol):
    """Trains on some whole sentences. May run in several threads at once on the same vectors (Hogwild: Niu
    et al. 2011). ids: [n] int32; offsets: [sentences + 1], from 0; start, stop: how much of all training is
    done before and after them, 0 to 1 (the rate falls with it); seed: of the draws; counter: [3] float64, to
    which the kernel adds its LOSS and the TERMS of it, and which it leaves early if STOP is not 0."""

    def __call__(  # noqa: PLR0917
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        start: float,
        stop: float,
        seed: int,
        counter: NDArray[np.float64],
        /,
    ) -> None: ...


def over_corpus(corpus: VectorCorpus, config: VectorsConfig, kernel: Kernel, report: Report | None) -> None:
    """Gives every block of the corpus to `kernel`, `config.passes` times, on `config.threads` threads.

    Each block has draws of its own, and one thread takes them in order: the same seed gives the same vectors.
    Leaves within a tenth of a second on Ctrl-C, or when `report` raises.
    """
    threads = processors(config.threads)
    total = len(corpus.ids) * config.passes
    counters = np.zeros((threads, 8))  # 64 bytes each, so that no two threads write to one cache line
    free = list(range(threads))
    began = told = time.perf_counter()
    words, unreleased, before = 0, 0, np.zeros(2)

    def work(slot: int, block: Block) -> tuple[int, int]:
        part = corpus.read(block.first, block.last)
        kernel(part.flat, part.offsets, block.start / total, block.stop / total, block.seed, counters[slot])
        return slot, len(part.flat)

    running: set[Future[tuple[int, int]]] = set()
    blocks = _blocks(corpus, config)
    # An exception raised by a signal inside `wait` could leave a future's lock taken, and its thread waiting.
    with noted() as arrived, ThreadPoolExecutor(threads, thread_name_prefix="vectors") as pool:
        try:
            while not arrived[0]:
                while free and (block := next(blocks, None)) is not None:
                    running.add(pool.submit(work, free.pop(), block))
                if not running:
                    break
                done, running = wait(running, SIGNAL_SECONDS, FIRST_COMPLETED)
                for future in done:
                    slot, number = future.result()
                    free.append(slot)
                    words += number
                unreleased += sum(future.result()[1] for future in done)
                if unreleased >= RELEASE_WORDS:
                    corpus.store.release()
                    unreleased = 0
                now = time.perf_counter()
                if report and (now - told >= REPORT_SECONDS or not running):
                    sums = counters[:, [LOSS, TERMS]].sum(0)
                    loss = (
                        (sums - before)[LOSS] / (sums - before)[TERMS]
                        if sums[TERMS] > before[TERMS]
                        else None
                    )
                    report(Progress("train", words, words / total, now - began, loss))
                    told, before = now, sums
        finally:
            counters[:, STOP] = 1
    if arrived[0]:
        signal.raise_signal(arrived[0])


@dataclass(frozen=True)
class Block:
    """Sentences first..last; start and stop count words of all epochs."""

    first: int
    last: int
    start: int
    stop: int
    seed: int


def _blocks(corpus: VectorCorpus, config: VectorsConfig) -> Iterator[Block]:
    """Every block once in each pass, in an order of its own: texts of one kind often stand together, and what
    came last would leave its mark on all vectors."""
    size = len(corpus.ids)
    # Small corpora too are shared out evenly.
    bounds = corpus.cuts(min(BLOCK_WORDS, max(1, size // (4 * processors(config.threads)))))
    edges = np.asarray(corpus.offsets)[bounds]
    done = number = 0
    for epoch in range(config.passes):
        order = np.random.default_rng([config.seed, epoch]).permutation(len(bounds) - 1)
        for k in order.tolist():
            words = int(edges[k + 1] - edges[k])
            seed = (config.seed << 32) + number
            yield Block(int(bounds[k]), int(bounds[k + 1]), done, done + words, seed)
            done, number = done + words, number + 1
