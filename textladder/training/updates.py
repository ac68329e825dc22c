"""Compiled updates (numba) of the touched rows of a table [R, D] with summed gradients [U, D] of distinct
rows [U].

The formulas are those of torch.optim (without `foreach`), in its order of operations.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import AHEAD, U0, U16, kernel
from textladder.layers.simd import adagrad, fma, load, prefetch, splat, store


@kernel
def sgd_rows(
    table: NDArray[np.float32],
    buffer: NDArray[np.float32],
    rows: NDArray[np.int64],
    sums: NDArray[np.float32],
    rate: np.float32,
    momentum: np.float32,
    decay: np.float32,
) -> None:
    """`buffer` is the momentum [R, D], or empty when momentum is 0."""
    dim = np.uint64(table.shape[1])
    flat, state, gradient = table.reshape(-1), buffer.reshape(-1), sums.reshape(-1)
    moving = momentum > 0
    for u in range(np.uint64(len(rows))):
        start, entry = np.uint64(rows[u]) * dim, u * dim
        for d in range(dim):
            g = gradient[entry + d] + decay * flat[start + d]
            if moving:
                g += momentum * state[start + d]
                state[start + d] = g
            flat[start + d] -= rate * g


@kernel
def adagrad_rows(
    table: NDArray[np.float32],
    squares: NDArray[np.float32],
    rows: NDArray[np.int64],
    sums: NDArray[np.float32],
    rate: np.float32,
    decay: np.float32,
    epsilon: np.float32,
) -> None:
    dim, last = np.uint64(table.shape[1]), np.uint64(max(len(rows), 1) - 1)
    flat, state, gradient = table.reshape(-1), squares.reshape(-1), sums.reshape(-1)
    rates, decays, floors = splat(rate), splat(decay), splat(epsilon)
    for u in range(np.uint64(len(rows))):
        start, entry = np.uint64(rows[u]) * dim, u * dim
        if dim % U16 == U0:
            later = np.uint64(rows[min(u + AHEAD, last)]) * dim
            for d in range(U0, dim, U16):
                prefetch(flat, later + d)
                prefetch(state, later + d)
                w = load(flat, start + d)
                h = fma(decays, w, load(gradient, entry + d))
                squared = fma(h, h, load(state, start + d))
                store(state, start + d, squared)
                store(flat, start + d, adagrad(w, h, squared, rates, floors))
            continue
        for d in range(dim):
            g = gradient[entry + d] + decay * flat[start + d]
            state[start + d] += g * g
            flat[start + d] -= rate * g / (np.sqrt(state[start + d]) + epsilon)


@kernel
def adam_rows(
    table: NDArray[np.float32],
    means: NDArray[np.float32],
    squares: NDArray[np.float32],
    rows: NDArray[np.int64],
    sums: NDArray[np.float32],
    rate: np.float32,
    betas: tuple[np.float32, np.float32],
    corrections: tuple[np.float32, np.float32],
    decay: np.float32,
    shrink: np.float32,
    epsilon: np.float32,
) -> None:
    """corrections: 1 - beta_1^t and sqrt(1 - beta_2^t); decay: L2, added to the gradient (adam); shrink: what
    the row is multiplied by first (adamw)."""
    dim, one = np.uint64(table.shape[1]), np.float32(1)
    flat, mean, square = table.reshape(-1), means.reshape(-1), squares.reshape(-1)
    gradient, step = sums.reshape(-1), rate / corrections[0]
    for u in range(np.uint64(len(rows))):
        start, entry = np.uint64(rows[u]) * dim, u * dim
        for d in range(dim):
            g = gradient[entry + d] + decay * flat[start + d]
            m = mean[start + d] + (one - betas[0]) * (g - mean[start + d])
            v = betas[1] * square[start + d] + (one - betas[1]) * g * g
            mean[start + d], square[start + d] = m, v
            flat[start + d] = shrink * flat[start + d] - step * m / (np.sqrt(v) / corrections[1] + epsilon)


@kernel
def adam_catch_up(
    table: NDArray[np.float32],
    means: NDArray[np.float32],
    squares: NDArray[np.float32],
    rows: NDArray[np.int64],
    row_step: NDArray[np.int64],
    step: int,
    drift: NDArray[np.float64],
    scale: NDArray[np.float64],
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    """Brings rows of a table [R, D] from the step they have had, row_step [R], to `step`: what Adam does to
    them in steps without a gradient (`training.deferring`). Rows may be named more than once."""
    dim = np.uint64(table.shape[1])
    flat, mean, square = table.reshape(-1), means.reshape(-1), squares.reshape(-1)
    for i in range(len(rows)):
        row = rows[i]
        had = row_step[row]
        if had == step:
            continue
        row_step[row] = step
        if had == 0 and scale[step] == 1:  # never had a gradient, and nothing decays
            continue
        start = np.uint64(row) * dim
        shrink = np.float32(scale[step] / scale[had])
        size = np.float32(drift[had] * scale[step])
        floor = np.float32(epsilon * np.sqrt(1 - betas[1] ** max(had, 1)))
        fade_1, fade_2 = np.float32(betas[0] ** (step - had)), np.float32(betas[1] ** (step - had))
        for d in range(dim):
            m, v = mean[start + d], square[start + d]
            flat[start + d] = shrink * flat[start + d] - size * m / (np.sqrt(v) + floor)
            mean[start + d], square[start + d] = fade_1 * m, fade_2 * v
