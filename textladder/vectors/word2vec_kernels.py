"""The compiled inner loops of skip-gram and CBOW.

A table of vectors is one flat array of rows, each `width` floats wide: D filled up with zeros to a multiple
of sixteen, so that no loop has a remainder, and aligned to cache lines. A row is named by where it begins.

What is predicted at a centre word (itself and its noise words, or the inner nodes on its path) is worked on
in groups of GROUP rows of the output table. Their six dot products are six chains that run side by side and
their sigmoids are one. The noise words of a centre are drawn while the one before it is worked on, and their
rows asked for: they lie anywhere in a table that is larger than the caches.
"""
# ruff: noqa: PLR0917 - numba calls are by position

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from textladder.layers.simd import LANES, fma, lane, load, prefetch, sigmoid, splat, store, totals
from textladder.vectors.sampling import STEP, U32, below, draw, noise_word

GROUP = 6  # rows of the output table that are worked on together: a word and five noise words
REDRAWS = 8  # of a noise word that is the word itself
MEASURED = 64  # the loss is measured at one centre of so many
LEAST_RATE = 1e-4  # of the rate at the start: word2vec does not go below
_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": True}


def table(rows: int, dim: int) -> NDArray[np.float32]:
    """Zeros for so many rows, flat and aligned to 64 bytes."""
    width = padded(dim)
    raw = np.zeros(rows * width + LANES, np.float32)
    start = -raw.ctypes.data // raw.itemsize % LANES
    return raw[start : start + rows * width]


