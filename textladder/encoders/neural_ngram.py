"""The neural n-gram model: the vectors of the last few units, side by side, and a hidden layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import PAD, UnitEmbedding
from textladder.layers.pooling import PoolingName, make_pooling
from textladder.layers.strip import counted_up
from textladder.ranges import Share, Size

Window = tuple[Tensor]  # [B, n - 2] the ids before the next one


class NeuralNgram(Encoder):
    """x = the vectors of the last n - 1 units, joined, the oldest first; the state is tanh(H x + d).

    A model of n-grams then predicts softmax(b + U tanh(H x + d)), equation 1 of the paper without its direct
    connections. With `direct`, a state is [tanh(H x + d); x]: the output layer that follows is linear, so
    that its rows are U and W of softmax(b + W x + U tanh(H x + d)), the whole equation. Where it is tied to
    the table of units, U and W are factors: rows of the table times a map of the state.

    Units before the beginning of the text are <pad>, whose vector is zero.
    """

    source = "Bengio et al. 2003, https://www.jmlr.org/papers/v3/bengio03a.html"
    causal = True
    pads = False
    embedding: UnitEmbedding
    reach: int

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        order: Size = 5  # n: predicts from n - 1 units
        embedding_dim: Size = 64
        hidden_dim: Size = 256
        direct: bool = False  # the vectors themselves are part of the state
        pooling: PoolingName = "max"
        embedding_dropout: Share = 0.1
        word_dropout: Share = 0.0  # share of units read as <unk> in training
        dropout: Share = 0.2  # on states and on the text's vector

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        if config.order < 2:
            raise Problem(
                "encoder.order",
                f"an order of {config.order} looks at no unit.",
                "Set it to 2 or more: one more than the units that a prediction sees.",
            )
        self.reach = config.order - 2
        self.embedding = UnitEmbedding(
            len(vocabulary), config.embedding_dim, config.embedding_dropout, config.word_dropout
        )
        joined = (config.order - 1) * config.embedding_dim
        self.hidden = nn.Linear(joined, config.hidden_dim)
        # So that sums are of size 1 at first: rows are not.
        nn.init.normal_(self.hidden.weight, std=joined**-0.5 / self.embedding.std)
        self.dim = config.hidden_dim + (joined if config.direct else 0)
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)
        self.bfloat16_pays = joined >= 256  # below, casts take what products gain

    def extra_repr(self) -> str:
        return f"sees {self.reach + 1} units, direct={self.config.direct}"

    def forward(self, tokens: Tokens) -> Encoded:
        x = self._states(self._windows(tokens))[: len(tokens.flat)]  # [N, D]

        def pooled() -> Tensor:
            vectors: Tensor = self.dropout(self.pool(tokens.pad(x), tokens.mask))
            return vectors

        return Encoded(pooled, lambda: tokens.mask, lambda: tokens.pad(self.dropout(x)))

    def _windows(self, tokens: Tokens) -> Tensor:
        """[M, n - 1] the ids that each unit sees, its own last; M is N, counted up (`counted_up`)."""
        flat, units = tokens.flat, len(tokens.flat)
        numbers = torch.arange(units, device=flat.device)
        position = numbers - tokens.offsets[:-1].repeat_interleave(tokens.lengths, output_size=units)
        windows = flat.new_full((counted_up(units), self.reach + 1), PAD)
        for column in range(self.reach + 1):
            back = min(self.reach - column, units)
            before = flat[: units - back].masked_fill(position[back:] < back, PAD)
            windows[back:units, column] = before
        return windows

    def _states(self, windows: Tensor) -> Tensor:
        """[M, n - 1] -> [M, D]"""
        x = self.embedding(windows).flatten(1)
        hidden = torch.tanh(self.hidden(x))
        return torch.cat([hidden, x.to(hidden.dtype)], -1) if self.config.direct else hidden

    def start(self, texts: int) -> Window:
        return (torch.full((texts, self.reach), PAD, device=self.embedding.weight.device),)

    def step(self, last: Tensor, state: Window) -> tuple[Tensor, Window]:
        window = torch.cat([*state, last[:, None]], 1)  # [B, n - 1]
        return self._states(window), (window[:, 1:],)
