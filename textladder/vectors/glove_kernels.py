"""Compiled kernel (numba) of GloVe: weighted least squares on the counts, by AdaGrad.

Letters: V words, D width, M entries of the lower triangle. Everything that belongs to a word stands together
in one row of 4 D (D filled up to a multiple of sixteen): its vector, its vector as a context, and AdaGrad's
sums of squares for each; a second table has the biases in the same way. An entry (i, j) is taken in both
roles of its words while their rows are near.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from textladder.layers.simd import LANES, fma, load, over_root, splat, store, totals
from textladder.vectors.word2vec_kernels import ask

kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)

ZERO, ONE = np.float32(0), np.float32(1)
ENTRIES = 4096  # of a block: neighbouring entries, which share rows; blocks are taken in random order
BIASES = np.float32(2)  # a term has two, whose derivative is 1
AHEAD = 4  # entries: so early the row of a column is asked for


@kernel
def add_bias(biases: Any, at: Any, step: Any) -> None:
    """AdaGrad on one bias; its sum of squares stands two places further."""
    biases[at] -= step / np.sqrt(biases[at + 2])
    biases[at + 2] += step * step


@kernel
def measure(rows: Any, i: Any, j: Any, width: Any, out: Any) -> None:
    """Into out: w_i . c_j and w_j . c_i, then the squared lengths of w_i, c_j, w_j and c_i."""
    w, c = 4 * width * i, 4 * width * j
    zero = splat(ZERO)
    one = other = for_w = for_c = for_x = for_y = zero
    for n in range(0, width, LANES):
        w_i, c_i = load(rows, w + n), load(rows, w + width + n)
        w_j, c_j = load(rows, c + n), load(rows, c + width + n)
        one, other = fma(w_i, c_j, one), fma(w_j, c_i, other)
        for_w, for_c = fma(w_i, w_i, for_w), fma(c_j, c_j, for_c)
        for_x, for_y = fma(w_j, w_j, for_x), fma(c_i, c_i, for_y)
    store(out, 0, totals(one, other, for_w, for_c, for_x, for_y))


@kernel
def pull_apart(rows: Any, word: Any, context: Any, width: Any, step: Any) -> None:
    """AdaGrad on a word's vector and another's context vector, whose sums of squares stand two widths
    further. step: rate times the derivative by their product."""
    g = splat(step)
    for n in range(0, width, LANES):
        w, c = word + n, context + n
        x, y = load(rows, w), load(rows, c)
        for_x, for_y = fma(g, y, splat(ZERO)), fma(g, x, splat(ZERO))
        square, other = load(rows, w + 2 * width), load(rows, c + 2 * width)
        store(rows, w, fma(splat(-ONE), over_root(for_x, square), x))
        store(rows, c, fma(splat(-ONE), over_root(for_y, other), y))
        store(rows, w + 2 * width, fma(for_x, for_x, square))
        store(rows, c + 2 * width, fma(for_y, for_y, other))


@kernel
def add_entry(
    rows: Any, biases: Any, i: Any, j: Any, product: Any, squares: Any, width: Any, log: Any, weight: Any,
    rate: Any,
) -> Any:  # fmt: skip
    """One term weight * (w_i . c_j + b_i + b'_j - log)^2 of the loss, which is returned. As in the authors'
    program, the squares that are summed are those of rate times half the gradient.

    squares: |w_i|^2 + |c_j|^2. The derivative is the one where the step ends (Kulis and Bartlett 2010): where
    it begins, a step goes too far as soon as rate * squares is beyond 2, the next one further, and the
    vectors of frequent words grow without bound."""
    difference = product + biases[4 * i] + biases[4 * j + 1] - log
    pull = weight * difference
    step = rate * pull / (ONE + rate * weight * (squares + BIASES))
    pull_apart(rows, 4 * width * i, 4 * width * j + width, width, step)
    add_bias(biases, 4 * i, step)
    add_bias(biases, 4 * j + 1, step)
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
    width, number = np.int64(rows.shape[1] // 4), len(columns)
    flat, bias, scratch = rows.reshape(-1), biases.reshape(-1), np.empty(LANES, np.float32)
    step, limit, top = np.float32(rate), np.float32(most), np.log(np.float32(most))
    exponent = np.float32(power)
    for k in range(len(blocks)):
        if counter[2] != 0:
            break
        first = blocks[k] * ENTRIES
        last = min(first + ENTRIES, number)
        i = np.searchsorted(starts, first, side="right") - 1
        loss, terms = 0.0, 0
        for e in range(first, last):
            while e >= starts[i + 1]:
                i += 1
            j, value = np.int64(columns[e]), values[e]
            if e + AHEAD < last:
                ask(flat, 4 * width * np.int64(columns[e + AHEAD]), 4 * width)
            log = np.log(value)
            weight = ONE if value >= limit else np.exp(exponent * (log - top))
            measure(flat, i, j, width, scratch)
            mirrored, squares = scratch[1], scratch[4] + scratch[5]
            loss += add_entry(flat, bias, i, j, scratch[0], scratch[2] + scratch[3], width, log, weight, step)
            terms += 1
            if i != j:
                loss += add_entry(flat, bias, j, i, mirrored, squares, width, log, weight, step)
                terms += 1
        counter[0] += loss
        counter[1] += terms
