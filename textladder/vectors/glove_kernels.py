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

from textladder.layers.kernels import U0, U1, U6, U63
from textladder.layers.simd import LANES, fma, load, over_root, splat, store, totals
from textladder.vectors.sampling import STEP, U32, draw, noise_word
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
def add_both(
    flat: Any, bias: Any, i: Any, j: Any, width: Any, log: Any, weight: Any, rate: Any, above: bool,
    scratch: Any,
) -> Any:  # fmt: skip
    """The terms (i, j) and (j, i), or one where they are the same. above: only where the model says more than
    `log`. Returns their loss."""
    measure(flat, i, j, width, scratch)
    one, other = scratch[0], scratch[1]
    squares, mirrored = scratch[2] + scratch[3], scratch[4] + scratch[5]
    loss = ZERO
    if not above or one + bias[4 * i] + bias[4 * j + 1] > log:
        loss += add_entry(flat, bias, i, j, one, squares, width, log, weight, rate)
    if i != j and (not above or other + bias[4 * j] + bias[4 * i + 1] > log):
        loss += add_entry(flat, bias, j, i, other, mirrored, width, log, weight, rate)
    return loss


@kernel
def choose(
    columns: Any, values: Any, starts: Any, first: Any, last: Any, most: Any, power: Any, least: Any,
    state: Any, words: Any, others: Any, logs: Any, weights: Any,
) -> Any:  # fmt: skip
    """Which of the entries first..last are taken: their rows and columns, logarithms and weights. One whose
    weight is below `least` is taken by chance, in proportion to its weight, and then weighs `least`. Returns
    how many there are, how many of all are on the diagonal, and the state of the draws."""
    number, diagonal, i = 0, 0, np.searchsorted(starts, first, side="right") - 1
    top = np.log(most)
    for e in range(first, last):
        while e >= starts[i + 1]:
            i += 1
        diagonal += 1 if columns[e] == i else 0
        log = np.log(values[e])
        weight = ONE if values[e] >= most else np.exp(power * (log - top))
        if weight < least:
            chance = np.float32(draw(state) >> U32) * np.float32(2.0**-32)
            state += STEP
            if chance * least >= weight:
                continue
            weight = least
        words[number], others[number] = i, columns[e]
        logs[number], weights[number] = log, weight
        number += 1
    return number, diagonal, state


@kernel
def mark_row(bits: Any, columns: Any, first: Any, last: Any, on: bool) -> None:
    """The columns of a row in a set of bits: in it, or (not on) all words of bits that hold them empty."""
    for e in range(first, last):
        column = np.uint64(columns[e])
        if on:
            bits[column >> U6] |= U1 << (column & U63)
        else:
            bits[column >> U6] = U0


@kernel
def train_blocks(
    rows: NDArray[np.float32],
    biases: NDArray[np.float32],
    starts: NDArray[np.int64],
    columns: NDArray[np.int32],
    values: NDArray[np.float32],
    blocks: NDArray[np.int64],
    seed: Any,
    rate: float,
    most: float,
    power: float,
    least: float,
    zeros: int,
    zero_log: float,
    zero_weight: float,
    noise: NDArray[np.int32],
    own: NDArray[np.uint32],
    counter: NDArray[np.float64],
) -> None:
    """Trains rows [V, 4 D] and biases [V, 4] on blocks of entries, each (i, j) and (j, i).

    most, power: of the weights (equation 9). least: see `choose`; 0 takes all entries. zeros: words drawn
    from the tables noise and own for each entry that is taken; where the matrix has a zero at row i, the
    model is pulled down to `zero_log` if it says more. counter: the loss of the entries (equation 8) and the
    number of terms are added; not 0 in its third place: to stop."""
    width, number = np.int64(rows.shape[1] // 4), len(columns)
    flat, bias, scratch = rows.reshape(-1), biases.reshape(-1), np.empty(LANES, np.float32)
    step, level, pull = np.float32(rate), np.float32(zero_log), np.float32(zero_weight)
    words, others = np.empty(ENTRIES, np.int64), np.empty(ENTRIES, np.int64)
    logs, weights = np.empty(ENTRIES, np.float32), np.empty(ENTRIES, np.float32)
    bits = np.zeros(len(starts) // 64 + 1, np.uint64)
    for k in range(len(blocks)):
        if counter[2] != 0:
            break
        first = blocks[k] * ENTRIES
        last = min(first + ENTRIES, number)
        state = draw(np.uint64(seed) + np.uint64(blocks[k]))
        taken, diagonal, state = choose(
            columns, values, starts, first, last, np.float32(most), np.float32(power), np.float32(least),
            state, words, others, logs, weights,
        )  # fmt: skip
        loss, row = 0.0, np.int64(-1)
        for e in range(taken):
            i = words[e]
            if e + AHEAD < taken:
                ask(flat, 4 * width * others[e + AHEAD], 4 * width)
            loss += add_both(flat, bias, i, others[e], width, logs[e], weights[e], step, False, scratch)
            if zeros > 0 and i != row:
                if row >= 0:
                    mark_row(bits, columns, starts[row], starts[row + 1], False)
                mark_row(bits, columns, starts[i], starts[i + 1], True)
                row = i
            for _ in range(zeros):
                word = noise_word(draw(state), noise, own)
                state += STEP
                place = np.uint64(word)
                if word < i and (bits[place >> U6] >> (place & U63)) & U1 == U0:
                    add_both(flat, bias, i, word, width, level, pull, step, True, scratch)
        if row >= 0:
            mark_row(bits, columns, starts[row], starts[row + 1], False)
        counter[0] += loss
        counter[1] += 2 * (last - first) - diagonal
