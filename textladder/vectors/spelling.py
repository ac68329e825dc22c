"""The known words nearest to a misspelt one, by edit distance over the whole vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")


def nearest_spellings(word: str, words: Sequence[str], n: int = 3) -> list[str]:
    """Up to n words within one edit for each three letters (a letter more, less, another, or two swapped:
    Damerau 1964), nearest first, more frequent (earlier) ones first among equals. Case alone is no edit."""
    if not word or not words:
        return []
    lower = [known.lower() for known in words]
    codes = np.frombuffer("".join(lower).encode("utf-32-le"), np.uint32)
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(known) for known in lower], out=offsets[1:])
    asked = np.frombuffer(word.lower().encode("utf-32-le"), np.uint32)
    most = max(1, len(asked) // 3)
    distances = _distances(asked, codes, offsets, most)
    near = np.flatnonzero(distances <= most)
    near = near[np.argsort(distances[near], kind="stable")][:n]
    return [words[place] for place in near.tolist()]


@kernel
def _distances(asked: Any, codes: Any, offsets: Any, most: int) -> NDArray[np.int64]:
    """Edit distance of `asked` to each word; `most` + 1 for those that are further away."""
    count = len(asked)
    out = np.full(len(offsets) - 1, most + 1, np.int64)
    before, last, row = (
        np.empty(count + 1, np.int64),
        np.empty(count + 1, np.int64),
        np.empty(count + 1, np.int64),
    )
    for w in range(len(offsets) - 1):
        start, length = offsets[w], offsets[w + 1] - offsets[w]
        if abs(length - count) > most:
            continue
        for j in range(count + 1):
            row[j] = j
        least = 0
        for i in range(1, length + 1):
            before, last, row = last, row, before
            row[0] = least = i
            code = codes[start + i - 1]
            for j in range(1, count + 1):
                cost = 0 if code == asked[j - 1] else 1
                value = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + cost)
                if i > 1 and j > 1 and code == asked[j - 2] and codes[start + i - 2] == asked[j - 1]:
                    value = min(value, before[j - 2] + 1)
                row[j] = value
                least = min(least, value)
            if least > most:
                break
        if least <= most:
            out[w] = min(row[count], most + 1)
    return out
