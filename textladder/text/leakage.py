"""Texts of one part that stand in another too: the same, or nearly.

The same: equal after Unicode case folding and with white space as one blank; of pairs, both texts. Nearly:
Jaccard similarity of the sets of character 5-grams of at least THRESHOLD, found by MinHash, then computed
exactly (`minhash.py`).

Memory: 650 bytes a row of the part that is looked up (dev or test), nothing for the other, which is streamed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Numbers, Ragged
from textladder.text.corpus import Corpus, Target

THRESHOLD = 0.8
# Pairs with fewer equal bins than this are not worth an exact comparison: 4 standard errors under THRESHOLD.
ESTIMATE = THRESHOLD - 0.15
# Of a key shared by many texts (a template), this many are compared for each text.
CANDIDATES = 8
EXAMPLES = 5


@dataclass(frozen=True)
class Pair:
    """A text of the other part and its likeness in train. Two texts of a row are parted by a line feed."""

    train: str  # where
    other: str
    train_text: str
    other_text: str
    train_labels: Target
    other_labels: Target
    similarity: float  # Jaccard; 1.0 when the same


@dataclass(frozen=True)
class Leakage:
    """What two parts share. Counts are rows of the other part; a row counts once, as exact before near."""

    exact: int
    near: int
    contradicting: int  # of the exact ones: the label is not that of the first copy in train
    checked: int  # rows of the other part
    exact_rows: Numbers
    near_rows: Numbers
    examples: list[Pair] = field(default_factory=list)
    threshold: float = THRESHOLD
    rows_are: str = "texts"

    def to_dict(self) -> dict[str, Any]:
        return {
            "checked": self.checked,
            "exact": self.exact,
            "near": self.near,
            "contradicting": self.contradicting,
            "threshold": self.threshold,
            "examples": [vars(pair) for pair in self.examples],
        }

    def lines(self, train: str = "train", other: str = "test") -> list[str]:
        """Sentences for the terminal; none if nothing is shared."""
        said, checked = [], f"{self.checked:,} {self.rows_are}"
        if self.exact:
            clash = f"; {self.contradicting:,} of them with another label" if self.contradicting else ""
            said.append(f"{self.exact:,} of {checked} of {other} stand in {train} too{clash}.")
        if self.near:
            said.append(
                f"{self.near:,} of {checked} of {other} are nearly those of {train} "
                f"(Jaccard similarity of 5-grams at least {self.threshold})."
            )
        return said + [f"  {p.other} is like {p.train} ({p.similarity:.2f})" for p in self.examples]


def normalised(text: bytes) -> bytes:
    """What makes two texts the same: case folded, white space as one blank."""
    return b" ".join(text.lower().split()) if text.isascii() else _folded(text)


def _folded(text: bytes) -> bytes:
    return " ".join(text.decode("utf-8").casefold().split()).encode("utf-8")


def _keys(texts: list[bytes]) -> NDArray[np.uint64]:
    """[B] a 64-bit hash of each text: two different ones of a million agree with probability 3e-8."""
    return np.frombuffer(b"".join([blake2b(text, digest_size=8).digest() for text in texts]), "<u8")


def _chunks(
    corpus: Corpus, rows: Numbers | None, names: Sequence[str] | None = None
) -> Iterator[tuple[Numbers, list[bytes]]]:
    for numbers, taken in corpus.taken(rows, names=names or corpus.text_columns):
        yield numbers, _normalised_rows(list(taken.values()))


def _normalised_rows(columns: Sequence[Ragged]) -> list[bytes]:
    """The texts of each row as one; a line feed, which no normalised text holds, keeps them apart."""
    each = []
    for texts in columns:
        whole, bounds = texts.flat.tobytes(), texts.offsets.tolist()
        each.append([normalised(whole[a:b]) for a, b in pairwise(bounds)])
    return each[0] if len(each) == 1 else [b"\n".join(texts) for texts in zip(*each, strict=True)]


def text_keys(
    corpus: Corpus, rows: Numbers | None = None, names: Sequence[str] | None = None
) -> NDArray[np.uint64]:
    """[rows] one number per row, equal for equal texts (case and white space aside). names: the columns of
    texts that count (None: all)."""
    parts = [_keys(texts) for _, texts in _chunks(corpus, rows, names)]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def find_leakage(
    train: Corpus,
    other: Corpus,
    train_rows: Numbers | None = None,
    other_rows: Numbers | None = None,
    *,
    near: bool = True,
) -> Leakage:
    """The rows of `other` whose text stands in `train`, the same or nearly. None: all rows.

    Two parts of one corpus are two row arrays of it. near=False looks for equal texts only (much faster).
    """
    return _Search(other, other_rows, near).over(train, train_rows)


def known_passages(train: Corpus, other: Corpus, train_rows: Numbers, other_rows: Numbers) -> int:
    """Of questions: how many of `other` are about a passage that stands in `train`, with whatever
    question."""
    mine, theirs = text_keys(other, other_rows, ["text"]), text_keys(train, train_rows, ["text"])
    return int(np.isin(mine, theirs).sum())


def find_copies(corpus: Corpus, rows: Numbers | None = None, *, near: bool = True) -> Leakage:
    """The same within one part: the rows whose text stood in an earlier row."""
    return _Search(corpus, rows, near, within=True).over(corpus, rows)


class _Search:
    """The texts of one part, against which another is streamed. `within`: the other is the same part."""

    def __init__(self, other: Corpus, rows: Numbers | None, near: bool, within: bool = False) -> None:
        self.other, self.near, self.within = other, near, within
        self.rows = np.arange(len(other)) if rows is None else np.asarray(rows, np.int64)
        self.pairs: list[tuple[int, int, float]] = []  # (position in rows, row of train, similarity)

    def over(self, train: Corpus, rows: Numbers | None) -> Leakage:
        first = self._first_copies(train, rows)
        same = first >= 0
        # Label sets of the two corpora are numbered each on its own.
        number = {labels: code for code, labels in enumerate(train.label_sets)}
        mine = np.array([number.get(labels, -1) for labels in self.other.label_sets] or [0])
        clash = train.label_codes[first[same]] != mine[self.other.label_codes[self.rows[same]]]
        nearly = self._near_copies(train, rows, np.flatnonzero(~same)) if self.near else np.zeros(0, np.int64)
        exact = [(int(i), int(first[i]), 1.0) for i in np.flatnonzero(same)[:EXAMPLES]]
        near = sorted(self.pairs, key=lambda pair: -pair[2])[:EXAMPLES]
        return Leakage(
            int(same.sum()),
            len(nearly),
            int(clash.sum()),
            len(self.rows),
            self.rows[same],
            self.rows[nearly],
            [self._pair(train, *pair) for pair in exact + near],
            rows_are=self.other.rows_are,
        )

    def _first_copies(self, train: Corpus, rows: Numbers | None) -> Numbers:
        """[len(self.rows)] the first row of train with the same text; -1: none (within: none before)."""
        distinct, which = np.unique(text_keys(self.other, self.rows), return_inverse=True)
        first = np.full(len(distinct), -1, np.int64)
        for numbers, texts in _chunks(train, rows) if len(distinct) else ():
            keys = _keys(texts)
            place = np.minimum(np.searchsorted(distinct, keys), len(distinct) - 1)
            hits = np.flatnonzero(distinct[place] == keys)
            found, earliest = np.unique(place[hits], return_index=True)
            new = first[found] < 0
            first[found[new]] = numbers[hits[earliest[new]]]
        copies = first[which]
        return np.where(copies == self.rows, -1, copies) if self.within else copies

    def _near_copies(self, train: Corpus, rows: Numbers | None, left: Numbers) -> Numbers:
        """Positions in self.rows, among `left`, of texts that are nearly those of train."""
        from textladder.text.minhash import agreement, band_keys, jaccard

        if not len(left):
            return left
        signatures = np.concatenate([_signatures(texts) for _, texts in _chunks(self.other, self.rows[left])])
        keys = band_keys(signatures)
        order = np.argsort(keys, axis=1, kind="stable").astype(np.int32)
        keys = np.take_along_axis(keys, order, axis=1)
        found = np.zeros(len(left), bool)
        streamed = self.rows[left] if self.within else rows
        start = 0
        for numbers, texts in _chunks(train, streamed):
            theirs = signatures[start : start + len(texts)] if self.within else _signatures(texts)
            i, j = _candidates(band_keys(theirs), keys, order)
            open_ = ~found[j] & ((j > i + start) | (not self.within))
            i, j = i[open_], j[open_]
            likely = agreement(theirs[i], signatures[j]) >= ESTIMATE
            for a, b in zip(i[likely], j[likely], strict=True):
                if (
                    not found[b]
                    and (similarity := jaccard(_array(texts[a]), self._text(left[b]))) >= THRESHOLD
                ):
                    found[b] = True
                    self.pairs.append((int(left[b]), int(numbers[a]), similarity))
            start += len(texts)
        return left[found]

    def _text(self, position: int) -> NDArray[np.uint8]:
        row = self.rows[position : position + 1]
        texts = self.other.store.take(row, self.other.text_columns)
        return _array(_normalised_rows(list(texts.values()))[0])

    def _pair(self, train: Corpus, position: int, row: int, similarity: float) -> Pair:
        mine, theirs = train[row], self.other[int(self.rows[position])]
        return Pair(
            mine.where,
            theirs.where,
            "\n".join(mine.texts),
            "\n".join(theirs.texts),
            mine.target,
            theirs.target,
            round(similarity, 3),
        )


def _candidates(
    queries: NDArray[np.uint64], keys: NDArray[np.uint64], order: NDArray[np.int32]
) -> tuple[Numbers, Numbers]:
    """Pairs (query, row) that share a band's key. keys: [BANDS, M] sorted; order: the row of each key."""
    found = []
    for band in range(len(queries)):
        first = np.searchsorted(keys[band], queries[band], side="left")
        size = np.searchsorted(keys[band], queries[band], side="right") - first
        for step in range(CANDIDATES):
            here = np.flatnonzero(step < size)
            if not len(here):
                break
            # Queries of one large bucket begin at different places in it, so that together they cover it.
            place = first[here] + (here + step) % size[here]
            found.append(here * len(order[band]) + order[band, place])
    pairs = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return np.divmod(pairs, keys.shape[1])


def _array(text: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)


def _signatures(texts: list[bytes]) -> NDArray[np.uint32]:
    from textladder.text.minhash import signatures

    ragged = Ragged.of([_array(text) for text in texts], np.uint8)
    return signatures(ragged.flat, ragged.offsets)
