"""From texts to a model's folder: count, link, estimate, leave out, take logarithms."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ngrams.arrays import create, in_threads, release, shorten
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.counting import count
from textladder.ngrams.estimating import Counted, estimator, logarithms
from textladder.ngrams.model import TYPES, About, make_room, sizes_of, write_header
from textladder.ngrams.pruning import prune
from textladder.ngrams.trie import link_all
from textladder.ragged import Ragged
from textladder.text.tokenizing import SPECIAL


def build(  # noqa: PLR0917
    texts: Iterable[Ragged | NDArray[np.int32]],
    vocabulary: list[str],
    config: NgramConfig,
    folder: Path,
    held_out: Iterable[Ragged | NDArray[np.int32]] | None,
    begins: int,
) -> About:
    """The arrays and the header of a model in `folder`; see `NgramModel.fit`."""
    estimate = estimator(config.estimator)
    if tuple(vocabulary[: len(SPECIAL)]) != SPECIAL or len(set(vocabulary)) != len(vocabulary):
        raise Problem(
            "vocabulary",
            f"it does not begin with {' '.join(SPECIAL)}, or has a unit twice.",
            "Give the vocabulary of a textladder tokenizer.",
        )
    make_room(folder)
    work = folder / "work"
    try:
        trie, corpus = count(texts, len(vocabulary), config, work, begins)
        total, parents = int(trie.starts[-1]), int(trie.starts[-2])
        suffix = create(folder / "suffix", "<i4", total)
        link_all(trie.starts, trie.ids, trie.first, suffix, config.threads)
        probability = create(folder / "log_probability", "<f4", total)
        backoff = create(folder / "log_backoff", "<f4", parents)
        counted = Counted(trie, suffix, probability, backoff, config, held_out, corpus.given)
        estimated = estimate(counted)
        starts = trie.starts
        if any(config.prune):
            starts = prune(trie, suffix, probability, backoff, config)
        for name in ("ids", "first"):
            (trie.folder / name).replace(folder / name)
        for name, size in sizes_of(starts.tolist()).items():
            release([shorten(folder / name, TYPES[name], size)])
        for values in (probability[: starts[-1]], backoff[: starts[-2]]):
            take_logarithms(values, config.threads)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    about = About(
        config,
        tuple(starts.tolist()),
        corpus.texts,
        corpus.units,
        corpus.unknown,
        estimated.facts,
        estimated.notes,
        estimated.unseen,
        estimated.straight,
        normalised=config.estimator != "stupid-backoff",
        begins=begins,
    )
    write_header(folder, vocabulary, about)
    return about


def take_logarithms(values: NDArray[np.float32], threads: int) -> None:
    def task(begin: int, end: int) -> Any:
        logarithms(values[begin:end])

    in_threads(task, 0, len(values), threads, [values])
