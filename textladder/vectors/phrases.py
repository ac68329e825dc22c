"""Phrases such as new_york: two words that stand together far more often than by chance are made one
(Mikolov et al. 2013b, section 4; word2vec's program word2phrase)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Ragged
from textladder.text.store import Store, StoreWriter
from textladder.vectors.config import VectorsConfig

JOINER = "_"
OUTSIDE = -1  # the id of a word that is not in the vocabulary: no phrase goes across it
MOST_PAIRS = 20_000_000  # different pairs in memory while counting; beyond it the rarest are forgotten
ROWS_AT_ONCE = 1 << 16


def join(
    folder: Path, words: Sequence[str], config: VectorsConfig, keep: Sequence[str] = ()
) -> tuple[list[str], NDArray[np.int64], list[str]]:
    """Joins pairs in the store of ids in `folder`, `config.phrases` times: phrases of 2, 4, 8 ... words.

    Words that have become rarer than `min_count` by it are left out (not those of `keep`). Returns the words,
    most frequent first, how often each stands in the store, and what was done, in sentences.
    """
    known = {word: place for place, word in enumerate(words)}
    notes = []
    for _ in range(config.phrases):
        names = list(known)
        pairs, counts, forgotten = _count_pairs(folder, names)
        scores = _score(pairs, counts, folder, len(names), config)
        good = scores > config.phrase_threshold
        pairs, counts = pairs[good], counts[good]
        phrases = [
            JOINER.join((names[pair // len(names)], names[pair % len(names)])) for pair in pairs.tolist()
        ]
        targets = np.array([known.setdefault(phrase, len(known)) for phrase in phrases], np.int32)
        most = ", ".join(phrases[n] for n in np.argsort(-counts, kind="stable")[:3])
        notes.append(f"{len(pairs):,} pairs of words are joined{', such as ' + most if most else ''}.")
        if forgotten:
            notes.append(f"there were too many pairs: counts of pairs may be up to {forgotten:,} too low.")
        _rewrite(folder, partial(_joined, pairs=pairs, targets=targets, size=len(names)))
    names, counts, lost = _settle(folder, list(known), config, set(keep))
    if lost:
        notes.append(f"after that {len(names):,} words are kept; {lost:,} words of text are left out.")
    return names, counts, notes


def dropped(ids: Ragged) -> Ragged:
    """Without what is OUTSIDE."""
    inside = ids.flat != OUTSIDE
    before = np.zeros(len(inside) + 1, np.int64)
    np.cumsum(inside, out=before[1:])
    return Ragged(ids.flat[inside], before[ids.offsets])


def _settle(
    folder: Path, names: list[str], config: VectorsConfig, wanted: set[str]
) -> tuple[list[str], NDArray[np.int64], int]:
    """Numbers the words that are frequent enough by falling frequency, and leaves the others out: so many
    words of text."""
    counts = _occurrences(folder, len(names))
    kept = [n for n, name in enumerate(names) if counts[n] >= config.min_count or name in wanted]
    kept = nsmallest(
        len(kept) if config.max_vocabulary is None else config.max_vocabulary,
        kept,
        key=lambda n: (names[n] not in wanted, -counts[n], names[n]),
    )
    kept.sort(key=lambda n: (-counts[n], names[n]))
    places = np.full(len(names) + 1, OUTSIDE, np.int32)  # the last entry: OUTSIDE stays so
    places[kept] = np.arange(len(kept))
    _rewrite(folder, lambda ids: dropped(Ragged(places[ids.flat], ids.offsets)))
    return [names[n] for n in kept], counts[kept], int(counts.sum() - counts[kept].sum())


def _rewrite(folder: Path, change: Callable[[Ragged], Ragged]) -> None:
    """Replaces the store of ids in `folder` by what `change` makes of each part of it."""
    fresh = folder.with_name(folder.name + ".new")
    try:
        with StoreWriter(fresh) as writer:
            for ids in _parts(folder):
                writer.append({"ids": change(ids)})
        shutil.rmtree(folder)
        fresh.replace(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _occurrences(folder: Path, size: int) -> NDArray[np.int64]:
    """How often each id below `size` stands in the store."""
    counts = np.zeros(size, np.int64)
    for ids in _parts(folder):
        counts += np.bincount(ids.flat[ids.flat >= 0], minlength=size)
    return counts


def _parts(folder: Path) -> Iterator[Ragged]:
    store = Store(folder)
    for start in range(0, max(len(store), 1), ROWS_AT_ONCE):
        yield store.slice(start, min(start + ROWS_AT_ONCE, len(store)))["ids"]


def _count_pairs(folder: Path, names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Neighbours of which both begin with a letter or digit: as first * V + second, rising; how often; and by
    how much a count may be too low."""
    joinable = np.array([*(name[0].isalnum() for name in names), False])  # the last: OUTSIDE
    size = len(names)
    pairs, counts, forgotten = np.zeros(0, np.int64), np.zeros(0, np.int64), 0
    for ids in _parts(folder):
        first, second = ids.flat[:-1].astype(np.int64), ids.flat[1:]
        good = joinable[first] & joinable[second]
        ends = ids.offsets[1:-1]
        good[ends[(ends > 0) & (ends < len(ids.flat))] - 1] = False  # not across two sentences
        found, times = np.unique(first[good] * size + second[good], return_counts=True)
        pairs, places = np.unique(np.concatenate([pairs, found]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([counts, times]), len(pairs)).astype(np.int64)
        least = 0
        while np.count_nonzero(counts > least) > MOST_PAIRS:
            least += 1
        if least:
            pairs, counts, forgotten = pairs[counts > least], counts[counts > least], forgotten + least
    return pairs, counts, forgotten


def _score(
    pairs: NDArray[np.int64], counts: NDArray[np.int64], folder: Path, size: int, config: VectorsConfig
) -> NDArray[np.float64]:
    """(n(ab) - min_count) N / (n(a) n(b)): how many times more often than by chance, less for rare pairs."""
    single = _occurrences(folder, size).astype(np.float64)
    chance = single[pairs // size] * single[pairs % size]
    return (counts - config.min_count) * single.sum() / np.maximum(chance, 1.0)


def _joined(ids: Ragged, pairs: NDArray[np.int64], targets: NDArray[np.int32], size: int) -> Ragged:
    flat, offsets = np.empty(len(ids.flat), np.int32), np.zeros(len(ids.offsets), np.int64)
    length = _join(ids.flat, ids.offsets, pairs, targets, size, flat, offsets)
    return Ragged(flat[:length], offsets)


@numba.njit(cache=True, nogil=True)
def _join(  # noqa: PLR0917
    flat: Any, ends: Any, pairs: Any, targets: Any, size: int, out: Any, out_ends: Any
) -> int:
    """From left to right, a pair that is among `pairs` becomes its target; the next pair begins after it."""
    n = 0
    for s in range(len(ends) - 1):
        i = ends[s]
        while i < ends[s + 1]:
            out[n] = flat[i]
            if i + 1 < ends[s + 1] and flat[i] >= 0 and flat[i + 1] >= 0:
                pair = np.int64(flat[i]) * size + flat[i + 1]
                at = np.searchsorted(pairs, pair)
                if at < len(pairs) and pairs[at] == pair:
                    out[n] = targets[at]
                    i += 1
            n += 1
            i += 1
        out_ends[s + 1] = n
    return n
