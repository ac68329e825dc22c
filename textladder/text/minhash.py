"""MinHash of a text's character 5-grams, and exact Jaccard similarity.

One-permutation hashing (Li, Owen & Zhang 2012, https://arxiv.org/abs/1208.1259): one hash per 5-gram, whose
value chooses a bin and competes for its minimum; empty bins are filled from others chosen by a fixed hash
(Shrivastava 2017, https://arxiv.org/abs/1703.04664). A text costs its length, not its length times the bins.

Bands of ROWS bins make a key each; two texts of similarity s share a key with probability
1 - (1 - s^ROWS)^BANDS: 0.998 at s = 0.8, 0.27 at s = 0.5.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

GRAM = 5  # characters
BANDS, ROWS = 20, 6
BINS = BANDS * ROWS
EMPTY = np.uint32(0xFFFFFFFF)


@numba.njit(cache=True, nogil=True, inline="always")
def _mixed(x: Any) -> Any:
    """splitmix64's finaliser: every bit of the input moves every bit of the output."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def grams(text: Any) -> Any:
    """[M] uint64 hashes of the character 5-grams of UTF-8 bytes; of the whole text if it is shorter."""
    found = np.empty(max(len(text), 1), np.uint64)
    window = np.zeros(GRAM, np.uint64)  # the last characters, as a ring
    number, characters, i = 0, 0, 0
    while i < len(text):
        code = np.uint64(text[i])
        i += 1
        while i < len(text) and (text[i] & 0xC0) == 0x80:  # the rest of a character
            code = (code << np.uint64(8)) | np.uint64(text[i])
            i += 1
        window[characters % GRAM] = code
        characters += 1
        if characters >= GRAM or i >= len(text):
            h = np.uint64(0)
            for k in range(characters, characters + GRAM):
                h = h * np.uint64(0x9E3779B97F4A7C15) + window[k % GRAM] + np.uint64(1)
            found[number] = _mixed(h)
            number += 1
    return found[:number]


@numba.njit(cache=True, nogil=True)
def signatures(flat: Any, offsets: Any) -> Any:
    """[B, BINS] uint32 minima of each text's 5-grams; EMPTY throughout for an empty text."""
    result = np.full((len(offsets) - 1, BINS), EMPTY, np.uint32)
    for row in range(len(offsets) - 1):
        minima = result[row]
        for h in grams(flat[offsets[row] : offsets[row + 1]]):
            place = ((h >> np.uint64(32)) * np.uint64(BINS)) >> np.uint64(32)
            value = np.uint32(h & np.uint64(0xFFFFFFFE))
            minima[place] = min(minima[place], value)
        if offsets[row] == offsets[row + 1]:
            continue
        filled = minima.copy()
        for place in range(BINS):
            step = np.uint64(1)
            while filled[place] == EMPTY:
                other = _mixed(np.uint64(place) * np.uint64(1000003) + step) % np.uint64(BINS)
                filled[place] = minima[other]
                step += np.uint64(1)
        result[row] = filled
    return result


@numba.njit(cache=True, nogil=True)
def band_keys(signature: Any) -> Any:
    """[BANDS, B] uint64 keys: texts with an equal key in a band are candidates."""
    keys = np.empty((BANDS, len(signature)), np.uint64)
    for row in range(len(signature)):
        for band in range(BANDS):
            h = np.uint64(band)
            for value in signature[row, band * ROWS : (band + 1) * ROWS]:
                h = _mixed(h * np.uint64(0x9E3779B97F4A7C15) + np.uint64(value))
            keys[band, row] = h
    return keys


@numba.njit(cache=True, nogil=True)
def agreement(left: Any, right: Any) -> Any:
    """[P] share of equal bins of pairs of signatures: an estimate of Jaccard similarity, error about 0.04."""
    result = np.empty(len(left), np.float32)
    for pair in range(len(left)):
        equal = 0
        for place in range(BINS):
            equal += left[pair, place] == right[pair, place]
        result[pair] = equal / BINS
    return result


def jaccard(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> float:
    """Jaccard similarity of the sets of 5-grams of two texts (UTF-8 bytes)."""
    a, b = np.unique(grams(left)), np.unique(grams(right))
    common = len(np.intersect1d(a, b, assume_unique=True))
    return common / max(len(a) + len(b) - common, 1)
