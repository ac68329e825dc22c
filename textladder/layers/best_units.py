"""The most probable columns of each row of logits, without a table of log-probabilities (numba).

A search wants five of 8,000 units. Written in torch, softmax and choice walk over all logits some six times,
and copy them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.halves import exponential
from textladder.layers.short_attention import any_order, largest

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
BLOCK = 64  # columns that are passed over at once if none of them is among the best so far
NOTHING = np.float32(-np.inf)


@any_order
def best_columns(logits: F32, shift: F32, banned: I64, values: F32, columns: I64) -> Any:
    """logits [R, P] plus shift [P], in place -> the k highest log-softmax values of each row [R, k], from the
    highest down, and their columns; of equal ones the first. Columns that are banned [any] have their
    probability, but are not chosen. Where fewer can be chosen the rest is -inf."""
    width = logits.shape[1]
    for r in range(len(logits)):
        row, best, place = logits[r], values[r], columns[r]
        for j in range(width):
            row[j] += shift[j]
        highest = largest(row)
        sum_ = np.float32(0)
        for j in range(width):
            sum_ += exponential(row[j] - highest)
        norm = highest + np.log(sum_)
        for j in banned:
            row[j] = NOTHING
        best[:] = NOTHING
        place[:] = 0
        for start in range(0, width, BLOCK):
            some = row[start : start + BLOCK]
            if largest(some) > best[-1]:
                for j in range(len(some)):
                    if some[j] > best[-1]:
                        at = len(best) - 1
                        while at > 0 and some[j] > best[at - 1]:
                            best[at], place[at] = best[at - 1], place[at - 1]
                            at -= 1
                        best[at], place[at] = some[j], start + j
        for j in range(len(best)):
            best[j] -= norm
