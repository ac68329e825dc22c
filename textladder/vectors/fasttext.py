"""fastText: skip-gram in which the vector of a word is the mean of its own row and of those of its n-grams of
characters, so that words never seen have vectors too (Bojanowski et al. 2017,
https://arxiv.org/abs/1607.04606)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.vectors import subword_kernels as kernels
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Report
from textladder.vectors.subwords import ngram_ids
from textladder.vectors.training import Trained, over_corpus

NOISE_POWER = 0.5  # of the counts; as in fastText's program (word2vec: 0.75)
DRAWS = 10  # noise words that a window shares; see benchmarks/NOTES.md
PLACES = 64  # of the noise table, for each word


@dataclass(frozen=True)
class Members:
    """The rows whose mean is the vector of each word: its own (row w), then those of its n-grams.

    Only buckets that a word of the corpus uses have a row, V and on, those used most first: rows that are
    needed often share pages and caches. rows: [M] int32; starts: [V + 1]; buckets: [U], the bucket of row
    V + u.
    """

    rows: NDArray[np.int32]
    starts: NDArray[np.int64]
    buckets: NDArray[np.int64]

    @classmethod
    def of(cls, corpus: VectorCorpus, config: VectorsConfig) -> Members:
        grams, ends = ngram_ids(corpus.words, config.char_orders, config.buckets)
        buckets, places = np.unique(grams, return_inverse=True)
        uses = np.bincount(places, weights=np.repeat(corpus.counts, np.diff(ends)), minlength=len(buckets))
        order = np.argsort(-uses, kind="stable")
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        words = len(corpus.words)
        starts = ends + np.arange(words + 1)  # one own row for each word before
        rows = np.empty(starts[-1], np.int32)
        rows[starts[:-1]] = np.arange(words)
        inside = np.ones(len(rows), bool)
        inside[starts[:-1]] = False
        rows[inside] = words + rank[places]
        return cls(rows, starts, buckets[order])


def train(
    corpus: VectorCorpus, config: VectorsConfig, report: Report | None = None, start: Trained | None = None
) -> Trained:
    """Vectors, and the rows of all n-grams: zero where no word of the corpus has the n-gram (fastText's
    program leaves the random start there).

    Raises Problem without noise words, and when the n-grams of `start` have another number of buckets.
    """
    if config.negative < 1:
        raise Problem(
            "--negative",
            "fasttext is trained with noise words only.",
            "Give 1 or more, or --method skipgram.",
        )
    members, words = Members.of(corpus, config), len(corpus.words)
    rng = np.random.default_rng(config.seed)
    rows = rng.random((words + len(members.buckets), config.dim), np.float32)
    rows *= np.float32(2 / config.dim)
    rows -= np.float32(1 / config.dim)
    output = np.zeros((words, config.dim), np.float32)
    if start is not None:
        _go_on(start, members, config, rows, output)
    keep, noise = keep_shares(corpus.counts, config.sample), noise_table(corpus.counts, NOISE_POWER)
    logistic = kernels.logistic_table()

    def kernel(  # noqa: PLR0917 (as the protocol has it)
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        start: float,
        stop: float,
        seed: int,
        counter: NDArray[np.float64],
    ) -> None:
        kernels.train_sentences(
            rows, output, members.rows, members.starts, keep, noise, logistic, config.window, config.negative,
            DRAWS, ids, offsets, config.rate * (1 - start), config.rate * (1 - stop), seed, counter,
        )  # fmt: skip

    over_corpus(corpus, config, kernel, report)
    subwords = np.zeros((config.buckets, config.dim), np.float32)
    if start is not None and start.subwords is not None:
        subwords[:] = start.subwords
    subwords[members.buckets] = rows[words:]
    return Trained(kernels.compose(rows, members.rows, members.starts), output, subwords)


def _go_on(
    start: Trained,
    members: Members,
    config: VectorsConfig,
    rows: NDArray[np.float32],
    output: NDArray[np.float32],
) -> None:
    """Puts earlier vectors into the rows. The own row of a word is what its vector has beyond its n-grams."""
    words = len(start.input)
    if start.subwords is not None:
        if start.subwords.shape != (config.buckets, config.dim):
            raise Problem(
                "--continue",
                f"its n-grams have {len(start.subwords):,} buckets, not {config.buckets:,}.",
                f"Add --set buckets={len(start.subwords)}.",
            )
        rows[words:] = start.subwords[members.buckets]
    rows[:words] = 0
    grams = kernels.compose(rows, members.rows, members.starts)
    rows[:words] = (start.input - grams) * np.diff(members.starts)[:, None]
    if start.output is not None:
        output[:] = start.output


def keep_shares(counts: NDArray[np.int64], sample: float) -> NDArray[np.uint32]:
    """How probable it is that an occurrence of each word is kept, of 2^31: sqrt(t / f) + t / f for a word
    whose share of the text is f (word2vec's program; Mikolov et al. 2013 have sqrt(t / f))."""
    if sample == 0:
        return np.full(len(counts), 1 << 31, np.uint32)
    ratio = sample * counts.sum() / np.maximum(counts, 1)
    return (np.minimum(np.sqrt(ratio) + ratio, 1) * (1 << 31)).astype(np.uint32)


def noise_table(counts: NDArray[np.int64], power: float) -> NDArray[np.int32]:
    """Words, as often as a draw should give them: in proportion to count^power."""
    ends = np.cumsum(counts.astype(np.float64) ** power)
    places = len(counts) * PLACES
    return np.searchsorted(ends, (np.arange(places) + 0.5) * (ends[-1] / places)).astype(np.int32)
