"""Recurrent encoders: simple (Elman), LSTM, GRU; one or both directions, any number of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.pooling import PoolingName, first, last, make_pooling
from textladder.layers.recurrent import RecurrentLayer, reversal
from textladder.ranges import Share, Size


class RecurrentEncoder(Encoder):
    """What the three share. The state of a unit is the hidden state after it, of both directions if there
    are two.

    Pooling `last` takes each direction's own last state: after the last unit forwards, after the first
    backwards.
    """

    net: ClassVar[type[nn.RNNBase]]
    bfloat16_pays = True
    threads_pay = False  # each direction has one (`layers.together`)

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 128
        hidden_dim: Size = 128  # of each direction
        num_layers: int = 1
        bidirectional: bool = False
        pooling: PoolingName = "max"
        embedding_dropout: Share = 0.3
        word_dropout: Share = 0.05  # share of units read as <unk> in training
        dropout: Share = 0.3  # between layers and on the text's vector

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        if config.num_layers < 1:
            raise Problem(
                "encoder.num_layers", f"{config.num_layers} is not a number of layers.", "At least 1."
            )
        self.embedding = UnitEmbedding(
            len(vocabulary), config.embedding_dim, config.embedding_dropout, config.word_dropout
        )
        self.dim = config.hidden_dim * (2 if config.bidirectional else 1)
        self.causal = not config.bidirectional
        dims = [config.embedding_dim, *[self.dim] * (config.num_layers - 1)]
        self.layers = nn.ModuleList(
            RecurrentLayer(self.net, dim, config.hidden_dim, config.bidirectional, **self.net_options())
            for dim in dims
        )
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)

    def net_options(self) -> dict[str, str]:
        return {}

    def forward(self, tokens: Tokens) -> Encoded:
        order = reversal(tokens) if self.config.bidirectional else None
        assert self.embedding is not None
        x = self.embedding(tokens.ids)  # [B, T, E]
        for number, layer in enumerate(self.layers):
            x = layer(self.dropout(x) if number else x, order)  # [B, T, D]
        pooled = self.dropout(self._pooled(x, tokens.mask))
        return Encoded(pooled, tokens.mask, lambda: x * tokens.mask[..., None])

    def _pooled(self, x: Tensor, mask: Tensor) -> Tensor:
        if self.config.pooling == "last" and self.config.bidirectional:
            forward, backward = x.chunk(2, -1)
            return torch.cat([last(forward, mask), first(backward, mask)], -1)
        pooled: Tensor = self.pool(x, mask)
        return pooled


class Rnn(RecurrentEncoder):
    """h' = f(W x + U h + b)."""

    source = "Elman 1990, https://doi.org/10.1207/s15516709cog1402_1"
    net = nn.RNN
    bfloat16_pays = (
        False  # oneDNN has no fast path for it: 19 s an epoch where float32 takes 3 (AG News sample)
    )

    @dataclass(frozen=True)
    class Config(RecurrentEncoder.Config):
        activation: Literal["tanh", "relu"] = "tanh"

    def net_options(self) -> dict[str, str]:
        return {"nonlinearity": self.config.activation}


class Lstm(RecurrentEncoder):
    """Long short-term memory with a forget gate (Gers et al. 2000), without peepholes."""

    source = "Hochreiter and Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735"
    net = nn.LSTM


class Gru(RecurrentEncoder):
    """Gated recurrent unit, with the reset gate after the product, as cuDNN and torch have it."""

    source = "Cho et al. 2014, https://arxiv.org/abs/1406.1078"
    net = nn.GRU
