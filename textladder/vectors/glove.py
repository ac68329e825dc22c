"""GloVe: word vectors whose products fit the logarithms of how often words stand near each other (Pennington,
Socher and Manning 2014, https://aclanthology.org/D14-1162)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.files import writing
from textladder.vectors import cooccurrence
from textladder.vectors import glove_kernels as kernels
from textladder.vectors.config import VectorsConfig
from textladder.vectors.cooccurrence import Cooccurrences
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Progress, Report, processors
from textladder.vectors.sampling import noise
from textladder.vectors.training import LOSS, REPORT_SECONDS, STOP, TERMS, Trained
from textladder.vectors.word2vec_kernels import padded

# Counts from here on weigh 1, smaller ones (x / X_MAX)^ALPHA (equation 9). The paper has 100, for corpora of
# 6 billion words; with some millions 10 is better, which the authors' demo has too (benchmarks/NOTES.md).
X_MAX = 10.0
ALPHA = 0.75
# An entry that weighs less is taken by chance, in proportion to its weight, and then weighs so much: most
# counts are of words that met once, and weigh 0.05 to 0.2.
LEAST = 1.0
# Most word pairs never meet, and equation 8 does not see them: two words may get any product. For each entry
# that is taken, `config.negative` words are drawn by their frequency. Where one never stands near the entry's
# word, their product (with the biases) is pulled down to what a count of about ZERO would give, if it is
# above: as Swivel does with all zeros (Shazeer et al. 2016, https://arxiv.org/abs/1602.02215).
ZERO = 0.05
ZERO_WEIGHT = 1.0
CALL_BLOCKS = 64  # of entries, in one call of the kernel: some 50 ms


def train(
    corpus: VectorCorpus, config: VectorsConfig, report: Report | None = None, start: Trained | None = None
) -> Trained:
    """Counts all neighbours up to `config.window` away, then takes `config.passes` iterations. The vectors
    are the sums of each word's two (section 4.2). `config.negative`: words drawn for each count, to find
    zeros of the matrix; 0: none, as in the paper. `config.sample` has no meaning here.

    Raises Problem if no word has a neighbour, and if the disk is full: the counts are on it, beside the
    corpus's ids, until training ends.
    """
    with _folder(corpus) as folder:
        counts = _count(corpus, config, folder, report)
        if len(counts) == 0:
            raise Problem(
                "the corpus",
                "no word has a neighbour in its sentence.",
                "Give more text, or a smaller --min-count.",
            )
        rows, biases = initial(len(corpus.words), config, start)
        iterate(counts, rows, biases, config, occurrences=corpus.counts, report=report)
    width = padded(config.dim)
    contexts = rows[:, width : width + config.dim].copy()
    return Trained(rows[:, : config.dim] + contexts, contexts)


def initial(
    words: int, config: VectorsConfig, start: Trained | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows [V, 4 W], W = D filled up to whole registers (vector, context vector, sums of squares of both),
    and biases [V, 4] in the same order.
    The numbers are uniform in +-0.5 / D, the sums of squares 1, as in the authors' program."""
    dim, width = config.dim, padded(config.dim)
    rng = np.random.default_rng(config.seed)
    rows = np.ones((words, 4 * width), np.float32)
    biases = np.ones((words, 4), np.float32)
    rows[:, : 2 * width] = 0
    rows[:, :dim] = (rng.random((words, dim), np.float32) - 0.5) / dim
    rows[:, width : width + dim] = (rng.random((words, dim), np.float32) - 0.5) / dim
    biases[:, :2] = (rng.random((words, 2), np.float32) - 0.5) / dim
    if start is not None:
        context = start.input / 2 if start.output is None else start.output
        rows[:, :dim], rows[:, width : width + dim] = start.input - context, context
    return rows, biases


def iterate(
    counts: Cooccurrences,
    rows: NDArray[np.float32],
    biases: NDArray[np.float32],
    config: VectorsConfig,
    *,
    occurrences: NDArray[np.int64],
    report: Report | None,
) -> None:
    """Trains rows and biases in place. Each iteration takes all blocks of entries, in an order of its own,
    and the rate falls to zero in a straight line; several threads do it without locks (Hogwild), one gives
    the same vectors every time. occurrences: [V] of each word in the corpus."""
    threads = processors(config.threads)
    counters = np.zeros((threads, 8))  # 64 bytes each: no two threads write to one cache line
    size = -(-len(counts) // kernels.ENTRIES)
    rng = np.random.default_rng((config.seed, 1))
    began = told = time.perf_counter()
    before = np.zeros(2)
    others, own = noise(occurrences)

    def work(slot: int, blocks: NDArray[np.int64]) -> None:
        for first in range(0, len(blocks), CALL_BLOCKS):
            nonlocal told, before
            part = blocks[first : first + CALL_BLOCKS]
            rate = config.rate * (1 - (iteration + first / len(blocks)) / config.passes)
            kernels.train_blocks(
                rows, biases, counts.starts, counts.columns, counts.values, part,
                np.uint64((config.seed << 32) + iteration * size), rate, X_MAX, ALPHA, LEAST, config.negative,
                np.log(ZERO), ZERO_WEIGHT, others, own, counters[slot],
            )  # fmt: skip
            now = time.perf_counter()
            if report and slot == 0 and (now - told >= REPORT_SECONDS):
                sums = counters[:, [LOSS, TERMS]].sum(0)
                loss = (sums - before)[LOSS] / (sums - before)[TERMS]
                report(_progress(sums[TERMS], counts, config, now - began, loss))
                told, before = now, sums

    with ThreadPoolExecutor(threads, thread_name_prefix="glove") as pool:
        try:
            for iteration in range(config.passes):  # noqa: B007 (work reads it)
                order = rng.permutation(size)
                list(pool.map(work, range(threads), np.array_split(order, threads)))
        finally:
            counters[:, STOP] = 1
    if report:
        sums = counters[:, [LOSS, TERMS]].sum(0)
        rest = sums - before
        loss = rest[LOSS] / rest[TERMS] if rest[TERMS] else None
        report(_progress(sums[TERMS], counts, config, time.perf_counter() - began, loss))


def _progress(
    terms: float, counts: Cooccurrences, config: VectorsConfig, seconds: float, loss: float | None
) -> Progress:
    total = config.passes * counts.terms
    return Progress("train", terms, terms / total, seconds, loss, "pairs")


def _count(corpus: VectorCorpus, config: VectorsConfig, folder: Path, report: Report | None) -> Cooccurrences:
    began, total = time.perf_counter(), len(corpus.ids)

    def tell(done: int) -> None:
        if report:
            report(Progress("count", done, done / total, time.perf_counter() - began))

    return cooccurrence.count(
        np.asarray(corpus.ids),
        np.asarray(corpus.offsets),
        len(corpus.words),
        config.window,
        folder / "counts",
        threads=processors(config.threads),
        report=tell,
    )


@contextmanager
def _folder(corpus: VectorCorpus) -> Iterator[Path]:
    """A folder for the counts, beside the corpus if that is on disk; gone in the end."""
    file = getattr(corpus.ids, "filename", None)
    beside = Path(file).parent if file else None
    with writing(beside or Path("counts")):
        made = TemporaryDirectory(prefix="counts-", dir=beside)
    with made as folder:
        yield Path(folder)
