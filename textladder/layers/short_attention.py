"""Attention within short texts, or of short texts to others, on the processor: matrix products per text and
head, and what is between them as compiled loops (numba) that read and write flat units.

torch's fused kernel works in float32 here, and padding, converting and permuting come on top of it; in
bfloat16 the six matrix products of forward and backward take next to nothing (benchmarks/NOTES.md). Letters
as in `textladder.batch`; d is the width of a head, S units of the longest text that is looked at (within a
text S is T). Loops go in order, and products of a text stand alone, so
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
def to_shares(scores: Any, offsets: I64, seen_offsets: I64, scale: np.float32, causal: bool) -> None:
    """scores [B, H, T, S] -> softmax of `scale` times them, in place; zero for units that may not be seen
    (those beyond the text that is looked at, if causal also those after it), and rows of zeros for what is no
    unit. offsets, seen_offsets: of the texts that look, and of those that they look at."""
    count, width = scores.shape[1], scores.shape[3]
    row = np.empty(width, np.float32)
    for b in range(len(offsets) - 1):
        length, reach = offsets[b + 1] - offsets[b], seen_offsets[b + 1] - seen_offsets[b]
        for h in range(count):
            for i in range(length):
                seen = min(i + 1, reach) if causal else reach
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
def to_score_gradients(
    shares: Any, gradient: Any, offsets: I64, seen_offsets: I64, scale: np.float32, causal: bool
) -> None:
    """gradient [B, H, T, S] of the shares -> that of the scores, scale p_j (g_j - sum_k p_k g_k)."""
    count, width = shares.shape[1], shares.shape[3]
    parts, wanted = np.empty(width, np.float32), np.empty(width, np.float32)
    for b in range(len(offsets) - 1):
        length, reach = offsets[b + 1] - offsets[b], seen_offsets[b + 1] - seen_offsets[b]
        for h in range(count):
            for i in range(length):
                seen = min(i + 1, reach) if causal else reach
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


class _Heads:
    """Columns of flat units as heads [B * H, T, d] and back."""

    def __init__(self, offsets: Tensor, width: int, heads: int) -> None:
        self.offsets, self.bounds = offsets, offsets.numpy()
        self.width, self.heads = counted_up(width, ROUND), heads

    def of(self, flat: Tensor, dim: int, first: int = 0) -> Tensor:
        """Columns first..first + dim of flat [M, ...]."""
        made = flat.new_empty(len(self.bounds) - 1, self.heads, self.width, dim // self.heads)
        to_heads(plain(flat), self.bounds, first, plain(made))
        return made.flatten(0, 1)

    def put(self, heads: Tensor, flat: Tensor, first: int = 0) -> None:
        from_heads(plain(self.split(heads)), self.bounds, first, plain(flat))

    def split(self, heads: Tensor) -> Tensor:
        """[B * H, ...] -> [B, H, ...]"""
        return heads.unflatten(0, (-1, self.heads))


def _attend(ctx: Any, query: Tensor, key: Tensor, value: Tensor, here: _Heads, there: _Heads) -> Tensor:
    """Heads -> what each mixes [B * H, T, d]. Keeps in `ctx` what `_attend_back` needs."""
    shares = torch.bmm(query, key.transpose(1, 2))  # [B * H, T, S]
    ctx.here, ctx.there, ctx.scale = here, there, np.float32(query.shape[2] ** -0.5)
    to_shares(plain(here.split(shares)), here.bounds, there.bounds, ctx.scale, ctx.causal)
    ctx.save_for_backward(query, key, value, shares)
    return torch.bmm(shares, value)


def _attend_back(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The gradient of what was mixed -> those of queries, keys and values."""
    query, key, value, shares = ctx.saved_tensors
    here, there = ctx.here, ctx.there
    scores = torch.bmm(gradient, value.transpose(1, 2))
    given = plain(here.split(shares)), plain(here.split(scores))
    to_score_gradients(*given, here.bounds, there.bounds, ctx.scale, ctx.causal)
    to_key = torch.bmm(scores.transpose(1, 2), query)
    return torch.bmm(scores, key), to_key, torch.bmm(shares.transpose(1, 2), gradient)


class ShortAttention(torch.autograd.Function):
    """softmax(Q K' / sqrt(d)) V per text and head: joint [M, 3D] -> [M, D]; on the processor, in the type of
    `joint` (float32 or bfloat16; softmax in float32)."""

    @staticmethod
    def forward(ctx: Any, joint: Tensor, offsets: Tensor, width: int, heads: int, causal: bool) -> Tensor:
        dim, texts = joint.shape[1] // 3, _Heads(offsets, width, heads)
        ctx.causal = causal
        query, key, value = (texts.of(joint, dim, number_ * dim) for number_ in range(3))
        mixed = joint.new_empty(len(joint), dim)
        texts.put(_attend(ctx, query, key, value, texts, texts), mixed)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient, dim = gradients[0].contiguous(), gradients[0].shape[1]
        joint = gradient.new_empty(len(gradient), 3 * dim)
        for place, part in enumerate(_attend_back(ctx, ctx.here.of(gradient, dim))):
            ctx.here.put(part, joint, place * dim)
        return joint, None, None, None, None


class ShortCrossAttention(torch.autograd.Function):
    """The same of texts that look at others: query [M, D] and pairs [K, 2D], keys and values of the units of
    the others -> [M, D], zeros for a text that looks at one without units."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        pairs: Tensor,
        texts: tuple[Tensor, int],
        others: tuple[Tensor, int],
        heads: int,
    ) -> Tensor:
        """texts, others: offsets [B + 1], and the longest."""
        dim = query.shape[1]
        here, there = _Heads(*texts, heads), _Heads(*others, heads)
        ctx.causal, ctx.rows = False, len(pairs)
        key, value = there.of(pairs, dim), there.of(pairs, dim, dim)
        mixed = query.new_empty(len(query), dim)
        here.put(_attend(ctx, here.of(query, dim), key, value, here, there), mixed)
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient, dim = gradients[0].contiguous(), gradients[0].shape[1]
        to_query, to_key, to_value = _attend_back(ctx, ctx.here.of(gradient, dim))
        query, pairs = torch.empty_like(gradient), gradient.new_empty(ctx.rows, 2 * dim)
        ctx.here.put(to_query, query)
        ctx.there.put(to_key, pairs)
        ctx.there.put(to_value, pairs, dim)
        return query, pairs, None, None, None
