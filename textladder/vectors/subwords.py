"""Vectors of character n-grams, hashed into buckets as fastText's program does.

Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606, section 3.2. The vector of a word is the mean of
its own row and the rows of its n-grams; that of a word never seen is the mean of the n-grams alone. Hash,
order and special cases are those of fastText's `Dictionary::computeSubwords`, so that its .bin files mean the
same here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

END = "</s>"  # fastText's end of sentence: a word without n-grams
OFFSET, PRIME = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a
U32_SIGNS = np.uint32(0xFFFFFF00)

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


@dataclass(frozen=True)
class Subwords:
    """The n-gram rows of a fastText model: [buckets, D], for n-grams of orders[0]..orders[1] characters."""

    rows: NDArray[np.float32]
    orders: tuple[int, int]

    @property
    def buckets(self) -> int:
        return len(self.rows)

    def compose(
        self, words: Sequence[str], own: NDArray[np.float32] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Vectors [n, D] of words and how many rows each is the mean of [n]; zeros where that is none.

        own: the words' own rows [n, D] for those in the vocabulary; None for words that are not.
        """
        ids, offsets = ngram_ids(words, self.orders, self.buckets)
        dim = self.rows.shape[1]
        vectors = np.zeros((len(words), dim), np.float32) if own is None else own.astype(np.float32)  # a copy
        _add_rows(self.rows, ids, offsets, vectors)
        counts = np.diff(offsets) + (0 if own is None else 1)
        # A product with 1/n and not a quotient, and in float32, as the program has it.
        vectors *= (np.float32(1) / np.maximum(counts, 1).astype(np.float32))[:, None]
        return vectors, counts


def ngram_ids(
    words: Sequence[str], orders: tuple[int, int], buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Buckets of the n-grams of each word, end to end, and offsets [n + 1].

    An n-gram is orders[0]..orders[1] characters of "<word>", but neither "<" nor ">" alone. They come by
    where they begin, short before long. "</s>" has none.
    """
    packed = [f"<{word}>".encode() if word != END else b"" for word in words]
    bounds = np.zeros(len(packed) + 1, np.int64)
    np.cumsum([len(word) for word in packed], out=bounds[1:])
    flat = np.frombuffer(b"".join(packed), np.uint8)
    low, high = orders
    if high < 1 or buckets < 1:
        return np.zeros(0, np.int64), np.zeros_like(bounds)
    return _ngram_ids(flat, bounds, max(low, 1), high, buckets)


@kernel
def _ngram_ids(
    flat: NDArray[np.uint8], bounds: NDArray[np.int64], low: int, high: int, buckets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    ids = np.empty(len(flat) * (high - low + 1), np.int64)
    ends, count = np.zeros_like(bounds), 0
    for w in range(len(bounds) - 1):
        start, stop = bounds[w], bounds[w + 1]
        for i in range(start, stop):
            if flat[i] & 0xC0 == 0x80:  # inside a character
                continue
            key, j, n = OFFSET, i, 1
            while j < stop and n <= high:
                key = _hashed(key, flat[j])
                j += 1
                while j < stop and flat[j] & 0xC0 == 0x80:
                    key = _hashed(key, flat[j])
                    j += 1
                if n >= low and not (n == 1 and (i == start or j == stop)):
                    ids[count] = np.int64(key) % buckets
                    count += 1
                n += 1
        ends[w + 1] = count
    return ids[:count].copy(), ends


@kernel
def _hashed(key: Any, byte: Any) -> Any:
    """One step of FNV-1a. The byte is taken as signed, which the program's `int8_t` does."""
    wide = np.uint32(byte)
    if byte >= 128:
        wide |= U32_SIGNS
    return np.uint32((key ^ wide) * PRIME)


@kernel
def _add_rows(
    rows: NDArray[np.float32], ids: NDArray[np.int64], offsets: NDArray[np.int64], out: NDArray[np.float32]
) -> None:
    """out[w] += the rows of word w, in their order."""
    for w in range(len(offsets) - 1):
        for k in range(offsets[w], offsets[w + 1]):
            row = np.uint64(ids[k])
            for d in range(np.uint64(out.shape[1])):
                out[w, d] += rows[row, d]
