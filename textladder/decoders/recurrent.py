"""A recurrent decoder: GRU or LSTM, with attention to the source by any score, or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.decoders.decoder import Decoder
from textladder.errors import Problem
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.recurrent import RecurrentLayer
from textladder.layers.source_attention import ScoreName, SourceAttention, make_source_attention
from textladder.ranges import Share, Size
from textladder.search.state import State

CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentDecoder(Decoder):
    """A GRU or LSTM whose states look at the source.

    s_t = cell([y_{t-1}; f_{t-1}], s_{t-1});  c_t = attention of s_t to the source;
    the vector for unit t:  tanh(W [s_t; c_t; y_{t-1}])  (Luong et al. 2015, equation 5, with the last word).

    The first states are tanh(W p) of the source's pooled vector p, added to trained ones (Bahdanau et al.
    2015, appendix A.2.2). f is the vector of the unit before where `input_feeding` is on (Luong et al. 2015,
    section 3.3), else nothing: then all units of a text are computed at once in training.
    """

    source = (
        "Sutskever et al. 2014, https://arxiv.org/abs/1409.3215; "
        "Bahdanau et al. 2015, https://arxiv.org/abs/1409.0473; "
        "Luong et al. 2015, https://arxiv.org/abs/1508.04025"
    )
    sequential = True

    @dataclass(frozen=True)
    class Config(Decoder.Config):
        cell: Literal["gru", "lstm"] = "gru"
        embedding_dim: Size = 256  # also of the vectors that units are predicted from
        hidden_dim: Size = 256
        num_layers: int = 1
        attention: ScoreName | Literal["none"] = "additive"  # none: the source is one vector
        attention_dim: Size = 256  # of the small net that gives the additive score
        num_heads: int = 4  # of attention "multihead"
        input_feeding: bool = False  # the cell also reads the vector that the unit before was predicted from
        last_word: bool = True  # the vector that a unit is predicted from also knows the unit before
        dropout: Share = 0.2  # of units' vectors, between layers and of what units are predicted from

    def __init__(self, config: Config, units: int, memory_dim: int) -> None:
        super().__init__(config, units, memory_dim)
        if config.num_layers < 1:
            raise Problem(
                "decoder.num_layers", f"{config.num_layers} is not a number of layers.", "At least 1."
            )
        self.dim, hidden = config.embedding_dim, config.hidden_dim
        self.threads_pay = hidden >= 512
        self.own = UnitEmbedding(units, config.embedding_dim)
        fed = self.dim if config.input_feeding else 0
        dims = [config.embedding_dim + fed, *[hidden] * (config.num_layers - 1)]
        self.layers = nn.ModuleList(RecurrentLayer(CELLS[config.cell], dim, hidden, False) for dim in dims)
        states = 2 if config.cell == "lstm" else 1
        self.bridge = nn.Linear(memory_dim, config.num_layers * states * hidden)
        self.attention: SourceAttention | None = None
        if config.attention != "none":
            self.attention = make_source_attention(
                config.attention,
                hidden,
                memory_dim,
                hidden_dim=config.attention_dim,
                heads=config.num_heads,
            )
        self.attends = self.attention is not None
        context = self.attention.dim if self.attention is not None else 0
        words = config.embedding_dim if config.last_word else 0
        self.output = nn.Linear(hidden + context + words, self.dim)
        for linear in (self.bridge, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.dropout = Dropout(config.dropout)

    def forward(self, prefix: Tokens, memory: Encoded, maps: list[Tensor] | None = None) -> Tensor:
        words = self.dropout(self.rows(prefix.ids))  # [B, T, E]
        source, states = self._read(memory), self._first(memory)
        if self.config.input_feeding:
            return self._fed(words, source, states, maps)
        x = words
        for number, (layer, state) in enumerate(zip(self._stack, states, strict=True)):
            x, _ = layer.run(self.dropout(x) if number else x, state)
        return self._vectors(x, words, source, maps)

    def start(self, memory: Encoded) -> State:
        """(states [B, S, H] of each layer, the vector that is fed [B, D], keys, values and mask of the
        source)"""
        fed = memory.pooled.new_zeros(len(memory.pooled), self.dim)
        return self._first(memory), fed, self._read(memory)

    def step(self, last: Tensor, state: State, maps: list[Tensor] | None = None) -> tuple[Tensor, State]:
        states, fed, source = state
        words = self.dropout(self.rows(last))[:, None]  # [B, 1, E]
        seen = list[Tensor]()
        vectors, states = self._one(words, fed, source, states, None if maps is None else seen)
        if maps is not None:
            maps += [shares[:, :, 0] for shares in seen]
        return vectors, (states, vectors, source)

    @property
    def _stack(self) -> list[RecurrentLayer]:
        return cast(list[RecurrentLayer], list(self.layers))

    def _first(self, memory: Encoded) -> tuple[Tensor, ...]:
        """[B, S, H] of each layer."""
        bridged = torch.tanh(self.bridge(memory.pooled)).float()
        parts = bridged.view(len(bridged), len(self.layers), -1, self.config.hidden_dim).unbind(1)
        return tuple(part + layer.start(len(part)) for part, layer in zip(parts, self._stack, strict=True))

    def _read(self, memory: Encoded) -> tuple[Tensor, ...]:
        """Keys, values and mask of the source, each [B, S, ...]; nothing without attention."""
        return () if self.attention is None else (*self.attention.read(memory.states), memory.mask)

    def _vectors(
        self, x: Tensor, words: Tensor, source: tuple[Tensor, ...], maps: list[Tensor] | None
    ) -> Tensor:
        """States of the last layer and vectors of the units before [B, T, ...] -> [B, T, D]."""
        parts = [x]
        if self.attention is not None:
            contexts, shares = self.attention(x, *source)
            parts.append(contexts.to(x.dtype))
            if maps is not None:
                maps.append(shares)
        if self.config.last_word:
            parts.append(words.to(x.dtype))
        vectors: Tensor = torch.tanh(self.output(self.dropout(torch.cat(parts, -1))))
        return vectors

    def _one(
        self,
        words: Tensor,
        fed: Tensor,
        source: tuple[Tensor, ...],
        states: tuple[Tensor, ...],
        maps: list[Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """One unit: words [B, 1, E], fed [B, D] -> [B, D], and the states after it."""
        x, after = words[:, 0], []
        if self.config.input_feeding:
            x = torch.cat([x, fed.to(x.dtype)], -1)
        for number, (layer, state) in enumerate(zip(self._stack, states, strict=True)):
            after.append(layer.unit(self.dropout(x) if number else x, state))
            x = after[-1][:, 0]
        return self._vectors(x[:, None], words, source, maps)[:, 0], tuple(after)

    def _fed(
        self,
        words: Tensor,
        source: tuple[Tensor, ...],
        states: tuple[Tensor, ...],
        maps: list[Tensor] | None,
    ) -> Tensor:
        fed, vectors, seen = words.new_zeros(len(words), self.dim), [], list[Tensor]()
        for unit in words.split(1, 1):
            fed, states = self._one(unit, fed, source, states, seen if maps is not None else None)
            vectors.append(fed)
        if maps is not None and seen:
            maps.append(torch.cat(seen, 2))
        return torch.stack(vectors, 1)
