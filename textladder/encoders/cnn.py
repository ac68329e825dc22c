"""Windows of a few units, and the strongest answer of each filter over the text (Kim 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.convolution import Convolution
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.pooling import PoolingName, make_pooling, maximum
from textladder.layers.simd import registers_hold
from textladder.layers.windows import WindowMaxima, Windows
from textladder.ranges import Share, Size


class Cnn(Encoder):
    """Parallel convolutions of several widths, ReLU, and max-over-time; CNN-rand of the paper unless word
    vectors fill the embedding. The state of a unit is what all filters say of the window around it;
    windows at the ends of a text see zeros beyond it, so that a text shorter than a window is no
    special case.
    """

    source = "Kim 2014, https://arxiv.org/abs/1408.5882"
    embedding: UnitEmbedding

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 128
        windows: tuple[int, ...] = (3, 4, 5)
        num_filters: Size = 100  # of each window
        pooling: PoolingName = "max"
        embedding_dropout: Share = 0.2
        word_dropout: Share = 0.0  # share of units read as <unk> in training
        dropout: Share = 0.5  # on the text's vector

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        if not config.windows or min(config.windows) < 1:
            raise Problem(
                "encoder.windows", f"{config.windows} are not widths in units.", "For example [3, 4, 5]."
            )
        self.embedding = UnitEmbedding(
            len(vocabulary), config.embedding_dim, config.embedding_dropout, config.word_dropout
        )
        layers = [Convolution(config.embedding_dim, config.num_filters, width) for width in config.windows]
        self.convolutions, self.windows = nn.ModuleList(layers), Windows(layers)
        self.dim = config.num_filters * len(config.windows)
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)
        self.threads_pay = config.pooling != "max"  # `WindowMaxima` shares itself out

    @property
    def bfloat16_pays(self) -> bool:  # type: ignore[override]
        """False where `WindowMaxima` keeps its answers in registers, which only AMX's products outrun."""
        return self.pads or not registers_hold() or torch.cpu._is_amx_tile_supported()

    @property
    def pads(self) -> bool:  # type: ignore[override]
        """False where `WindowMaxima` can do the work."""
        weight = self.convolutions[0].weight
        return not (
            self.config.pooling == "max" and weight.device.type == "cpu" and weight.dtype == torch.float32
        )

    def forward(self, tokens: Tokens) -> Encoded:
        if self.pads:
            features = self._features(tokens)
            pooled = self._pool(features, tokens)
            return Encoded(self.dropout(pooled), tokens.mask, lambda: self._states(features, tokens))
        # Chosen before, so that what is left out need not be computed.
        kept = self.dropout(torch.ones(len(tokens), self.dim)) if self.training else None  # [B, D]
        pooled = self._maxima(tokens, kept).relu()

        def states() -> Tensor:
            return self._states(self._features(tokens), tokens)

        return Encoded(pooled if kept is None else pooled * kept, lambda: tokens.mask, states)

    def _features(self, tokens: Tokens) -> list[Tensor]:
        """[B, T, K] of each width."""
        x = self.embedding(tokens.ids)  # [B, T, E]
        return [convolution(x) for convolution in self.convolutions]

    @staticmethod
    def _states(features: list[Tensor], tokens: Tokens) -> Tensor:
        return torch.cat(features, -1).relu() * tokens.mask[..., None]  # [B, T, D]

    def _pool(self, features: list[Tensor], tokens: Tokens) -> Tensor:
        if self.config.pooling == "max":  # ReLU grows, so it may come after, on T times fewer values
            return torch.cat([maximum(part, tokens.mask) for part in features], -1).relu()
        pooled: Tensor = self.pool(self._states(features, tokens), tokens.mask)
        return pooled

    def _maxima(self, tokens: Tokens, kept: Tensor | None) -> Tensor:
        """[B, D] largest value of each filter over the text, before ReLU; of no meaning where kept [B, D] is
        zero."""
        ids, starts, stops = self.windows.spread(tokens)
        x = self.embedding.rows(ids)  # [M + R - 1, E]
        weights = [convolution.weight for convolution in self.convolutions]
        biases = [convolution.bias for convolution in self.convolutions]
        largest: Tensor = WindowMaxima.apply(x, self.windows, starts, stops, kept, *weights, *biases)
        return largest
