"""Gated convolutions over the units before: a language model without recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.gated import GatedBlock
from textladder.layers.pooling import PoolingName, make_pooling
from textladder.layers.strip import Strip
from textladder.ranges import Share, Size


class CausalCnn(Encoder):
    """Blocks with dilation 1, 2, 4, ... up to 2^(cycle - 1), then again from 1: a state sees
    `receptive_field` units, its own and those before it.

    The norm stands first in each block ("Identity mappings", He et al. 2016); the papers have weight norm
    or none.
    """

    source = "Dauphin et al. 2017, https://arxiv.org/abs/1612.08083; van den Oord et al. 2016, https://arxiv.org/abs/1609.03499"
    causal = True
    embedding: UnitEmbedding

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 128  # also of every block
        hidden_dim: Size = 128  # of the gated units in each block
        num_layers: Size = 6
        window: Size = 3
        cycle: Size = 4  # layers after which dilation begins again at 1
        pooling: PoolingName = "max"
        embedding_dropout: Share = 0.1
        word_dropout: Share = 0.0  # share of units read as <unk> in training
        dropout: Share = 0.1  # in each block and on the text's vector

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        self.dim = config.embedding_dim
        self.embedding = UnitEmbedding(
            len(vocabulary), self.dim, config.embedding_dropout, config.word_dropout
        )
        dilations = [2 ** (number % config.cycle) for number in range(config.num_layers)]
        blocks = [
            GatedBlock(self.dim, config.hidden_dim, config.window, dilation, config.dropout)
            for dilation in dilations
        ]
        self.blocks = nn.ModuleList(blocks)
        self.views = [block.convolution.before for block in blocks]
        self.reach = sum(self.views)
        self.norm = nn.LayerNorm(self.dim)
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)
        self.bfloat16_pays = self.dim >= 128

    @property
    def receptive_field(self) -> int:
        """How many units a state depends on, its own among them."""
        return 1 + sum(self.views)

    def extra_repr(self) -> str:
        return f"receptive_field={self.receptive_field} units"

    def forward(self, tokens: Tokens) -> Encoded:
        gap, units = max(self.views), len(tokens.flat)
        if units == len(tokens) * tokens.width:
            states = self._states(tokens.ids, None)
        elif gap * len(tokens) > units:  # texts are short for what would be between them
            states = self._states(tokens.ids, tokens.mask)
        else:
            strip = Strip(tokens, gap)
            real = torch.ones_like(tokens.flat, dtype=torch.bool)
            states = strip.pad(self._states(strip.spread(tokens.flat), strip.spread(real)))
        return Encoded(lambda: self.dropout(self.pool(states, tokens.mask)), tokens.mask, states)

    def _states(self, ids: Tensor, mask: Tensor | None) -> Tensor:
        """[R, W] -> [R, W, D], zeros where mask is False."""
        x, mask = self.embedding(ids), None if mask is None else mask[..., None]
        for block in self.blocks:
            x = block(x, mask)
        states: Tensor = self.norm(x)
        return states if mask is None else states * mask

    def start(self, texts: int) -> tuple[Tensor, ...]:
        table = self.embedding.weight
        return tuple(table.new_zeros(texts, self.dim, before) for before in self.views)

    def step(self, last: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        x, after = self.embedding(last), []
        for block, before in zip(self.blocks, state, strict=True):
            x, seen = cast(GatedBlock, block).step(x, before)
            after.append(seen)
        return self.norm(x), tuple(after)
