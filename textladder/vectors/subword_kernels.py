"""Compiled kernel (numba) of skip-gram with subwords: Bojanowski et al. 2017, https://arxiv.org/abs/1607.04606.

fastText's program takes each pair of a centre and a neighbour on its own: it sums the rows of the centre's
n-grams, scores one neighbour and its noise words, and writes the gradient back to all rows. Here that sum is
made once for each centre, all neighbours of its window are scored with it, with noise words that they share,
and the gradient is written back once: five times fewer rows are moved, and those are the cost.

Letters: V words, D width, R rows (own rows of the words, then those of the n-grams in use), P places of
the table of noise words. Indices are unsigned: a test for negative ones would stop vectorisation.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

# fastmath: sums may be taken in any order, which vectors of eight and sixteen need.
kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=True)

U1, U11, U33 = np.uint64(1), np.uint64(11), np.uint64(33)
MULTIPLIER, INCREMENT = np.uint64(6364136223846793005), np.uint64(1442695040888963407)
BOUND = np.float32(8.0)  # beyond it the logistic function is taken as 0 or 1
PER_UNIT = 256
LOSS_EVERY = np.uint64(16)  # the loss is taken of every 16th centre: a logarithm costs as much as a row


def logistic_table() -> NDArray[np.float32]:
    """1 / (1 + exp(-x)) at the middle of each step from -BOUND to BOUND."""
    steps = int(2 * BOUND) * PER_UNIT
    x = (np.arange(steps) + 0.5) / PER_UNIT - float(BOUND)
    return (1 / (1 + np.exp(-x))).astype(np.float32)


@kernel
def draw(state: Any) -> Any:
    """The next state of a linear congruential generator modulo 2^64 (Knuth); its high bits are random."""
    return state * MULTIPLIER + INCREMENT


@kernel
def logistic(table: Any, x: Any) -> Any:
    place = (min(max(x, -BOUND), BOUND - np.float32(1e-3)) + BOUND) * np.float32(PER_UNIT)
    return table[np.uint64(place)]


@kernel
def subsample(ids: Any, start: Any, stop: Any, keep: Any, kept: Any, state: Any) -> Any:
    """The words of a sentence that chance leaves in; keep[word]: how probable that is, of 2^31."""
    count = np.uint64(0)
    for i in range(start, stop):
        word = ids[i]
        state = draw(state)
        if np.uint64(state >> U33) < np.uint64(keep[np.uint64(word)]):
            kept[count] = word
            count += U1
    return count, state


@kernel
def add_target(
    hidden: Any, gradient: Any, output: Any, word: Any, label: Any, step: Any, table: Any, dim: Any
) -> Any:
    """One word, predicted from `hidden` as a neighbour (label 1) or as noise (0): moves its row, adds to the
    gradient (both times `step`), and returns the probability given to it."""
    row, score = np.uint64(word) * dim, np.float32(0)
    for d in range(dim):
        score += hidden[d] * output[row + d]
    share = logistic(table, score)
    g = (label - share) * step
    for d in range(dim):
        gradient[d] += g * output[row + d]
        output[row + d] += g * hidden[d]
    return share


@kernel
def take_mean(source: Any, members: Any, begin: Any, end: Any, hidden: Any, dim: Any) -> None:
    """The mean of the rows members[begin:end]."""
    for d in range(dim):
        hidden[d] = np.float32(0)
    for m in range(begin, end):
        row = np.uint64(members[m]) * dim
        for d in range(dim):
            hidden[d] += source[row + d]
    scale = np.float32(1) / np.float32(end - begin)
    for d in range(dim):
        hidden[d] *= scale


@kernel
def compose(
    rows: NDArray[np.float32], members: NDArray[np.int32], starts: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The vectors [V, D] of all words."""
    dim, source = np.uint64(rows.shape[1]), rows.reshape(-1)
    vectors = np.empty((len(starts) - 1, rows.shape[1]), np.float32)
    for w in range(len(vectors)):
        take_mean(source, members, np.uint64(starts[w]), np.uint64(starts[w + 1]), vectors[w], dim)
    return vectors


@kernel
def train_sentences(
    rows: NDArray[np.float32],
    output: NDArray[np.float32],
    members: NDArray[np.int32],
    starts: NDArray[np.int64],
    keep: NDArray[np.uint32],
    noise: NDArray[np.int32],
    table: NDArray[np.float32],
    window: int,
    negative: int,
    draws: int,
    ids: NDArray[np.int32],
    offsets: NDArray[np.int64],
    rate: float,
    last_rate: float,
    seed: int,
    counter: NDArray[np.float64],
) -> None:
    """Trains rows [R, D] and output [V, D] on sentences. members[starts[w]:starts[w + 1]]: the rows whose
    mean is the vector of word w. A window of n neighbours shares `draws` noise words, each of which counts as
    n * negative / draws. The gradient goes to every row whole, not divided by their number, as in the program
    (so that a word moves as fast as without subwords). counter: loss, terms of it, and not 0 to stop."""
    dim = np.uint64(rows.shape[1])
    source, target = rows.reshape(-1), output.reshape(-1)
    hidden, gradient = np.empty(dim, np.float32), np.empty(dim, np.float32)
    kept = np.empty(np.max(offsets[1:] - offsets[:-1]), np.int32)
    state = draw(np.uint64(seed) ^ INCREMENT)
    one, zero = np.float32(1), np.float32(0)
    places, span = np.uint64(len(noise)), np.uint64(window)
    loss, terms, centres = 0.0, 0.0, np.uint64(0)
    for s in range(len(offsets) - 1):
        if counter[2] != 0:
            break
        start, stop = np.uint64(offsets[s]), np.uint64(offsets[s + 1])
        step = np.float32(rate + (last_rate - rate) * offsets[s] / offsets[-1])
        count, state = subsample(ids, start, stop, keep, kept, state)
        for i in range(count):
            state = draw(state)
            width = U1 + (state >> U33) % span
            first = i - min(width, i)
            last = min(i + width + U1, count)
            pairs = last - first - U1
            if pairs == 0:
                continue
            centres += U1
            listen = centres % LOSS_EVERY == 0
            word = np.uint64(kept[i])
            begin, end = np.uint64(starts[word]), np.uint64(starts[word + U1])
            take_mean(source, members, begin, end, hidden, dim)
            gradient[:] = zero
            for j in range(first, last):
                if j != i:
                    share = add_target(hidden, gradient, target, kept[j], one, step, table, dim)
                    if listen:
                        loss -= np.log(share)
            for _ in range(draws):
                state = draw(state)
                other = noise[(state >> U33) % places]
                counted = pairs  # a neighbour is no noise for its own pair
                for j in range(first, last):
                    counted -= np.uint64(kept[j] == other and j != i)
                weight = np.float32(counted) * np.float32(negative) / np.float32(draws)
                share = add_target(hidden, gradient, target, other, zero, step * weight, table, dim)
                if listen:
                    loss -= weight * np.log(one - share)
            if listen:
                terms += np.float64(pairs)
            for m in range(begin, end):
                row = np.uint64(members[m]) * dim
                for d in range(dim):
                    source[row + d] += gradient[d]
    counter[0] += loss
    counter[1] += terms
