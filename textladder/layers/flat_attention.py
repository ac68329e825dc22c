"""Attention within texts that stand one after the other without padding, in float32 on the processor: one
call of torch's fused kernel for each run of texts that are equally long.

Padding, the mask that hides it and the way back to flat units took as long as attention itself
(benchmarks/NOTES.md). Texts sorted by length make few runs (`by_length`). Letters as in `textladder.batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from textladder.batch import Ragged, Tokens

Run = tuple[int, int, int]  # first unit, texts, length of each

forwards = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
backwards = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


def by_length(tokens: Tokens, parts: int) -> tuple[Tokens, Tensor | None]:
    """The texts in another order, such that each of `parts` equal shares is sorted by length and all shares
    have about as many units; and the places [B] in it of the texts as given, None if it is the same order."""
    lengths = tokens.lengths.numpy()
    if not len(lengths) or lengths.min() == lengths.max():
        return tokens, None
    order = np.argsort(lengths, kind="stable")
    order = np.concatenate([order[part::parts] for part in reversed(range(parts))])
    taken = Ragged(tokens.flat.numpy(), tokens.offsets.numpy()).take(order)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    flat, offsets = torch.from_numpy(taken.flat), torch.from_numpy(taken.offsets)
    letters = None
    if tokens.letters is not None:
        units = Ragged(np.arange(len(flat)), tokens.offsets.numpy()).take(order)
        letters = tokens.letters[torch.from_numpy(units.flat)]
    return Tokens(flat, offsets, tokens.width, letters=letters), torch.from_numpy(places)


def runs_of(tokens: Tokens) -> list[Run]:
    """Neighbouring texts of the same length, those without units left out."""
    offsets, lengths = tokens.offsets.numpy(), tokens.lengths.numpy()
    bounds = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]
    return [
        (int(offsets[first]), stop - first, int(lengths[first]))
        for first, stop in pairwise(bounds)
        if stop > first and lengths[first]
    ]


def heads_of(flat: Tensor, run: Run, heads: int, width: int) -> Tensor:
    """The units of a run in flat [N, k * H * d] as a view [k, texts, H, length, d], `width` being d: k is 3
    for queries, keys and values."""
    first, texts, length = run
    units = flat[first : first + texts * length]
    return units.view(texts, length, -1, heads, width).permute(2, 0, 3, 1, 4)


class FlatAttention(torch.autograd.Function):
    """Queries, keys, values [N, 3D] of flat units -> [N, D] softmax(Q K' / sqrt(d)) V per text and head."""

    @staticmethod
    def forward(ctx: Any, joint: Tensor, runs: Sequence[Run], heads: int, causal: bool) -> Tensor:
        width = joint.shape[1] // (3 * heads)
        mixed, sums = joint.new_empty(len(joint), heads * width), []
        for run in runs:
            found, logsumexp = forwards(*heads_of(joint, run, heads, width), 0.0, causal)
            heads_of(mixed, run, heads, width)[0].copy_(found)
            sums.append(logsumexp)
        ctx.save_for_backward(joint, mixed, *sums)
        ctx.runs, ctx.shape, ctx.causal = runs, (heads, width), causal
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        joint, mixed, *sums = ctx.saved_tensors
        gradient, to_joint = gradients[0].contiguous(), torch.empty_like(joint)
        for run, logsumexp in zip(ctx.runs, sums, strict=True):
            shape = run, *ctx.shape
            given = heads_of(joint, *shape), heads_of(mixed, *shape)[0]
            found = backwards(heads_of(gradient, *shape)[0], *given[0], given[1], logsumexp, 0.0, ctx.causal)
            for place, value in zip(heads_of(to_joint, *shape), found, strict=True):
                place.copy_(value)
        return to_joint, None, None, None
