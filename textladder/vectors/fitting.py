"""From texts to a table of vectors; and on from vectors that exist, with words that are new to them."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.text.reading import DataConfig
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus, build
from textladder.vectors.formats.table import Table
from textladder.vectors.progress import Report
from textladder.vectors.sources import Sources
from textladder.vectors.subwords import Subwords
from textladder.vectors.training import Trained, train


def learn(
    source: Sources,
    config: VectorsConfig,
    old: Table | None,
    *,
    report: Report | None,
    folder: Path | str | None,
    data: DataConfig | None,
) -> Table:
    """Vectors of the texts' words; with `old`, those of its words too, which the training starts from."""
    if old is not None and len(old.words) == 0:
        old = None
    if old is not None:
        config = _continued(config, old)
    with tempfile.TemporaryDirectory(prefix="textladder-") as spare:
        place = Path(spare if folder is None else folder) / "corpus"
        corpus = build(source, config, place, report, data=data, keep=old.words if old else ())
        start, notes = (None, ()) if old is None else _start(old, corpus, config)
        trained = train(corpus, config, report, start)
    table = Table(
        list(corpus.words),
        trained.input,
        corpus.counts,
        None if trained.subwords is None else Subwords(trained.subwords, config.char_orders),
        output=trained.output,
        config=asdict(config),
        notes=(*corpus.notes, *notes),
    )
    return table if old is None else _ordered(table, old, corpus)


def _continued(config: VectorsConfig, old: Table) -> VectorsConfig:
    """The configuration with what the old vectors fix."""
    fixed: dict[str, Any] = {"dim": old.dim}
    if config.max_vocabulary is not None:
        fixed["max_vocabulary"] = max(config.max_vocabulary, len(old.words))
    if (old.subwords is not None) != (config.method == "fasttext"):
        has = "have" if old.subwords is not None else "have no"
        raise Problem(
            "fit(update=True)",
            f"the vectors {has} subwords, which does not fit the method {config.method}.",
            "Go on with the method that they were learned by.",
        )
    if old.subwords is not None:
        fixed |= {"char_orders": old.subwords.orders, "buckets": old.subwords.buckets}
    return replace(config, **fixed)


def _start(old: Table, corpus: VectorCorpus, config: VectorsConfig) -> tuple[Trained, tuple[str, ...]]:
    """The rows of the old words where the corpus has them, and new ones as training begins them."""
    rows, places = _common(old, corpus)
    size = (len(corpus.words), config.dim)
    if old.subwords is None:
        random = np.random.default_rng(config.seed)
        first = random.uniform(-0.5 / config.dim, 0.5 / config.dim, size).astype(np.float32)
    else:  # what the n-grams say, with zeros for the own row
        first, counts = old.subwords.compose(corpus.words)
        first *= (counts / (counts + 1)).astype(np.float32)[:, None]
    first[places] = old.matrix[rows]
    notes = [f"{len(corpus.words) - len(rows):,} words are new."]
    output = None
    if old.output is not None and old.output.shape == old.matrix.shape and config.negative:
        output = np.zeros(size, np.float32)
        output[places] = old.output[rows]
    else:
        notes.append("The vectors came without their output layer, which begins anew.")
    subwords = None if old.subwords is None else np.array(old.subwords.rows)
    return Trained(first, output, subwords), tuple(notes)


def _common(old: Table, corpus: VectorCorpus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of `old` and of the corpus that are of one word."""
    known = {word: row for row, word in enumerate(old.words)}
    pairs = [(known[word], place) for place, word in enumerate(corpus.words) if word in known]
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _ordered(table: Table, old: Table, corpus: VectorCorpus) -> Table:
    """Most frequent first, over the old and the new texts. Where the old counts are not known: the old words
    in their order, then the new ones."""
    assert table.counts is not None
    rows, places = _common(old, corpus)
    counts = table.counts.copy()
    if old.counts is not None:
        counts[places] += old.counts[rows]
        order = np.argsort(-counts, kind="stable")
    else:
        rank = np.arange(len(counts)) + len(old.words)
        rank[places] = rows
        order = np.argsort(rank)
    output = table.output
    if output is not None:
        output = output[order] if len(output) == len(order) else None
    words = [table.words[row] for row in order.tolist()]
    return replace(table, words=words, matrix=table.matrix[order], counts=counts[order], output=output)
