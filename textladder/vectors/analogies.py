"""Answers to analogy questions by 3CosAdd and 3CosMul, both in one pass over the vocabulary.

Thousands of questions share some hundreds of words. So the cosines of these words with a block of the
vocabulary are one small matrix product, and each question combines three rows of it while they lie in the
cache, instead of a product of its own with the whole vocabulary. Letters: Q questions, U distinct words of
theirs, V vocabulary, D width.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray

BLOCK = 512  # words of the vocabulary at a time: three tables [U, BLOCK] for U of 1,000 are 4 MB
LOWEST = np.float32(-1e30)
EPSILON = 0.001  # of 3CosMul, as in Levy and Goldberg 2014


def answer(
    unit: NDArray[np.float32], questions: NDArray[np.int64], threads: int | None = None
) -> NDArray[np.int64]:
    """a is to b as c is to which word? questions: [Q, 3] places of a, b, c in the vocabulary; unit: [V, D]
    vectors of length 1. Returns the places of the best words by 3CosAdd and by 3CosMul, [2, Q], never one of
    a, b, c; -1 where the vocabulary has no other word; of equals the first.

    3CosAdd: argmax cos(d, b) - cos(d, a) + cos(d, c).
    3CosMul: argmax s(d, b) s(d, c) / (s(d, a) + 0.001) with s = (cos + 1) / 2.
    """
    places, asked = np.unique(questions, return_inverse=True)
    asked = np.ascontiguousarray(asked.reshape(-1, 3), np.uint64)  # into the U distinct words
    threads = threads or os.cpu_count() or 1
    shares = [part for part in np.array_split(np.arange(len(questions)), threads) if len(part)]
    best = np.full((2, len(questions)), LOWEST, np.float32)
    found = np.full((2, len(questions)), -1, np.int64)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for start in range(0, len(unit), BLOCK):
            cosines = np.ascontiguousarray(unit[places] @ unit[start : start + BLOCK].T)  # [U, BLOCK]
            shifted = (cosines + 1) / 2
            inverse = 1 / (shifted + np.float32(EPSILON))
            done = [
                pool.submit(
                    _block,
                    cosines,
                    shifted,
                    inverse,
                    asked,
                    questions,
                    start,
                    share[0],
                    share[-1] + 1,
                    best,
                    found,
                )
                for share in shares
            ]
            for one in done:
                one.result()
    return found


kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)


@kernel
def _block(cosines, shifted, inverse, asked, questions, start, low, high, best, found):  # type: ignore[no-untyped-def]
    """Questions low..high against one block of the vocabulary; `best` and `found` [2, Q] are brought up to
    date. Most blocks hold no better word, which `_better` sees without a branch; only in the others the word
    is looked for, and those of the question are left out."""
    for q in range(low, high):
        a, b, c = asked[q, 0], asked[q, 1], asked[q, 2]
        rows = cosines[a], cosines[b], cosines[c], inverse[a], shifted[b], shifted[c]
        if _better(*rows, best[0, q], best[1, q]) == 0:
            continue
        for v in range(cosines.shape[1]):
            word = start + v
            if word == questions[q, 0] or word == questions[q, 1] or word == questions[q, 2]:
                continue
            add = cosines[b, v] - cosines[a, v] + cosines[c, v]
            mul = shifted[b, v] * shifted[c, v] * inverse[a, v]
            if add > best[0, q]:
                best[0, q], found[0, q] = add, word
            if mul > best[1, q]:
                best[1, q], found[1, q] = mul, word


@kernel
def _better(cos_a, cos_b, cos_c, part_a, part_b, part_c, add, mul):  # type: ignore[no-untyped-def]
    """How many words of a block beat the best scores so far. A sum, because the compiler does many of its
    terms at once, but not of a search for the largest (measured: a sixth of the time)."""
    count = 0
    for v in range(len(cos_a)):
        better_add = cos_b[v] - cos_a[v] + cos_c[v] > add
        better_mul = part_b[v] * part_c[v] * part_a[v] > mul
        count += better_add | better_mul
    return count
