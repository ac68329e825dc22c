"""The Transformer encoder: every unit looks at every other (or, causal, at those before it)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.attention import Layout, NormPlace, TransformerLayer
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.pooling import PoolingName, make_pooling
from textladder.layers.positions import LearnedPositions, SinusoidalPositions
from textladder.ranges import Share, Size


class SelfAttention(Encoder):
    """`num_layers` Transformer layers over embedding plus position.

    With `keep_maps = True` on the encoder, `notes["attention"]` of what it returns holds a map [B, H,
    T, T] per layer: the share of unit j in the new vector of unit i.
    """

    source = "Vaswani et al. 2017, https://arxiv.org/abs/1706.03762"

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 128  # also of every layer
        num_layers: int = 2
        num_heads: int = 4
        feedforward_dim: Size = 512
        positions: Literal["sinusoidal", "learned", "none"] = "sinusoidal"
        max_length: Size = 512  # longest text in units, for learned positions
        norm: NormPlace = "pre"
        causal: bool = False  # a unit sees none after it
        pooling: PoolingName = "mean"
        embedding_dropout: Share = 0.2
        word_dropout: Share = 0.05  # share of units read as <unk> in training
        dropout: Share = 0.1  # in each layer and on the text's vector
        attention_dropout: Share = 0.0  # of the shares; above 0 the fused attention kernel cannot be used

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        self.dim, self.causal = config.embedding_dim, config.causal
        if config.num_heads < 1 or self.dim % config.num_heads:
            raise Problem(
                "encoder.num_heads",
                f"a width of {self.dim} cannot be shared by {config.num_heads} heads.",
                "Set a number of heads that divides encoder.embedding_dim.",
            )
        # Rows are as long as a sinusoid's once multiplied by sqrt(D) in `forward` (Vaswani et al. 2017, 3.4).
        self.embedding = UnitEmbedding(
            len(vocabulary), self.dim, config.embedding_dropout, config.word_dropout, std=self.dim**-0.5
        )
        self.positions: nn.Module | None = None
        if config.positions == "learned":
            self.positions, self.max_length = LearnedPositions(self.dim, config.max_length), config.max_length
        elif config.positions == "sinusoidal":
            self.positions = SinusoidalPositions(self.dim)
        self.layers = nn.ModuleList(
            TransformerLayer(
                self.dim,
                config.num_heads,
                config.feedforward_dim,
                dropout=config.dropout,
                attention_dropout=config.attention_dropout,
                norm=config.norm,
                causal=config.causal,
            )
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(self.dim) if config.norm == "pre" else nn.Identity()
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)
        self.bfloat16_pays = self.dim >= 128  # 1.8 times float32 at 128; below, casts take what products gain
        self.keep_maps = False

    def forward(self, tokens: Tokens) -> Encoded:
        """Raises Problem for a text longer than learned positions."""
        layout = Layout(tokens)
        assert self.embedding is not None
        x = self.embedding(tokens.flat) * math.sqrt(self.dim)  # [N, D]
        if self.positions is not None:
            self._check_length(tokens)
            x = x + self.positions(layout.positions, tokens.width).to(x.dtype)
        x = layout.count_up(x)  # [M, D]
        maps: list[Tensor] = []
        for layer in self.layers:
            x, kept = layer(x, layout, self.keep_maps)
            if kept is not None:
                maps.append(kept)
        states = layout.pad(self.norm(x))  # [B, T, D]
        pooled = self.dropout(self.pool(states, tokens.mask))
        return Encoded(pooled, tokens.mask, states, {"attention": maps} if self.keep_maps else {})

    def _check_length(self, tokens: Tokens) -> None:
        if self.max_length is None or tokens.width <= self.max_length:
            return
        longest = int(tokens.lengths.max())
        if longest > self.max_length:
            raise Problem(
                "encoder.max_length",
                f"a text has {longest} units, and there are positions for {self.max_length}.",
                "Raise encoder.max_length, cut long texts, or set encoder.positions=sinusoidal.",
            )
