"""Skip-gram (Mikolov et al. 2013a, b): from each neighbour in the window, the centre word is predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from textladder.vectors import word2vec_kernels as kernels
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.hierarchical import huffman
from textladder.vectors.progress import Report
from textladder.vectors.sampling import kept_share, noise, thresholds
from textladder.vectors.training import Trained, over_corpus

ROWS_AT_ONCE = 1 << 11


def train(
    corpus: VectorCorpus, config: VectorsConfig, report: Report | None = None, start: Trained | None = None
) -> Trained:
    """See `training.train`. With `config.negative` noise words, which all pairs of a centre share, or (0)
    with hierarchical softmax."""
    return train_words(corpus, config, report, start, cbow=False)


def train_words(
    corpus: VectorCorpus,
    config: VectorsConfig,
    report: Report | None,
    start: Trained | None,
    *,
    cbow: bool,
) -> Trained:
    """Skip-gram or CBOW: tables, draws, and the kernel over the corpus."""
    size, dim = len(corpus.words), config.dim
    # A word alone has no noise; and no vector to learn.
    negative = config.negative if size > 1 else 0
    inputs, outputs = kernels.table(size, dim), kernels.table(size + 1, dim)
    fill(inputs, random_rows(size, dim, config.seed) if start is None else [start.input], dim)
    if start is not None and start.output is not None:
        fill(outputs, [start.output], dim)
    kept = thresholds(kept_share(corpus.counts, config.sample))
    others, own = noise(corpus.counts)
    paths = huffman(corpus.counts if negative == 0 else corpus.counts[:0])

    def kernel(  # noqa: PLR0917
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        begin: float,
        end: float,
        seed: int,
        counter: NDArray[np.float64],
    ) -> None:
        kernels.train_block(
            ids, offsets, begin, end, np.uint64(seed), counter, inputs, outputs, kernels.padded(dim), kept,
            others, own, negative, paths.starts, paths.nodes, paths.codes, config.window, config.rate, cbow,
        )  # fmt: skip

    over_corpus(corpus, config, kernel, report)
    return Trained(kernels.compact(inputs, size, dim), kernels.compact(outputs, size, dim))


def random_rows(rows: int, dim: int, seed: int) -> Iterator[NDArray[np.float32]]:
    """First vectors: each number by chance between -1 / 2D and 1 / 2D, as in word2vec."""
    generator = np.random.default_rng(seed)
    for first in range(0, rows, ROWS_AT_ONCE):
        some = generator.random((min(ROWS_AT_ONCE, rows - first), dim), np.float32)
        yield (some - np.float32(0.5)) / np.float32(dim)


def fill(flat: NDArray[np.float32], parts: Iterable[NDArray[np.float32]], dim: int) -> None:
    """Puts vectors [rows, D], part after part, into a table."""
    rows, first = flat.reshape(-1, kernels.padded(dim)), 0
    for part in parts:
        rows[first : first + len(part), :dim] = part
        first += len(part)
