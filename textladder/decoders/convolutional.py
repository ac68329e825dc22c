"""A convolutional decoder: gated convolutions over the units before, with attention to the source in every
layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.decoders.decoder import Decoder
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.gated import GatedBlock
from textladder.layers.positions import PositionsName, make_positions, placed
from textladder.layers.source_attention import ScoreName, make_source_attention
from textladder.ranges import Share, Size
from textladder.search.state import State


class AttentiveBlock(nn.Module):
    """h = x + convolution of x;  then h + W c, where c is the attention of h + the unit's own vector to the
    source (Gehring et al. 2017, section 3.3)."""

    def __init__(self, config: ConvolutionalDecoder.Config, memory_dim: int) -> None:
        super().__init__()
        dim = config.embedding_dim
        self.block = GatedBlock(dim, config.hidden_dim, config.window, 1, config.dropout)
        self.attention = make_source_attention(
            config.attention, dim, memory_dim, hidden_dim=config.attention_dim, heads=config.num_heads
        )
        self.norm = nn.LayerNorm(dim)  # of what asks: sums grow from layer to layer
        self.back = nn.Linear(self.attention.dim, dim)
        self.dropout = Dropout(config.dropout)

    def attend(self, h: Tensor, words: Tensor, source: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """h, words [B, T, D]; source: keys, values, mask -> [B, T, D], shares [B, H, T, S]"""
        contexts, shares = self.attention(self.norm(h + words), *source)
        return h + self.dropout(self.back(contexts.to(h.dtype))), shares


class ConvolutionalDecoder(Decoder):
    """`num_layers` blocks; a unit sees num_layers * (window - 1) units before its own.

    The norm stands first in each block, where the paper scales sums by the root of one half.
    """

    source = "Gehring et al. 2017, https://arxiv.org/abs/1705.03122"

    @dataclass(frozen=True)
    class Config(Decoder.Config):
        embedding_dim: Size = 256  # also of every block
        hidden_dim: Size = 256  # of the gated units in each block
        num_layers: Size = 3
        window: Size = 3
        attention: ScoreName = "general"
        attention_dim: Size = 256  # of the small net that gives the additive score
        num_heads: int = 4  # of attention "multihead"
        positions: PositionsName = "sinusoidal"
        max_length: Size = 512  # longest prefix in units, for learned positions
        input_dropout: Share = 0.1  # of vector plus position
        dropout: Share = 0.1  # in each block

    def __init__(self, config: Config, units: int, memory_dim: int) -> None:
        super().__init__(config, units, memory_dim)
        self.dim = config.embedding_dim
        self.threads_pay = self.dim >= 256
        self.own = UnitEmbedding(units, self.dim, std=self.dim**-0.5)
        self.positions = make_positions(config.positions, self.dim, config.max_length)
        if config.positions == "learned":
            self.max_length = config.max_length
        self.blocks = nn.ModuleList(AttentiveBlock(config, memory_dim) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(self.dim)
        self.input_dropout = Dropout(config.input_dropout)

    def forward(self, prefix: Tokens, memory: Encoded, maps: list[Tensor] | None = None) -> Tensor:
        """Raises Problem for a prefix longer than learned positions."""
        places = torch.arange(prefix.width, device=prefix.flat.device)
        words = x = self._vectors(prefix.ids, places, prefix.width)  # [B, T, D]
        for block, source in zip(self._stack, self._read(memory), strict=True):
            # Padding stands behind the units, and nothing looks ahead: it needs no mask.
            x, shares = block.attend(block.block(x, None), words, source)
            if maps is not None:
                maps.append(shares)
        vectors: Tensor = self.norm(x)
        return vectors

    def start(self, memory: Encoded) -> State:
        """(units so far [B]; of each block what is convolved of the units before [B, D, window - 1]; of each
        keys, values and mask of the source)"""
        texts = len(memory.mask)
        empty = memory.states.new_zeros(texts, self.dim, self.config.window - 1)
        before = tuple(empty for _ in self.blocks)
        return torch.zeros(texts, dtype=torch.int64, device=empty.device), before, self._read(memory)

    def step(self, last: Tensor, state: State, maps: list[Tensor] | None = None) -> tuple[Tensor, State]:
        at, before, read = state
        width = int(at[0]) + 1 if len(at) else 1
        words = x = self._vectors(last[:, None], at[:, None], width)
        after = []
        for block, seen, source in zip(self._stack, before, read, strict=True):
            h, now_seen = block.block.step(x[:, 0], seen)
            x, shares = block.attend(h[:, None], words, source)
            after.append(now_seen)
            if maps is not None:
                maps.append(shares[:, :, 0])
        return self.norm(x[:, 0]), (at + 1, tuple(after), read)

    @property
    def _stack(self) -> list[AttentiveBlock]:
        return cast(list[AttentiveBlock], list(self.blocks))

    def _read(self, memory: Encoded) -> tuple[tuple[Tensor, ...], ...]:
        return tuple((*block.attention.read(memory.states), memory.mask) for block in self._stack)

    def _vectors(self, ids: Tensor, places: Tensor, width: int) -> Tensor:
        self.check_length(width)
        x: Tensor = self.input_dropout(
            placed(self.rows(ids), math.sqrt(self.dim), self.positions, places, width)
        )
        return x