def padded(dim: int) -> int:
    """The width of a row in a table."""
    return -(-dim // LANES) * LANES


def compact(flat: NDArray[np.float32], rows: int, dim: int) -> NDArray[np.float32]:
    """The vectors [rows, D] of a table, moved together within it: no second table is needed."""
    _move(flat, rows, dim, padded(dim))
    return flat[: rows * dim].reshape(rows, dim)


@numba.njit(cache=True)
def _move(flat: Any, rows: int, dim: int, width: int) -> None:
    for row in range(rows):
        for column in range(dim):
            flat[row * dim + column] = flat[row * width + column]


@numba.njit(inline="always", **_FLAGS)
def step(
    inputs: Any, h: int, gradients: Any, g: int, outputs: Any, rows: Any, first: int, label: Any, used: Any,
    at: int, rate: Any, width: int,
) -> Any:  # fmt: skip
    """One step of gradient descent on the logistic losses of GROUP rows of the output table.

    For row o of `rows[first:first + GROUP]`, score s = h . o and error e = rate (label - sigmoid(s)), or 0
    where `used` is 0: e o is added to the gradient row and then e h to o, row after row (of a row that comes
    twice, the second time sees the first). The input row `h` may be the gradient row. Returns the scores.

    inputs, gradients: flat tables, `h` and `g` where their rows begin. label, used: from index `at` on, one
    float for each row, sixteen in all.
    """
    r0, r1, r2 = rows[first], rows[first + 1], rows[first + 2]
    r3, r4, r5 = rows[first + 3], rows[first + 4], rows[first + 5]
    zero = splat(np.float32(0))
    a0 = a1 = a2 = a3 = a4 = a5 = zero
    for i in range(0, width, LANES):
        x = load(inputs, h + i)
        a0 = fma(x, load(outputs, r0 + i), a0)
        a1 = fma(x, load(outputs, r1 + i), a1)
        a2 = fma(x, load(outputs, r2 + i), a2)
        a3 = fma(x, load(outputs, r3 + i), a3)
        a4 = fma(x, load(outputs, r4 + i), a4)
        a5 = fma(x, load(outputs, r5 + i), a5)
    scores = totals(a0, a1, a2, a3, a4, a5)
    weights = fma(load(used, at), splat(rate), zero)
    errors = fma(weights, fma(sigmoid(scores), splat(np.float32(-1)), load(label, at)), zero)
    e0, e1, e2 = lane(errors, 0), lane(errors, 1), lane(errors, 2)
    e3, e4, e5 = lane(errors, 3), lane(errors, 4), lane(errors, 5)
    for i in range(0, width, LANES):
        x, d = load(inputs, h + i), load(gradients, g + i)
        o = load(outputs, r0 + i)
        d = fma(e0, o, d)
        store(outputs, r0 + i, fma(e0, x, o))
        o = load(outputs, r1 + i)
        d = fma(e1, o, d)
        store(outputs, r1 + i, fma(e1, x, o))
        o = load(outputs, r2 + i)
        d = fma(e2, o, d)
        store(outputs, r2 + i, fma(e2, x, o))
        o = load(outputs, r3 + i)
        d = fma(e3, o, d)
        store(outputs, r3 + i, fma(e3, x, o))
        o = load(outputs, r4 + i)
        d = fma(e4, o, d)
        store(outputs, r4 + i, fma(e4, x, o))
        o = load(outputs, r5 + i)
        d = fma(e5, o, d)
        store(outputs, r5 + i, fma(e5, x, o))
        store(gradients, g + i, d)
    return scores


@numba.njit(inline="always", **_FLAGS)
def ask(flat: Any, row: int, width: int) -> None:
    """Asks for the cache lines of a row."""
    for i in range(0, width, LANES):
        prefetch(flat, row + i)


@numba.njit(inline="always", **_FLAGS)
def loss_of(scores: Any, label: Any, used: Any, at: int, scratch: Any) -> Any:
    """The sum of -log sigmoid(s) over rows whose label is 1, and of -log sigmoid(-s) over the others."""
    store(scratch, 0, scores)
    loss = 0.0
    for k in range(GROUP):
        s = np.float64(scratch[k]) if label[at + k] > 0 else -np.float64(scratch[k])
        if used[at + k] > 0:
            loss += max(-s, 0.0) + math.log1p(math.exp(-abs(s)))
    return loss


@numba.njit(**_FLAGS)
def train_block(
    ids: Any, offsets: Any, start: float, stop: float, seed: Any, counter: Any, inputs: Any, outputs: Any,
    width: int, kept: Any, others: Any, own: Any, negative: int, path_starts: Any, path_nodes: Any,
    path_codes: Any, window: int, rate: float, cbow: bool,
) -> None:  # fmt: skip
    """Some sentences through skip-gram or CBOW; arguments to `counter` as `training.Kernel` has them.

    inputs: the table of V words; outputs: of V words or inner nodes, and one row of zeros. kept: [V] uint32,
    thresholds of words to stay. others, own: tables of noise words. negative: of them for a centre; 0:
    hierarchical softmax over the paths (`hierarchical.Paths`). All pairs of one centre share their noise
    words; in skip-gram each neighbour in the window is an input, one after the other, in CBOW their mean is.
    """
    longest = 0
    for s in range(len(offsets) - 1):
        longest = max(longest, offsets[s + 1] - offsets[s])
    words = np.empty(longest, np.int64)
    groups = -(-(1 + negative) // GROUP)
    if negative == 0:
        for w in range(len(path_starts) - 1):
            groups = max(groups, -(-(path_starts[w + 1] - path_starts[w]) // GROUP))
    size, blank = np.int64(width), np.int64(len(outputs) - width)
    rows = np.full(groups * GROUP, blank)
    coming = np.zeros(negative, np.int64)
    label, used = np.zeros(groups * LANES, np.float32), np.zeros(groups * LANES, np.float32)
    if negative > 0:
        label[0] = used[0] = 1
        for k in range(1, 1 + negative):
            used[k // GROUP * LANES + k % GROUP] = 1
    mean, gradient = np.zeros(width, np.float32), np.zeros(width, np.float32)
    scratch = np.empty(LANES, np.float32)
    zero, state = splat(np.float32(0)), draw(np.uint64(seed))
    for k in range(negative):
        coming[k] = noise_word(draw(state), others, own) * size
        state += STEP
    centres = 0
    for s in range(len(offsets) - 1):
        n = 0
        for p in range(offsets[s], offsets[s + 1]):
            if np.uint32(draw(state) >> U32) <= kept[ids[p]]:
                words[n] = np.int64(ids[p]) * size
                n += 1
            state += STEP
        for i in range(n):
            if counter[2] != 0:
                return
            centre = words[i]
            if i + 2 < n:
                ask(outputs, words[i + 2], size)
            if i + window + 1 < n:
                ask(inputs, words[i + window + 1], size)
            # What is predicted here.
            if negative > 0:
                rows[0] = centre
                for k in range(negative):
                    row = coming[k]
                    for _ in range(REDRAWS):
                        if row != centre:
                            break
                        row = noise_word(draw(state), others, own) * size
                        state += STEP
                    rows[k + 1] = row
                    coming[k] = noise_word(draw(state), others, own) * size
                    ask(outputs, coming[k], size)
                    state += STEP
                parts = groups
            else:
                word = centre // size
                begin, end = path_starts[word], path_starts[word + 1]
                parts = -(-(end - begin) // GROUP)
                for k in range(parts * GROUP):
                    at, node = k // GROUP * LANES + k % GROUP, begin + k
                    rows[k] = path_nodes[node] * size if node < end else blank
                    label[at] = 1 - path_codes[node] if node < end else 0
                    used[at] = 1 if node < end else 0
            reach = window - below(draw(state), window)
            state += STEP
            low, high = max(0, i - reach), min(n, i + reach + 1)
            if high - low < 2:
                continue
            done = start + (stop - start) * (offsets[s] + i / n * (offsets[s + 1] - offsets[s])) / len(ids)
            now = np.float32(rate * max(1 - done, LEAST_RATE))
            centres += 1
            measured = centres % MEASURED == 0
            if cbow:
                share = splat(np.float32(1 / (high - low - 1)))
                for q in range(0, size, LANES):
                    total = zero
                    for j in range(low, high):
                        if j != i:
                            total = fma(share, load(inputs, words[j] + q), total)
                    store(mean, q, total)
                    store(gradient, q, zero)
                for part in range(parts):
                    scores = step(
                        mean,
                        0,
                        gradient,
                        0,
                        outputs,
                        rows,
                        part * GROUP,
                        label,
                        used,
                        part * LANES,
                        now,
                        size,
                    )
                    if measured:
                        counter[0] += loss_of(scores, label, used, part * LANES, scratch)
                for j in range(low, high):
                    if j != i:
                        for q in range(0, size, LANES):
                            x = load(inputs, words[j] + q)
                            store(inputs, words[j] + q, fma(load(gradient, q), splat(np.float32(1)), x))
            else:
                for j in range(low, high):
                    if j == i:
                        continue
                    h = words[j]
                    for part in range(parts):
                        scores = step(
                            inputs, h, inputs, h, outputs, rows, part * GROUP, label, used, part * LANES, now,
                            size,
                        )  # fmt: skip
                        if measured:
                            counter[0] += loss_of(scores, label, used, part * LANES, scratch)
                    if measured:
                        counter[1] += 1
                        measured = False
            if measured:
                counter[1] += 1
