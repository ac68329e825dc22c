"""The Transformer decoder: attention to the units before, to the source, and a feed-forward net."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.decoders.decoder import Decoder
from textladder.errors import Problem
from textladder.layers.attention import ActivationName, Layout, NormPlace, TransformerLayer
from textladder.layers.cross_attention import CrossAttention, attend, shares_of
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.parts import parted, side_by_side, split_texts
from textladder.layers.positions import PositionsName, make_positions, placed
from textladder.ranges import Share, Size
from textladder.search.state import State

FIRST_ROOM = 256  # units that rows have written; doubled when they are more


class DecoderLayer(nn.Module):
    """A Transformer layer in which attention to the source stands between the other two branches."""

    def __init__(
        self, dim: int, memory_dim: int, num_heads: int, attention_dropout: float, **others: object
    ) -> None:
        """others: of `TransformerLayer`."""
        super().__init__()
        given = {"attention_dropout": attention_dropout, "causal": True, **others}
        self.block = TransformerLayer(dim, num_heads, **given)  # type: ignore[arg-type]
        self.cross = CrossAttention(dim, memory_dim, num_heads, attention_dropout)
        self.cross_norm = nn.LayerNorm(dim)

    def forward(
        self, x: Tensor, layout: Layout, memory: Tensor, source: Layout, keep_map: bool
    ) -> tuple[Tensor, Tensor | None]:
        """x: flat units [M, D]; memory: the source's flat vectors [K, memory_dim] -> [M, D], and the map of
        the source [B, H, T, S] if it is to be kept."""
        block = self.block
        branch, _ = block.attention(block.before(x, block.attention_norm), layout)
        x = block.added(x, branch, block.attention_norm)
        asked = block.before(x, self.cross_norm)
        branch, kept = self.cross(asked, layout, self.cross.pairs(memory), source, keep_map)
        return block.fed_forward(block.added(x, branch, self.cross_norm)), kept

    def step(
        self, x: Tensor, kept: Kept, number: int, rows: tuple[Tensor, Tensor], maps: list[Tensor] | None
    ) -> Tensor:
        """One unit of each row: x [B, D] -> [B, D]. kept: of layer `number`; rows: path and source of each
        row; maps: gets the shares [B, H, S]."""
        path, source = rows
        block, heads = self.block, self.cross.num_heads
        joint = block.attention.projection(block.before(x, block.attention_norm))
        query, pairs = joint.split([x.shape[1], 2 * x.shape[1]], -1)
        written = kept.write(number, pairs)
        lengths = torch.full((len(x),), path.shape[1], device=x.device)
        branch = block.attention.output(attend(query, written, path, lengths, heads).to(x.dtype))
        x = block.added(x, branch, block.attention_norm)
        query = self.cross.query(block.before(x, self.cross_norm))
        there = kept.places[source], kept.lengths[source]
        if maps is not None:
            maps.append(shares_of(query, kept.pairs[number], *there, heads))
        branch = self.cross.output(attend(query, kept.pairs[number], *there, heads).to(x.dtype))
        return block.fed_forward(block.added(x, branch, self.cross_norm))


class Kept:
    """Keys and values that the rows of a search share. Of the source: those of each layer, made once (`pairs`
    [K, 2D]), and which of them are of which text (`places` [B, S], `lengths` [B]). Of what was written: those
    of every unit of every row, in the order in which they came.

    Nothing in it moves or changes when hypotheses are chosen, repeated or given up: a row is a path through
    what was written, [B, T] numbers of it, and only paths are copied.
    """

    def __init__(self, pairs: Sequence[Tensor], places: Tensor, lengths: Tensor) -> None:
        self.pairs, self.places, self.lengths = pairs, places, lengths
        self.units = 0
        self._written = [part.new_empty(FIRST_ROOM, part.shape[1]) for part in pairs]

    def grow(self, rows: int) -> Tensor:
        """Numbers for the next unit of each of some rows [B], for which `write` then has room."""
        first, self.units = self.units, self.units + rows
        for number, known in enumerate(self._written):
            if self.units > len(known):
                self._written[number] = known.new_empty(max(2 * len(known), self.units), known.shape[1])
                self._written[number][:first] = known[:first]
        return torch.arange(first, self.units, device=self.lengths.device)

    def write(self, layer: int, pairs: Tensor) -> Tensor:
        """pairs [B, 2D] of the units that were numbered last -> all that was written."""
        known = self._written[layer]
        known[self.units - len(pairs) : self.units] = pairs
        return known


class TransformerDecoder(Decoder):
    """`num_layers` layers over embedding plus position."""

    source = "Vaswani et al. 2017, https://arxiv.org/abs/1706.03762"

    @dataclass(frozen=True)
    class Config(Decoder.Config):
        embedding_dim: Size = 256  # also of every layer
        num_layers: int = 3
        num_heads: int = 4
        feedforward_dim: Size = 1024
        positions: PositionsName = "sinusoidal"
        max_length: Size = 512  # longest prefix in units, for learned positions
        norm: NormPlace = "pre"
        activation: ActivationName = "gelu"  # of the feed-forward nets
        scale_embedding: bool = True  # units' vectors times sqrt(D) (Vaswani et al. 2017, section 3.4)
        input_dropout: Share = 0.1  # of vector plus position
        dropout: Share = 0.1  # in each layer
        attention_dropout: Share = 0.0  # of the shares; above 0 the compiled attention cannot be used

    def __init__(self, config: Config, units: int, memory_dim: int) -> None:
        super().__init__(config, units, memory_dim)
        self.dim = config.embedding_dim
        if config.num_heads < 1 or self.dim % config.num_heads:
            raise Problem(
                "decoder.num_heads",
                f"a width of {self.dim} cannot be shared by {config.num_heads} heads.",
                "Set a number of heads that divides decoder.embedding_dim.",
            )
        self.scale = math.sqrt(self.dim) if config.scale_embedding else 1.0
        self.own = UnitEmbedding(units, self.dim, std=self.dim**-0.5)
        self.positions = make_positions(config.positions, self.dim, config.max_length)
        if config.positions == "learned":
            self.max_length = config.max_length
        self.layers = nn.ModuleList(
            DecoderLayer(
                self.dim,
                memory_dim,
                config.num_heads,
                config.attention_dropout,
                feedforward_dim=config.feedforward_dim,
                dropout=config.dropout,
                norm=config.norm,
                activation=config.activation,
            )
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(self.dim) if config.norm == "pre" else nn.Identity()
        self.input_dropout = Dropout(config.input_dropout)

    def forward(self, prefix: Tokens, memory: Encoded, maps: list[Tensor] | None = None) -> Tensor:
        """Raises Problem for a prefix longer than learned positions."""
        self.check_length(prefix.width)
        layout, source = Layout(prefix), source_of(memory)
        x = self._vectors(prefix.flat, layout.positions, prefix.width)  # [N, D]
        there = Layout(source, exact=True).unpad(memory.states.to(x.dtype))  # [K, memory_dim]
        parts = [prefix] if self._whole(maps) else parted(prefix)
        if len(parts) == 1:
            return layout.pad(self._through(prefix, source, maps, x, there))
        sources = split_texts(source, [len(part) for part in parts])
        jobs = [partial(self._through, *pair, None) for pair in zip(parts, sources, strict=True)]
        units, others = ([len(part.flat) for part in side] for side in (parts, sources))
        inputs = list(zip(x.split(units), there.split(others), strict=True))
        weights = (*self.layers.parameters(), *self.norm.parameters())
        return layout.pad(torch.cat(side_by_side(jobs, inputs, weights)))

    def _whole(self, maps: list[Tensor] | None) -> bool:
        """Whether a batch cannot be taken in parts: torch draws for all threads."""
        return maps is not None or (self.training and self.config.attention_dropout > 0)

    def _through(
        self, prefix: Tokens, source: Tokens, maps: list[Tensor] | None, x: Tensor, there: Tensor
    ) -> Tensor:
        """What the first layer reads [N, D], and the source's vectors [K, memory_dim] -> [N, D]."""
        units, exact = len(x), x.device.type == "cpu" and x.dtype == torch.float32
        layout, other = Layout(prefix, exact), Layout(source, exact)
        x, there = layout.count_up(x), other.count_up(there)
        for layer in self._stack:
            x, kept = layer(x, layout, there, other, maps is not None)
            if maps is not None and kept is not None:
                maps.append(kept)
        return self.norm(x)[:units]

    def start(self, memory: Encoded) -> State:
        source = source_of(memory)
        flat = Layout(source, exact=True).unpad(memory.states)
        numbers = source.pad(torch.arange(len(flat), device=flat.device))
        pairs = [layer.cross.pairs(flat).float().contiguous() for layer in self._stack]
        kept = Kept(pairs, numbers, source.lengths)
        texts = len(memory.mask)
        return kept, torch.arange(texts, device=flat.device), numbers.new_zeros(texts, 0)

    def step(self, last: Tensor, state: State, maps: list[Tensor] | None = None) -> tuple[Tensor, State]:
        kept, source, path = state
        at = path.shape[1]
        self.check_length(at + 1)
        path = torch.cat([path, kept.grow(len(last))[:, None]], 1)
        x = self._vectors(last, torch.full_like(last, at), at + 1)
        for number, layer in enumerate(self._stack):
            x = layer.step(x, kept, number, (path, source), maps)
        return self.norm(x), (kept, source, path)

    @property
    def _stack(self) -> list[DecoderLayer]:
        return cast(list[DecoderLayer], list(self.layers))

    def _vectors(self, ids: Tensor, places: Tensor, width: int) -> Tensor:
        rows = self.rows(ids)
        if torch.is_autocast_enabled(rows.device.type):
            rows = rows.to(torch.get_autocast_dtype(rows.device.type))
        x: Tensor = self.input_dropout(placed(rows, self.scale, self.positions, places, width))
        return x


def source_of(memory: Encoded) -> Tokens:
    """Where the units of a source stand: texts of as many units, which are only counted. `memory` is given
    padded."""
    lengths = memory.mask.sum(1)
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    return Tokens(lengths.new_zeros(int(offsets[-1])), offsets, memory.mask.shape[1])
