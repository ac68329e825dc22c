"""Compiled kernel (numba) of skip-gram with subwords: Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606.

fastText's program takes each pair of a centre and a neighbour on its own: it sums the rows of the centre's
n-grams, scores one neighbour and its noise words, and adds the gradient to all rows. A row gets the whole
gradient, so that the mean moves by just that gradient. Here the sum is therefore made once for each centre,
moves with every neighbour of the window, and the rows follow it once: the same updates (up to n-grams that a
word has twice), with five times fewer rows read and written, which is where the time goes.

Tables are those of `word2vec_kernels`: flat rows as wide as whole registers, named by where they begin.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from textladder.layers.simd import LANES, fma, load, splat, store
from textladder.vectors.sampling import STEP, U32, below, draw, noise_word
from textladder.vectors.word2vec_kernels import GROUP, LEAST_RATE, REDRAWS, ask, loss_of, step

kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)

ZERO, ONE = np.float32(0), np.float32(1)
MEASURED = 16  # the loss is measured at one centre of so many: a logarithm costs as much as a row


@kernel
def take_mean(inputs: Any, members: Any, begin: Any, end: Any, out: Any, width: Any) -> None:
    """The mean of the rows members[begin:end] into `out`."""
    share = splat(ONE / np.float32(end - begin))
    out[:width] = ZERO
    for m in range(begin, end):
        row = np.int64(members[m]) * width
        for d in range(0, width, LANES):
            store(out, d, fma(share, load(inputs, row + d), load(out, d)))


@kernel
def compose(
    inputs: NDArray[np.float32], members: NDArray[np.int32], starts: NDArray[np.int64], width: int
) -> NDArray[np.float32]:
    """The vectors [V, width] of all words."""
    vectors = np.empty((len(starts) - 1, width), np.float32)
    for w in range(len(vectors)):
        take_mean(inputs, members, starts[w], starts[w + 1], vectors[w], width)
    return vectors


@kernel
def follow(inputs: Any, members: Any, begin: Any, end: Any, before: Any, after: Any, width: Any) -> None:
    """Adds to the rows members[begin:end] what their mean was moved by: `after` minus `before`."""
    for d in range(0, width, LANES):
        store(after, d, fma(load(before, d), splat(-ONE), load(after, d)))
    for m in range(begin, end):
        row = np.int64(members[m]) * width
        for d in range(0, width, LANES):
            store(inputs, row + d, fma(load(after, d), splat(ONE), load(inputs, row + d)))


@kernel
def train_block(
    ids: NDArray[np.int32],
    offsets: NDArray[np.int64],
    start: float,
    stop: float,
    seed: Any,
    counter: NDArray[np.float64],
    inputs: NDArray[np.float32],
    outputs: NDArray[np.float32],
    width: int,
    members: NDArray[np.int32],
    starts: NDArray[np.int64],
    kept: NDArray[np.uint32],
    others: NDArray[np.int32],
    own: NDArray[np.uint32],
    negative: int,
    window: int,
    rate: float,
) -> None:
    """Some sentences; arguments to `counter` as `training.Kernel` has them.

    inputs: the table of all rows; members[starts[w]:starts[w + 1]]: those whose mean is the vector of word w.
    outputs: the table of V words and one row of zeros. kept, others, own: tables of `sampling`. Each pair of
    words has `negative` noise words of its own.
    """
    size, blank = np.int64(width), np.int64(len(outputs) - width)
    groups = -(-(1 + negative) // GROUP)
    words = np.empty(np.max(offsets[1:] - offsets[:-1]), np.int64)
    rows = np.full(2 * window * groups * GROUP, blank)  # of all pairs of a centre
    label, used = np.zeros(groups * LANES, np.float32), np.zeros(groups * LANES, np.float32)
    label[0] = ONE
    for k in range(1 + negative):
        used[k // GROUP * LANES + k % GROUP] = ONE
    before, mean, scratch = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(16, np.float32)
    state, centres = draw(np.uint64(seed)), 0
    for s in range(len(offsets) - 1):
        n = 0
        for p in range(offsets[s], offsets[s + 1]):
            if np.uint32(draw(state) >> U32) <= kept[ids[p]]:
                words[n] = ids[p]
                n += 1
            state += STEP
        done = start + (stop - start) * offsets[s] / len(ids)
        now = np.float32(rate * max(1 - done, LEAST_RATE))
        for i in range(n):
            if counter[2] != 0:
                return
            reach = 1 + below(draw(state), window)
            state += STEP
            low, high = max(0, i - reach), min(n, i + reach + 1)
            if high - low < 2:
                continue
            # The rows lie anywhere in a large table: they are asked for before the mean is made.
            at = 0
            for j in range(low, high):
                if j == i:
                    continue
                rows[at] = words[j] * size
                for k in range(1, 1 + negative):
                    for _ in range(REDRAWS):
                        other = noise_word(draw(state), others, own)
                        state += STEP
                        if other != words[j]:
                            break
                    rows[at + k] = other * size
                    ask(outputs, rows[at + k], size)
                at += groups * GROUP
            begin, end = starts[words[i]], starts[words[i] + 1]
            take_mean(inputs, members, begin, end, mean, size)
            before[:] = mean
            centres += 1
            for first in range(0, at, groups * GROUP):
                for part in range(groups):
                    scores = step(
                        mean,
                        0,
                        mean,
                        0,
                        outputs,
                        rows,
                        first + part * GROUP,
                        label,
                        used,
                        part * LANES,
                        now,
                        size,
                    )
                    if centres % MEASURED == 0:
                        counter[0] += loss_of(scores, label, used, part * LANES, scratch)
                        counter[1] += 1 if part == 0 else 0
            follow(inputs, members, begin, end, before, mean, size)
