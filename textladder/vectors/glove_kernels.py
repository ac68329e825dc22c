"""Compiled kernel (numba) of GloVe: weighted least squares on the counts, by AdaGrad.

Letters: V words, D width, M entries of the lower triangle. Everything that belongs to a word stands together
in one row of 4 D: its vector, its vector as a context, and AdaGrad's sums of squares for each; a second table
has the biases in the same way. An entry (i, j) is taken in both roles of its words while their rows are near.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

# fastmath: sums may be taken in any order, and 1 / sqrt from the processor's estimate and one Newton step.
kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)

U0, U1, U2, U4 = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(4)
ENTRIES = 4096  # of a block: neighbouring entries, which share rows; blocks are taken in random order
LIMIT = np.float32(100)  # of an entry of the gradient, as in the authors' program


@kernel
def add_bias(biases: Any, at: Any, step: Any) -> None:
    """AdaGrad on one bias; its sum of squares stands two places further."""
    biases[at] -= step / np.sqrt(biases[at + U2])
    biases[at + U2] += step * step


@kernel
def add_entry(
    rows: Any, biases: Any, word: Any, context: Any, dim: Any, log: Any, weight: Any, rate: Any
) -> Any:
    """One term weight * (w . c + b + b' - log)^2 of the loss, which is returned. word, context: numbers of
    half rows (2 i and 2 j + 1). As in the authors' program, the squares that are summed are those of rate
    times half the gradient."""
    two = U2 * dim
    w = (word >> U1) * two * U2 + (word & U1) * dim
    c = (context >> U1) * two * U2 + (context & U1) * dim
    bias, other = (word >> U1) * U4 + (word & U1), (context >> U1) * U4 + (context & U1)
    score = np.float32(0)
    for d in range(dim):
        score += rows[w + d] * rows[c + d]
    difference = score + biases[bias] + biases[other] - log
    pull = weight * difference
    for d in range(dim):
        x, y = rows[w + d], rows[c + d]
        g = rate * min(max(pull * y, -LIMIT), LIMIT)
        h = rate * min(max(pull * x, -LIMIT), LIMIT)
        square, other_square = rows[w + two + d], rows[c + two + d]
        rows[w + d] = x - g / np.sqrt(square)
        rows[c + d] = y - h / np.sqrt(other_square)
        rows[w + two + d] = square + g * g
        rows[c + two + d] = other_square + h * h
    step = rate * min(max(pull, -LIMIT), LIMIT)
    add_bias(biases, bias, step)
    add_bias(biases, other, step)
    return pull * difference


@kernel
def train_blocks(
    rows: NDArray[np.float32],
    biases: NDArray[np.float32],
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    blocks: NDArray[np.int64],
    rate: float,
    most: float,
    power: float,
    counter: NDArray[np.float64],
) -> None:
    """Trains rows [V, 4 D] and biases [V, 4] on blocks of entries, each (i, j) and (j, i). counter: the loss
    (equation 8) and the number of terms are added; not 0 in its third place: to stop."""
    dim, number = np.uint64(rows.shape[1] // 4), np.uint64(len(columns))
    flat, bias = rows.reshape(-1), biases.reshape(-1)
    step, limit, top = np.float32(rate), np.float32(most), np.log(np.float32(most))
    exponent = np.float32(power)
    for k in range(len(blocks)):
        if counter[2] != 0:
            break
        first = np.uint64(blocks[k] * ENTRIES)
        last = min(first + np.uint64(ENTRIES), number)
        i = np.uint64(np.searchsorted(starts, blocks[k] * ENTRIES, side="right") - 1)
        loss, terms = 0.0, U0
        for e in range(first, last):
            while np.int64(e) >= starts[i + U1]:
                i += U1
            j, value = np.uint64(columns[e]), values[e]
            log = np.log(value)
            weight = np.float32(1) if value >= limit else np.exp(exponent * (log - top))
            loss += add_entry(flat, bias, U2 * i, U2 * j + U1, dim, log, weight, step)
            terms += U1
            if i != j:
                loss += add_entry(flat, bias, U2 * j, U2 * i + U1, dim, log, weight, step)
                terms += U1
        counter[0] += loss
        counter[1] += np.float64(terms)
