"""Attention within short texts on the processor: matrix products per text and head, and what is between them
as compiled loops (numba) that read and write flat units.

torch's fused kernel works in float32 here, and padding, converting and permuting come on top of it; in
bfloat16 the six matrix products of forward and backward take next to nothing (benchmarks/NOTES.md). Letters
as in `textladder.batch`; d is the width of a head. Loops go in order, and products of a text stand alone, so
that results do not depend on the number of threads.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from textladder.layers.halves import entry, exponential, kernel, number, plain
from textladder.layers.strip import counted_up

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

LONGEST = 512  # units; the shares [B, H, T, T] are kept for the backward pass, and grow with the square
ROUND = 8  # T is counted up to a multiple, since the libraries under torch make and keep a kernel per shape

# Sums in any order, as long as it is always the same.
any_order = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})

SIGN, REST = np.int32(31), np.int32(0x7FFFFFFF)  # of the bits of a float32
ZERO, ONE = np.float32(0), np.float32(1)


@kernel
def largest(values: F32) -> Any:
    """Compared as integers of the same order, which vectorises; a NaN is the largest."""
    found = np.int32(-(2**31))
    for j in range(len(values)):
        bits = np.float32(values[j]).view(np.int32)
        bits = np.int32(bits ^ np.int32((bits >> SIGN) & REST))
        found = bits if bits > found else found
    return np.int32(found ^ np.int32((found >> SIGN) & REST)).view(np.float32)


@any_order
def total(values: F32) -> Any:
    found = ZERO
    for j in range(len(values)):
        found += values[j]
    return found


@any_order
def product_total(one: F32, other: F32) -> Any:
    found = ZERO
    for j in range(len(one)):
        found += one[j] * other[j]
    return found


@kernel
def to_heads(flat: Any, offsets: I64, first: int, heads: Any) -> None:
    """Columns first.. of flat units [M, ...] -> heads [B, H, T, d], zeros at padding."""
    count, d = heads.shape[1], heads.shape[3]
    for b in range(len(offsets) - 1):
        length = offsets[b + 1] - offsets[b]
        for h in range(count):
            column = first + h * d
            for i in range(length):
                for c in range(d):
                    heads[b, h, i, c] = flat[offsets[b] + i, column + c]
            heads[b, h, length:] = 0


@kernel
def from_heads(heads: Any, offsets: I64, first: int, flat: Any) -> None:
    """`to_heads` the other way; rows of `flat` that are no unit become zero."""
    count, d = heads.shape[1], heads.shape[3]
    for b in range(len(offsets) - 1):
        for i in range(offsets[b + 1] - offsets[b]):
            for h in range(count):
                for c in range(d):
                    flat[offsets[b] + i, first + h * d + c] = heads[b, h, i, c]
    flat[offsets[-1] :, first : first + count * d] = 0


@kernel
def to_shares(scores: Any, offsets: I64, scale: np.float32, causal: bool) -> None:
    """scores [B, H, T, T] -> softmax of `scale` times them, in place; zero for units that may not be seen
    (those beyond the text, if causal also those after it), and rows of zeros for what is no unit."""
    count, width = scores.shape[1:3]
    row = np.empty(width, np.float32)
    for b in range(len(offsets) - 1):
        length = offsets[b + 1] - offsets[b]
        for h in range(count):
            for i in range(length):
                seen = i + 1 if causal else length
                source, now = scores[b, h, i], row[:seen]
                for j in range(seen):
                    now[j] = number(source[j])
                highest = largest(now)
                for j in range(seen):
                    now[j] = exponential((now[j] - highest) * scale)
                part = ONE / total(now)
                for j in range(seen):
                    source[j] = entry(now[j] * part, source[j])
                for j in range(seen, width):
                    source[j] = 0
            scores[b, h, length:] = 0


@kernel
def to_score_gradients(shares: Any, gradient: Any, offsets: I64, scale: np.float32, causal: bool) -> None:
    """gradient [B, H, T, T] of the shares -> that of the scores, scale p_j (g_j - sum_k p_k g_k)."""
    count, width = shares.shape[1:3]
    parts, wanted = np.empty(width, np.float32), np.empty(width, np.float32)
    for b in range(len(offsets) - 1):
        length = offsets[b + 1] - offsets[b]
        for h in range(count):
            for i in range(length):
                seen = i + 1 if causal else length
                source, target, part, want = shares[b, h, i], gradient[b, h, i], parts[:seen], wanted[:seen]
                for j in range(seen):
                    part[j] = number(source[j])
                    want[j] = number(target[j])
                mean = product_total(part, want)
                for j in range(seen):
                    target[j] = entry(part[j] * (want[j] - mean) * scale, target[j])
                for j in range(seen, width):  # a slice set to zero here was left out by the compiler (0.68.1)
                    target[j] = 0
            gradient[b, h, length:] = 0


class ShortAttention(torch.autograd.Function):
    """softmax(Q K' / sqrt(d)) V per text and head: joint [M, 3D] -> [M, D]; on the processor, in the type of
    `joint` (float32 or bfloat16; softmax in float32)."""

    @staticmethod
    def forward(ctx: Any, joint: Tensor, offsets: Tensor, width: int, heads: int, causal: bool) -> Tensor:
        bounds, dim = offsets.numpy(), joint.shape[1] // 3
        flat, width = plain(joint), counted_up(width, ROUND)
        query, key, value = joint.new_empty(3, len(offsets) - 1, heads, width, dim // heads)
        for number_, part in enumerate((query, key, value)):
            to_heads(flat, bounds, number_ * dim, plain(part))
        query, key, value = query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1)  # [B * H, T, d]
        shares = torch.bmm(query, key.transpose(1, 2))  # [B * H, T, T]
        ctx.scale, ctx.causal, ctx.heads = np.float32((dim // heads) ** -0.5), causal, heads
        to_shares(plain(shares.unflatten(0, (-1, heads))), bounds, ctx.scale, causal)
        mixed = joint.new_empty(len(joint), dim)
        from_heads(plain(torch.bmm(shares, value).unflatten(0, (-1, heads))), bounds, 0, plain(mixed))
        ctx.save_for_backward(query, key, value, shares, offsets)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        query, key, value, shares, offsets = ctx.saved_tensors
        bounds, heads, gradient = offsets.numpy(), (-1, ctx.heads), gradients[0].contiguous()
        mixed = torch.empty_like(query)
        to_heads(plain(gradient), bounds, 0, plain(mixed.unflatten(0, heads)))
        scores = torch.bmm(mixed, value.transpose(1, 2))
        to_score_gradients(
            plain(shares.unflatten(0, heads)),
            plain(scores.unflatten(0, heads)),
            bounds,
            ctx.scale,
            ctx.causal,
        )
        joint = gradient.new_empty(len(gradient), 3 * gradient.shape[1])
        parts = (
            torch.bmm(scores, key),
            torch.bmm(scores.transpose(1, 2), query),
            torch.bmm(shares.transpose(1, 2), mixed),
        )
        for place, part in enumerate(parts):
            from_heads(plain(part.unflatten(0, heads)), bounds, place * gradient.shape[1], plain(joint))
        return joint, None, None, None, None
