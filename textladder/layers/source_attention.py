"""Attention of a decoder to its source: one context for each query, by every score of the family.

    additive    v . tanh(W q + U k)     Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473, A.1.2
    dot         q . k                   Luong et al. 2015, https://arxiv.org/abs/1508.04025, section 3.1
    general     q . W k                 the same
    concat      v . tanh(W [q; k])      the same
    scaled      q . k / sqrt(D)         Vaswani et al. 2017, https://arxiv.org/abs/1706.03762, equation 1
    multihead   scaled, of H projections of q, k and what is mixed: the same, section 3.2.2

Letters as in `textladder.batch`; S units of the longest source, M the width of its vectors.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from textladder.errors import Problem

ScoreName = Literal["additive", "dot", "general", "concat", "scaled", "multihead"]


class SourceAttention(nn.Module):
    """sum_j p_j v_j with p = softmax over j of score(q, k_j).

    `read` is called once for a source, `forward` for any number of queries. dim: width of a context.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """memory [B, S, M] -> keys [B, S, ...] and what is mixed, values [B, S, ...]."""
        raise NotImplementedError

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """query [B, T, Q], keys -> [B, H, T, S]"""
        raise NotImplementedError

    def mix(self, shares: Tensor, values: Tensor) -> Tensor:
        """shares [B, H, T, S] -> [B, T, dim]"""
        return torch.matmul(shares[:, 0].to(values.dtype), values)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """-> contexts [B, T, dim], and the shares [B, H, T, S] in float32: rows of zeros for a source without
        units, whose context is zero."""
        seen = mask[:, None, None]
        scores = self.scores(query, keys).float().masked_fill(~seen, -math.inf)
        # Of nothing but -inf the softmax is NaN, and so would be every gradient.
        scores = scores.masked_fill(~seen.any(-1, keepdim=True), 0.0)
        shares = scores.softmax(-1) * seen
        return self.mix(shares, values), shares


class Additive(SourceAttention):
    """The first layer of the small net is applied to keys and queries apart: W [q; k] = W_q q + W_k k."""

    def __init__(self, query_dim: int, memory_dim: int, hidden_dim: int) -> None:
        super().__init__(memory_dim)
        self.of_query = nn.Linear(query_dim, hidden_dim)
        self.of_key = nn.Linear(memory_dim, hidden_dim, bias=False)
        self.weight = nn.Parameter(torch.empty(hidden_dim).normal_(std=hidden_dim**-0.5))

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        return self.of_key(memory), memory

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        hidden = torch.tanh(self.of_query(query)[:, :, None] + keys[:, None])  # [B, T, S, hidden]
        return torch.matmul(hidden, self.weight.to(hidden.dtype))[:, None]


class Concat(Additive):
    """As Luong has it: the small net is as wide as the query, and has no bias."""

    def __init__(self, query_dim: int, memory_dim: int) -> None:
        super().__init__(query_dim, memory_dim, query_dim)
        self.of_query = nn.Linear(query_dim, query_dim, bias=False)


class Dot(SourceAttention):
    """q . k times `scale`. Raises Problem where their widths differ."""

    def __init__(self, query_dim: int, memory_dim: int, scaled: bool) -> None:
        super().__init__(memory_dim)
        if query_dim != memory_dim:
            raise Problem(
                "decoder.attention",
                f"the decoder's state has {query_dim} values, the encoder's vectors {memory_dim}: "
                "they have no dot product.",
                "Give both the same width, or set decoder.attention=general.",
            )
        self.scale = memory_dim**-0.5 if scaled else 1.0

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        return memory, memory

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return (query.to(keys.dtype) * self.scale @ keys.transpose(1, 2))[:, None]


class General(SourceAttention):
    def __init__(self, query_dim: int, memory_dim: int) -> None:
        super().__init__(memory_dim)
        self.of_key = nn.Linear(memory_dim, query_dim, bias=False)
        # Scores of vectors with unit variance begin with unit variance: not all on one unit of the source.
        nn.init.xavier_uniform_(self.of_key.weight, gain=query_dim**-0.5)

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        return self.of_key(memory), memory

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        return (query.to(keys.dtype) @ keys.transpose(1, 2))[:, None]


class MultiHead(SourceAttention):
    """H scaled dot products of width D / H; Problem where that is no whole number."""

    def __init__(self, query_dim: int, memory_dim: int, heads: int) -> None:
        super().__init__(query_dim)
        if heads < 1 or query_dim % heads:
            raise Problem(
                "decoder.num_heads",
                f"a width of {query_dim} cannot be shared by {heads} heads.",
                "Set a number of heads that divides the decoder's width.",
            )
        self.heads = heads
        self.of_query = nn.Linear(query_dim, query_dim)
        self.of_memory = nn.Linear(memory_dim, 2 * query_dim)  # keys, values
        self.output = nn.Linear(query_dim, query_dim)
        for linear in (self.of_query, self.of_memory, self.output):
            for block in linear.weight.data.split(query_dim):
                nn.init.xavier_uniform_(block)
            nn.init.zeros_(linear.bias)

    def read(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.of_memory(memory).chunk(2, -1)
        return keys, values

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        queries = self._heads(self.of_query(query)).to(keys.dtype)
        return queries @ self._heads(keys).transpose(2, 3) * (self.dim // self.heads) ** -0.5

    def mix(self, shares: Tensor, values: Tensor) -> Tensor:
        mixed = torch.matmul(shares.to(values.dtype), self._heads(values))  # [B, H, T, d]
        contexts: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return contexts

    def _heads(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, H, T, d]"""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


def make_source_attention(
    name: ScoreName, query_dim: int, memory_dim: int, *, hidden_dim: int, heads: int
) -> SourceAttention:
    """hidden_dim: of the small net of `additive`. heads: of `multihead`."""
    match name:
        case "additive":
            return Additive(query_dim, memory_dim, hidden_dim)
        case "concat":
            return Concat(query_dim, memory_dim)
        case "general":
            return General(query_dim, memory_dim)
        case "multihead":
            return MultiHead(query_dim, memory_dim, heads)
        case _:
            return Dot(query_dim, memory_dim, scaled=name == "scaled")
