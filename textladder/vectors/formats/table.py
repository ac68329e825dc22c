"""What a file of word vectors holds, and how one is asked for."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.vectors.packing import Packed
from textladder.vectors.subwords import Subwords

COPY_AGAIN = "Copy the file again; nothing of it was used."
SKIP = "Mend the file, or leave such words out and have them counted (skip_broken_words=True)."


@dataclass(frozen=True)
class Table:
    """Words and their vectors, most frequent first where the file knows."""

    words: list[str]  # V
    matrix: NDArray[np.float32]  # [V, D] the vector of each word, composed already where there are subwords
    counts: NDArray[np.int64] | None = None  # [V] how often each word stood in the corpus
    subwords: Subwords | None = None
    own: NDArray[np.float32] | None = None  # [V, D] with subwords: the row of the word alone
    output: NDArray[np.float32] | None = None  # [V, D] for continued training
    config: Mapping[str, Any] = field(default_factory=dict)  # how they were learned, as far as it is known
    notes: tuple[str, ...] = ()  # what was left out
    packed: Mapping[str, Packed] = field(default_factory=dict)  # of "vectors" and "subwords", if quantised

    @property
    def dim(self) -> int:
        return self.matrix.shape[1]


@dataclass(frozen=True)
class Asked:
    """limit: the first so many words only. wanted: only these words, the numbers of others are not even read
    (limit counts those that are kept). skip_broken_words: leave out and count words that come again, have
    blanks in them or are not UTF-8; otherwise they raise a Problem."""

    limit: int | None = None
    wanted: Container[str] | None = None
    skip_broken_words: bool = False

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise Problem("limit", f"{self.limit} words cannot be read.", "Give a whole number from 1.")


class Keeper:
    """Which words of a file are kept: it sees them in order, and numbers those that are kept.

    place(number): how messages name the place of the file's word `number` (from 0)."""

    def __init__(self, path: Path, asked: Asked) -> None:
        self.path, self.asked = path, asked
        self.index: dict[str, int] = {}
        self.left_out: dict[str, int] = {}
        self.seen = 0  # words of the file so far

    @property
    def full(self) -> bool:
        return self.asked.limit is not None and len(self.index) >= self.asked.limit

    def offer(self, words: Sequence[str | None], place: Any) -> NDArray[np.int64]:
        """Which of the next words are kept, as positions in `words`. None is a word that is broken: `place`
        raises or counts it. place(position) names a word's place in the file."""
        if self.asked.wanted is None and None not in words:
            before, rest = len(self.index), len(words)
            if self.asked.limit is not None:
                rest = min(rest, self.asked.limit - before)
            fresh = dict(zip(words[:rest], range(before, before + rest), strict=True))
            if len(fresh) == rest and not (self.index.keys() & fresh.keys()):
                self.index |= fresh  # type: ignore[arg-type]
                self.seen += rest
                return np.arange(rest)
        kept = []
        for position, word in enumerate(words):
            if self.full:
                break
            self.seen += 1
            if word is None:
                continue
            if self.asked.wanted is not None and word not in self.asked.wanted:
                continue
            if word in self.index:
                self.broken("a word came again", place(position), f"the word {word!r} comes a second time.")
                continue
            self.index[word] = len(self.index)
            kept.append(position)
        return np.array(kept, np.int64)

    def broken(self, kind: str, where: str, what: str) -> None:
        """A word that cannot be kept: counted if the caller asked for that, otherwise a Problem."""
        if not self.asked.skip_broken_words:
            raise Problem(where, what, SKIP)
        self.left_out[kind] = self.left_out.get(kind, 0) + 1

    def words(self) -> list[str]:
        """The words kept; Problem if there is none."""
        if not self.index and self.asked.wanted is None:
            raise Problem(str(self.path), "no word vector is in it.", "Give another file.")
        return list(self.index)

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{self.path}: {count:,} left out: {kind}" for kind, count in self.left_out.items())


class Growing:
    """A matrix that rows are put behind, [n, width]; at most a quarter of its memory is spare. The system
    moves pages, not numbers, when it grows. A wrong count in a header therefore costs nothing."""

    def __init__(self, width: int, most: int | None = None) -> None:
        self.most = most  # rows that are expected at most, if that is known
        self.used = 0
        self._matrix = np.empty((0, width), np.float32)

    def add(self, rows: NDArray[np.float32]) -> None:
        stop = self.used + len(rows)
        if stop > len(self._matrix):
            size = stop + stop // 4
            if self.most is not None and self.most >= stop:
                size = min(size, self.most)
            self._matrix.resize((size, self._matrix.shape[1]), refcheck=False)
        self._matrix[self.used : stop] = rows
        self.used = stop

    def done(self) -> NDArray[np.float32]:
        """The matrix, without the spare rows."""
        self._matrix.resize((self.used, self._matrix.shape[1]), refcheck=False)
        return self._matrix


def at_byte(path: Path, offset: int) -> str:
    """The place of a byte, as messages name it: from 0, in the decompressed file."""
    return f"{path}, byte {offset:,}"


def check_finite(matrix: NDArray[np.float32], place: Any) -> None:
    """Problem for the first row that holds a number that is not finite; place(row) names it."""
    # The sum is finite unless a number is not (or large ones overflow together): no table of truths.
    with np.errstate(all="ignore"):
        suspicious = len(matrix) and not np.isfinite(matrix.sum(dtype=np.float64))
    if suspicious:
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
        if len(bad):
            raise Problem(
                place(int(bad[0])),
                "a number is not finite (NaN or infinity).",
                "Mend the file, or train again.",
            )
