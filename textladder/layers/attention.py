"""Transformer layers over flat units: padding exists only inside the attention product itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property, partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.batch import Tokens
from textladder.layers.dropout import Dropout
from textladder.layers.flat_attention import FlatAttention, Run, runs_of
from textladder.layers.short_attention import LONGEST, ShortAttention
from textladder.layers.strip import counted_up

NormPlace = Literal["pre", "post"]
ActivationName = Literal["gelu", "gelu_tanh", "relu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),  # GPT-2's (Hendrycks and Gimpel 2016, section 2)
    "relu": F.relu,
}


def _spread(rows: Tensor, places: Tensor, size: int) -> Tensor:
    """The first rows to given places of a zero array of `size` rows."""
    return rows.new_zeros(size, *rows.shape[1:]).index_copy_(0, places, rows[: len(places)])


def _collect(rows: Tensor, places: Tensor, size: int) -> Tensor:
    """The rows at given places, then rows of zeros: `size` in all."""
    collected = rows.new_empty(size, *rows.shape[1:])
    torch.index_select(rows, 0, places, out=collected[: len(places)])
    collected[len(places) :] = 0
    return collected


class _Spread(torch.autograd.Function):
    """`_spread` with `_collect` as its backward: distinct places need no scatter-add."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(places)
        ctx.size = len(rows)
        return _spread(rows, places, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return _collect(gradient, places, ctx.size), None, None


class _Collect(torch.autograd.Function):
    """`_collect` with `_spread` as its backward."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(places)
        ctx.size = len(rows)
        return _collect(rows, places, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return _spread(gradient, places, ctx.size), None, None


class Layout:
    """Where the flat units of a batch stand in its padded view; made once per batch, used by every layer.

    exact: the flat units are not counted up. In float32 the libraries under torch keep no kernel per shape.
    """

    def __init__(self, tokens: Tokens, exact: bool = False) -> None:
        self.tokens, self.offsets = tokens, tokens.offsets
        self.texts, self.width = len(tokens), tokens.width
        self.units = len(tokens.flat)
        self.full = tokens.full  # no padding: the two views are one
        self.rows = self.units if self.full or exact else counted_up(self.units)  # M: N, counted up

    @cached_property
    def positions(self) -> Tensor:
        """[N] Place of each unit in its text."""
        starts = self.offsets[:-1].repeat_interleave(self.tokens.lengths, output_size=self.units)
        return torch.arange(self.units, device=starts.device) - starts

    @cached_property
    def places(self) -> Tensor:
        """[N] Place of each unit in the padded view."""
        text = torch.arange(self.texts, device=self.offsets.device)
        text = text.repeat_interleave(self.tokens.lengths, output_size=self.units)
        return text * self.width + self.positions

    def count_up(self, flat: Tensor) -> Tensor:
        """[N, ...] -> [M, ...], with zeros"""
        more = self.rows - len(flat)
        return torch.cat([flat, flat.new_zeros(more, *flat.shape[1:])]) if more else flat

    @cached_property
    def runs(self) -> list[Run]:
        return runs_of(self.tokens)

    def pad(self, flat: Tensor) -> Tensor:
        """[M, ...] -> [B, T, ...], zeros at padding."""
        padded = flat if self.full else _Spread.apply(flat, self.places, self.texts * self.width)
        return padded.view(self.texts, self.width, *flat.shape[1:])

    def unpad(self, padded: Tensor) -> Tensor:
        """[B, T, ...] -> [M, ...]"""
        rows = padded.reshape(self.texts * self.width, *padded.shape[2:])
        return rows if self.full else _Collect.apply(rows, self.places, self.rows)

    def allowed(self, causal: bool) -> Tensor | None:
        """[B, 1, T or 1, T] which units each unit may see, or None if that needs no saying.

        Padding comes after the text, so that a causal mask hides it from every unit already. A text
        without units may see everything: nothing reads the result, and a softmax over nothing would be
        NaN.
        """
        if self.full or causal:
            return None
        mask = self.tokens.mask
        return (mask | ~mask.any(1, keepdim=True))[:, None, None]


class MultiHeadAttention(nn.Module):
    """softmax(Q K' / sqrt(d)) V per head, heads joined by a linear map (Vaswani et al. 2017, section 3.2).

    Flat units [M, D] -> [M, D]; the projections see no padding, the product of each head is
    `F.scaled_dot_product_attention`, or the same without padding (`FlatAttention`, `ShortAttention`).
    """

    def __init__(self, dim: int, num_heads: int, dropout: float, causal: bool, bias: bool = True) -> None:
        super().__init__()
        self.num_heads, self.dropout, self.causal = num_heads, dropout, causal
        self.projection = nn.Linear(dim, 3 * dim, bias)  # Q, K, V in one product
        self.output = nn.Linear(dim, dim, bias)
        for block in self.projection.weight.data.split(dim):
            nn.init.xavier_uniform_(block)
        nn.init.xavier_uniform_(self.output.weight)
        for linear in (self.projection, self.output):
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, layout: Layout, keep_map: bool = False) -> tuple[Tensor, Tensor | None]:
        """-> [M, D], and the map [B, H, T, T] if it is to be kept (rows at padding mean nothing)."""
        joint = self.projection(x)  # [M, 3D]
        if not keep_map and self.short(joint, layout):
            mixed = ShortAttention.apply(joint, layout.offsets, layout.width, self.num_heads, self.causal)
            return self.output(mixed), None
        if not keep_map and self.flat(joint):
            return self.output(FlatAttention.apply(joint, layout.runs, self.num_heads, self.causal)), None
        joint = layout.pad(joint)  # [B, T, 3D]
        dtype, on_cpu = joint.dtype, joint.device.type == "cpu"
        if on_cpu and dtype == torch.bfloat16:  # its kernel for short texts is 2 to 3 times faster in float32
            joint = joint.float()
        heads = joint.unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)  # [3, B, H, T, d]
        query, key, value = heads.unbind(0)
        mask = layout.allowed(self.causal)
        share = self.dropout if self.training else 0.0
        with torch.autocast("cpu", enabled=False) if on_cpu else nullcontext():
            mixed = F.scaled_dot_product_attention(query, key, value, mask, share, is_causal=self.causal)
        mixed = mixed.to(dtype)
        kept = attention_map(query, key, mask, self.causal) if keep_map else None
        mixed = layout.unpad(mixed.transpose(1, 2).flatten(2))  # [M, D]
        return self.output(mixed), kept

    def extend(self, x: Tensor, known: Tensor, at: int) -> Tensor:
        """Units at..at + n of each text, x [B, n, D] -> [B, n, D], with what is known of those before them:
        `known` [B, C, 2D], keys and values, into which theirs are written."""
        units, dim = x.shape[1:]
        joint = self.projection(x)  # [B, n, 3D]
        known[:, at : at + units].copy_(joint[..., dim:])
        query = joint[..., :dim].to(known.dtype)
        query = query.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # [B, H, n, d]
        pairs = known[:, : at + units].unflatten(-1, (2, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        key, value = pairs.unbind(0)  # [B, H, at + n, d]
        mask = None
        if at and units > 1:
            mask = torch.ones(units, at + units, dtype=torch.bool, device=x.device).tril(at)
        mixed = F.scaled_dot_product_attention(query, key, value, mask, is_causal=units > 1 and not at)
        mixed = mixed.transpose(1, 2).flatten(2)
        extended: Tensor = self.output(mixed)
        return extended

    def flat(self, joint: Tensor) -> bool:
        """Whether `FlatAttention` can be used."""
        fused = joint.device.type == "cpu" and joint.dtype == torch.float32
        return fused and not (self.training and self.dropout > 0)

    def short(self, joint: Tensor, layout: Layout) -> bool:
        """Whether `ShortAttention` is the faster: in float32 its products are not (benchmarks/NOTES.md)."""
        return (
            joint.device.type == "cpu"
            and joint.dtype == torch.bfloat16
            and layout.width <= LONGEST
            and not (self.training and self.dropout > 0)
        )


def attention_map(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """query [B, H, T, d], key [B, H, S, d] -> softmax of scaled scores [B, H, T, S] where `mask` allows."""
    scores = (query @ key.transpose(-1, -2)).float() / query.shape[-1] ** 0.5
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1)


class TransformerLayer(nn.Module):
    """Attention, then a feed-forward net, each with a residual connection and a layer norm: before the branch
    ("pre", Xiong et al. 2020: trains without warm-up) or after the sum ("post", Vaswani et al. 2017)."""

    def __init__(
        self,
        dim: int,
        num_heads: int,
        feedforward_dim: int,
        *,
        dropout: float,
        attention_dropout: float = 0.0,
        norm: NormPlace,
        causal: bool,
        activation: ActivationName = "gelu",
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.attention = MultiHeadAttention(dim, num_heads, attention_dropout, causal, bias)
        self.widen, self.narrow = nn.Linear(dim, feedforward_dim, bias), nn.Linear(feedforward_dim, dim, bias)
        self.attention_norm, self.feedforward_norm = (
            nn.LayerNorm(dim, bias=bias),
            nn.LayerNorm(dim, bias=bias),
        )
        self.activation = ACTIVATIONS[activation]
        self.dropout = Dropout(dropout)
        self.pre = norm == "pre"
        for linear in (self.widen, self.narrow):
            nn.init.xavier_uniform_(linear.weight)
            if bias:
                nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, layout: Layout, keep_map: bool = False) -> tuple[Tensor, Tensor | None]:
        """[M, D] -> [M, D], and the attention map if it is to be kept."""
        branch, kept = self.attention(self.before(x, self.attention_norm), layout, keep_map)
        return self.fed_forward(self.added(x, branch, self.attention_norm)), kept

    def extend(self, x: Tensor, known: Tensor, at: int) -> Tensor:
        """[B, n, D] -> [B, n, D], see `MultiHeadAttention.extend`."""
        branch = self.attention.extend(self.before(x, self.attention_norm), known, at)
        return self.fed_forward(self.added(x, branch, self.attention_norm))

    def before(self, x: Tensor, norm: nn.Module) -> Tensor:
        """What a branch reads."""
        return norm(x) if self.pre else x

    def added(self, x: Tensor, branch: Tensor, norm: nn.Module) -> Tensor:
        """What comes after a branch."""
        x = x + self.dropout(branch)
        return x if self.pre else norm(x)

    def fed_forward(self, x: Tensor) -> Tensor:
        branch = self.narrow(self.activation(self.widen(self.before(x, self.feedforward_norm))))
        return self.added(x, branch, self.feedforward_norm)
