"""Scores that depend on their texts only through sums: the one form that can be resampled and paired cheaply.

Accuracy needs the number of correct texts, F1 three counts per label, perplexity a sum of losses and a number
of units, BLEU its n-gram counts. Write such a score as `of(sums)` and every bootstrap and every permutation
becomes a product of random counts with a small table: texts of one *kind* (the same contribution) need not be
told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating[Any]]
Function = Callable[[Floats], Floats]

# Random numbers drawn at once; it bounds the memory of a resampling, whatever the number of texts.
CHUNK = 1 << 20


@dataclass(frozen=True)
class Statistic:
    """A score of n texts in K kinds with S sums.

    kinds: [n] the kind of each text, 0..K-1.
    table: [K, S] what one text of a kind adds to each sum.
    of: sums [..., S] -> score [...].
    """

    kinds: NDArray[np.int64]
    table: Floats
    of: Function

    @classmethod
    def mean(cls, values: ArrayLike) -> Statistic:
        """The mean of one value per text [n]."""
        unique, kinds = np.unique(np.asarray(values, np.float64), return_inverse=True)
        return cls(kinds, np.stack([unique, np.ones_like(unique)], axis=1), _ratio)

    @classmethod
    def rows(cls, rows: NDArray[Any], of: Function) -> Statistic:
        """What each text adds, [n, S]; equal rows become one kind."""
        rows = np.ascontiguousarray(rows)
        if rows.shape[1] * len(rows) == 0:
            return cls(np.zeros(len(rows), np.int64), np.zeros((1, rows.shape[1]), np.float32), of)
        # As bytes a row is one sortable item; np.unique(axis=0) compares column by column and is far slower.
        items = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
        _, first, kinds = np.unique(items, return_index=True, return_inverse=True)
        return cls(kinds, _as_floats(rows[first]), of)

    def __len__(self) -> int:
        return len(self.kinds)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """[K] texts of each kind."""
        return np.bincount(self.kinds, minlength=len(self.table))

    @cached_property
    def sums(self) -> Floats:
        """[S] over all texts."""
        return self.counts @ self.table

    @property
    def value(self) -> float:
        return float(self.of(self.sums))

    def resampled(self, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """Sums of bootstrap resamples (n texts drawn with replacement), in chunks of [r, S], r summing up to
        `resamples`."""
        count, kinds = len(self), len(self.table)
        if kinds * 4 <= count:  # few kinds: how often each is drawn is multinomial, no text is drawn singly
            for size in _chunks(resamples, kinds):
                yield rng.multinomial(count, self.counts / count, size=size) @ self.table
            return
        for size in _chunks(resamples, count):
            drawn = self.kinds[rng.integers(0, count, size=(size, count), dtype=np.int32)]  # [r, n]
            cells = drawn + np.arange(size)[:, None] * kinds
            yield np.bincount(cells.ravel(), minlength=size * kinds).reshape(size, kinds) @ self.table

    def beside(self, other: Statistic) -> Statistic:
        """Both statistics of the same texts as one, with sums [S of self, then S of other]. Its `of` is
        self's minus other's."""
        width = len(other.table)
        joint, kinds = np.unique(self.kinds * width + other.kinds, return_inverse=True)
        mine, theirs = self.table[joint // width], other.table[joint % width]
        split, first, second = self.table.shape[1], self.of, other.of

        def difference(sums: Floats) -> Floats:
            return first(sums[..., :split]) - second(sums[..., split:])

        return Statistic(kinds, np.concatenate([mine, theirs], axis=1), difference)

    def swapped(self, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """For a statistic made by `beside` of two with the same sums: the sums after the two systems' answers
        were exchanged on a random half of the texts, in chunks of [r, 2S]."""
        half = self.table.shape[1] // 2
        change = self.table[:, half:] - self.table[:, :half]
        differ = change.any(axis=1)
        change, counts = change[differ], self.counts[differ]
        single, many = np.flatnonzero(counts == 1), np.flatnonzero(counts > 1)
        for size in _chunks(resamples, max(len(counts), 1)):
            # Of c texts of one kind, Binomial(c, 1/2) are exchanged; for one text that is a random bit.
            exchanged = np.empty((size, len(counts)), change.dtype)
            exchanged[:, single] = rng.integers(0, 2, size=(size, len(single)), dtype=np.int8)
            exchanged[:, many] = rng.binomial(counts[many], 0.5, size=(size, len(many)))
            moved = exchanged @ change  # [r, S]: what the first system gains, and the second loses
            yield self.sums + np.concatenate([moved, -moved], axis=1)


def _as_floats(rows: NDArray[Any]) -> Floats:
    """Counts as float32 (their sums are exact up to 16 million), everything else as float64."""
    return rows.astype(np.float32 if rows.dtype.itemsize < 4 or rows.dtype == bool else np.float64)


def _ratio(sums: Floats) -> Floats:
    return sums[..., 0] / sums[..., 1]


def _chunks(total: int, width: int) -> Iterator[int]:
    size = max(1, CHUNK // max(width, 1))
    for start in range(0, total, size):
        yield min(size, total - start)
