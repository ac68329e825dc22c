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
from textladder.vectors.sampling import kept_share, noise, thresholds
from textladder.vectors.subwords import ngram_ids
from textladder.vectors.training import Trained, over_corpus
from textladder.vectors.word2vec_kernels import compact, padded, table

NOISE_POWER = 0.5  # of the counts; as in fastText's program (word2vec: 0.75)
ROWS_AT_ONCE = 1 << 11


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
    members, words, dim = Members.of(corpus, config), len(corpus.words), config.dim
    size, width = words + len(members.buckets), padded(dim)
    inputs, outputs = table(size, dim), table(words + 1, dim)
    rows = inputs.reshape(size, width)[:, :dim]  # a view
    rng = np.random.default_rng(config.seed)
    for part in np.array_split(rows, 1 + size // ROWS_AT_ONCE):  # uniform in +-1 / D, as in the program
        part[:] = (2 * rng.random(part.shape, np.float32) - 1) / np.float32(dim)
    if start is not None:
        _go_on(start, members, config, inputs, rows)
        if start.output is not None:
            outputs.reshape(-1, width)[:words, :dim] = start.output
    kept = thresholds(kept_share(corpus.counts, config.sample))
    others, own = noise(corpus.counts, NOISE_POWER)
    # A word alone has no noise.
    negative = config.negative if words > 1 else 0

    def kernel(  # noqa: PLR0917
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        start: float,
        stop: float,
        seed: int,
        counter: NDArray[np.float64],
    ) -> None:
        kernels.train_block(
            ids, offsets, start, stop, np.uint64(seed), counter, inputs, outputs, width, members.rows,
            members.starts, kept, others, own, negative, config.window, config.rate,
        )  # fmt: skip

    over_corpus(corpus, config, kernel, report)
    subwords = np.zeros((config.buckets, dim), np.float32)
    if start is not None and start.subwords is not None:
        subwords[:] = start.subwords
    subwords[members.buckets] = rows[words:]
    vectors = kernels.compose(inputs, members.rows, members.starts, width)
    return Trained(np.ascontiguousarray(vectors[:, :dim]), compact(outputs, words, dim), subwords)


def _go_on(
    start: Trained,
    members: Members,
    config: VectorsConfig,
    inputs: NDArray[np.float32],
    rows: NDArray[np.float32],
) -> None:
    """Puts earlier vectors into the rows. The own row of a word is what its vector has beyond its n-grams."""
    words, width = len(start.input), padded(config.dim)
    if start.subwords is not None:
        if start.subwords.shape != (config.buckets, config.dim):
            raise Problem(
                "--continue",
                f"its n-grams have {len(start.subwords):,} buckets, not {config.buckets:,}.",
                f"Add --buckets {len(start.subwords)}.",
            )
        rows[words:] = start.subwords[members.buckets]
    rows[:words] = 0
    grams = kernels.compose(inputs, members.rows, members.starts, width)[:, : config.dim]
    rows[:words] = (start.input - grams) * np.diff(members.starts)[:, None]
