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


class Cnn(Encoder):
    """Parallel convolutions of several widths, ReLU, and max-over-time; CNN-rand of the paper unless word
    vectors fill the embedding. The state of a unit is what all filters say of the window around it;
    windows at the ends of a text see zeros beyond it, so that a text shorter than a window is no
    special case.
    """

    source = "Kim 2014, https://arxiv.org/abs/1408.5882"
    bfloat16_pays = True

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: int = 128
        windows: tuple[int, ...] = (3, 4, 5)
        num_filters: int = 100  # of each window
        pooling: PoolingName = "max"
        embedding_dropout: float = 0.2
        word_dropout: float = 0.0  # share of units read as <unk> in training
        dropout: float = 0.5  # on the text's vector

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        if not config.windows or min(config.windows) < 1:
            raise Problem(
                "encoder.windows", f"{config.windows} are not widths in units.", "For example [3, 4, 5]."
            )
        self.embedding = UnitEmbedding(
            len(vocabulary), config.embedding_dim, config.embedding_dropout, config.word_dropout
        )
        self.convolutions = nn.ModuleList(
            Convolution(config.embedding_dim, config.num_filters, width) for width in config.windows
        )
        self.dim = config.num_filters * len(config.windows)
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)

    def forward(self, tokens: Tokens) -> Encoded:
        assert self.embedding is not None
        x = self.embedding(tokens.ids)  # [B, T, E]
        features = [convolution(x) for convolution in self.convolutions]  # [B, T, K] each

        def states() -> Tensor:
            return torch.cat(features, -1).relu() * tokens.mask[..., None]  # [B, T, D]

        if (
            self.config.pooling == "max"
        ):  # ReLU grows, so it may come after the maximum, on T times fewer values
            pooled = torch.cat([maximum(part, tokens.mask) for part in features], -1).relu()
        else:
            pooled = self.pool(states(), tokens.mask)
        return Encoded(self.dropout(pooled), tokens.mask, states)
