"""Attention of flat units to those of another text, and of single new units to whatever was kept (numba).

Letters as in `textladder.batch`; S units of the longest source, K of all sources.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import math
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.layers.attention import Layout, attention_map
from textladder.layers.halves import COMPILED, exponential
from textladder.layers.short_attention import (
    LONGEST,
    ShortCrossAttention,
    any_order,
    largest,
    product_total,
    total,
)

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
ZERO, ONE = np.float32(0), np.float32(1)


class CrossAttention(nn.Module):
    """softmax(Q K' / sqrt(d)) V per head, with keys and values of a source (Vaswani et al. 2017, section
    3.2.3). A source without units gives zeros."""

    def __init__(self, dim: int, memory_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.query, self.pairs = nn.Linear(dim, dim), nn.Linear(memory_dim, 2 * dim)  # pairs: K, V
        self.output = nn.Linear(dim, dim)
        for linear in (self.query, self.pairs, self.output):
            for block in linear.weight.data.split(dim):
                nn.init.xavier_uniform_(block)
            nn.init.zeros_(linear.bias)

    def forward(
        self, x: Tensor, layout: Layout, pairs: Tensor, source: Layout, keep_map: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """x: flat units [M, D]; pairs: `self.pairs` of the source's flat units [K, 2D] -> [M, D], and the map
        [B, H, T, S] if it is to be kept."""
        query = self.query(x)
        if not keep_map and self._short(query, layout, source):
            widths = (layout.offsets, layout.width), (source.offsets, source.width)
            return self.output(ShortCrossAttention.apply(query, pairs, *widths, self.num_heads)), None
        mixed, kept = self._padded(query, layout, pairs, source, keep_map)
        return self.output(mixed), kept

    def _short(self, query: Tensor, layout: Layout, source: Layout) -> bool:
        return (
            query.device.type == "cpu"
            and query.dtype in COMPILED
            and max(layout.width, source.width) <= LONGEST
            and not (self.training and self.dropout > 0)
        )

    def _padded(
        self, query: Tensor, layout: Layout, pairs: Tensor, source: Layout, keep_map: bool
    ) -> tuple[Tensor, Tensor | None]:
        dtype, on_cpu = query.dtype, query.device.type == "cpu"
        queries = layout.pad(query.float() if on_cpu else query)
        queries = queries.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # [B, H, T, d]
        padded = source.pad(pairs.float() if on_cpu else pairs)
        key, value = padded.unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        mask, share = source.allowed(causal=False), self.dropout if self.training else 0.0
        with torch.autocast("cpu", enabled=False) if on_cpu else nullcontext():
            mixed = F.scaled_dot_product_attention(queries, key, value, mask, share)
        kept = attention_map(queries, key, mask, causal=False) if keep_map else None
        if not source.full:
            there = source.tokens.mask.any(1)[:, None, None, None]
            mixed, kept = mixed * there, None if kept is None else kept * there
        return layout.unpad(mixed.transpose(1, 2).flatten(2)).to(dtype), kept


def attend(query: Tensor, pairs: Tensor, places: Tensor, lengths: Tensor, heads: int) -> Tensor:
    """One unit of each row: query [B, D] -> [B, D], what it mixes of the rows `places[b, :lengths[b]]` of
    pairs [K, 2D], keys and values; zeros where there are none."""
    if query.device.type == "cpu":
        mixed = torch.empty(query.shape, dtype=torch.float32)
        given = query.float().contiguous(), pairs.float(), places, lengths
        attend_rows(*(part.numpy() for part in given), heads, mixed.numpy())
        return mixed
    shares = shares_of(query, pairs, places, lengths, heads)
    value = pairs[places, query.shape[1] :].unflatten(-1, (heads, -1))  # [B, C, H, d]
    return torch.einsum("bhc,bchd->bhd", shares.to(value.dtype), value).flatten(1)


def shares_of(query: Tensor, pairs: Tensor, places: Tensor, lengths: Tensor, heads: int) -> Tensor:
    """What `attend` mixes by: [B, H, C] in float32, zeros where there is nothing to see."""
    dim = query.shape[1]
    key = pairs[places, :dim].unflatten(-1, (heads, -1))  # [B, C, H, d]
    there = torch.arange(places.shape[1], device=query.device) < lengths[:, None]
    scores = torch.einsum("bhd,bchd->bhc", query.unflatten(-1, (heads, -1)), key).float()
    scores = (scores * (dim // heads) ** -0.5).masked_fill(~there[:, None], -math.inf)
    return scores.softmax(-1).nan_to_num(0.0)  # NaN: none to see


@any_order
def attend_rows(query: F32, pairs: F32, places: I64, lengths: I64, heads: int, mixed: F32) -> None:
    texts, dim = query.shape
    d = dim // heads
    shares = np.empty(max(places.shape[1], 1), np.float32)
    scale = ONE / np.sqrt(np.float32(d))
    for b in range(texts):
        length = lengths[b]
        for h in range(heads):
            first = h * d
            asked, share, mix = query[b, first : first + d], shares[:length], mixed[b, first : first + d]
            for j in range(length):
                share[j] = product_total(asked, pairs[places[b, j], first : first + d])
            highest = largest(share)
            for j in range(length):
                share[j] = exponential((share[j] - highest) * scale)
            part = ONE / total(share)
            mix[:] = ZERO
            for j in range(length):
                value, weight = pairs[places[b, j], dim + first : dim + first + d], share[j] * part
                for c in range(d):
                    mix[c] += weight * value[c]
