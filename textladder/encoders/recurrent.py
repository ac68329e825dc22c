"""Recurrent encoders: simple (Elman), LSTM, GRU; one or both directions, any number of layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from textladder.batch import Carry, Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.letters import LettersName, make_letters
from textladder.layers.locked import LockedDropout, UnitDropout
from textladder.layers.memory import Memory
from textladder.layers.pooling import PoolingName, first, last, make_pooling
from textladder.layers.recurrent import WIDE, RecurrentLayer, reversal
from textladder.ranges import Share, Size


class RecurrentEncoder(Encoder):
    """What the three share. The state of a unit is the hidden state after it, of both directions if there
    are two.

    Pooling `last` takes each direction's own last state: after the last unit forwards, after the first
    backwards.
    """

    net: ClassVar[type[nn.RNNBase]]
    bfloat16_pays = True
    predict_units = 2048  # gates of more texts do not stay in the cache: half the rate (benchmarks/NOTES.md)

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
        output_dropout: Share = 0.0  # on the states of the last layer
        weight_dropout: Share = 0.0  # of the weights from state to state, one choice for a batch
        unit_dropout: Share = 0.0  # of the rows of the embedding: all vectors of a unit in a batch
        locked: bool = False  # each of the other dropouts leaves out the same values at all units of a text
        letters: LettersName = "none"  # added to a unit's vector: what its letters say (`layers.letters`)

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        if config.num_layers < 1:
            raise Problem(
                "encoder.num_layers", f"{config.num_layers} is not a number of layers.", "At least 1."
            )
        self.embedding = UnitEmbedding(
            len(vocabulary),
            config.embedding_dim,
            0.0 if config.locked else config.embedding_dropout,
            config.word_dropout,
        )
        self.letters = make_letters(
            config.letters, config.embedding_dim, vocabulary, config.embedding_dropout
        )
        self.dim = config.hidden_dim * (2 if config.bidirectional else 1)
        self.causal = self.carries = not config.bidirectional
        dims = [config.embedding_dim, *[self.dim] * (config.num_layers - 1)]
        self.layers = nn.ModuleList(
            RecurrentLayer(
                self.net,
                dim,
                config.hidden_dim,
                config.bidirectional,
                config.weight_dropout,
                **self.net_options(),
            )
            for dim in dims
        )
        # A narrow direction has one thread (`layers.together`), wide layers share themselves out.
        self.threads_pay = self.causal and config.hidden_dim >= WIDE
        self.dropout = Dropout(config.dropout)
        kind = LockedDropout if config.locked else Dropout
        self.before = LockedDropout(config.embedding_dropout if config.locked else 0.0)
        self.between, self.after = kind(config.dropout), kind(config.output_dropout)
        self.units = UnitDropout(config.unit_dropout, len(self.embedding.weight))
        self.memory = Memory()
        self.pool = make_pooling(config.pooling, self.dim)

    def net_options(self) -> dict[str, str]:
        return {}

    def forward(self, tokens: Tokens) -> Encoded:
        x = self._through(tokens) if tokens.carry is None else self._carried(tokens, tokens.carry)

        def states() -> Tensor:
            dropped: Tensor = self.after(x)
            return dropped if tokens.full else dropped * tokens.mask[..., None]

        return Encoded(lambda: self.dropout(self._pooled(x, tokens)), lambda: tokens.mask, states)

    @property
    def _stack(self) -> list[RecurrentLayer]:
        return cast(list[RecurrentLayer], list(self.layers))

    def _spelled(self, tokens: Tokens) -> Tensor | None:
        """[B, T, E] what letters say, if they are asked."""
        return None if self.letters is None else tokens.pad(self.letters(tokens))

    def _embedded(self, ids: Tensor, spelled: Tensor | None = None) -> Tensor:
        """ids [B, T]; spelled [B, T, E]: what letters say."""
        assert self.embedding is not None
        x: Tensor = self.embedding(ids)
        if self.training:
            x = self.units(x, ids)
        if spelled is not None:
            x = x + spelled.to(x.dtype)
        if self.training:
            x = self.before(x)
        return x  # [B, T, E]

    def _table(self, ids: Tensor) -> tuple[Tensor, Tensor] | None:
        """The vectors of ids [B, T] as a table [V, E] and what is read of it, for a first layer that gains by
        it; None where values are left out anew at each place."""
        assert isinstance(self.embedding, UnitEmbedding)
        if self.letters is not None or self.before.leaves_out:
            return None
        if not self._stack[0].reads_tables(self.embedding.weight, ids):
            return None
        if self.units.leaves_out and self.embedding.word_dropout:  # of the unit, not of <unk>
            return None
        found = self.embedding.table(ids)
        return None if found is None else (self.units.of_table(found[0]), found[1])

    def _through(self, tokens: Tokens) -> Tensor:
        x = self._embedded(tokens.ids, self._spelled(tokens))
        order = reversal(tokens) if self.config.bidirectional else None
        for number, layer in enumerate(self._stack):
            x = layer(self.between(x) if number else x, order)
        return x  # [B, T, D]

    def _carried(self, tokens: Tokens, carry: Carry) -> Tensor:
        """[B, T, D] From the states that the lanes were left in, and leave them in those after."""
        assert self.memory is not None
        initial = torch.stack([layer.initial[0, :, 0] for layer in self._stack])  # [layers, S, H]
        states = self.memory.read(carry, initial)  # [B, layers, S, H]
        # A shorter text that is not fresh ends its document: nothing reads its state.
        lengths = None
        if bool((early := carry.fresh & (tokens.lengths < tokens.width)).any()):
            lengths = tokens.lengths.where(early, tokens.lengths.new_tensor(tokens.width))
        x, ids = self._table(tokens.ids) or (self._embedded(tokens.ids, self._spelled(tokens)), None)
        ends = []
        for number, layer in enumerate(self._stack):
            given = (self.between(x), None) if number else (x, ids)
            x, end = layer.run(given[0], states[:, number], lengths, given[1])
            ends.append(end)
        self.memory.write(carry, torch.stack(ends, 1))
        return x

    def start(self, texts: int) -> tuple[Tensor, ...]:
        """A state [B, S, H] per layer: S is 2 for hidden state and cell of an LSTM, else 1."""
        return tuple(layer.start(texts) for layer in self._stack)

    def step(self, last: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        spelled = None if self.letters is None else self.letters.of(self.letters.spelling[last])[:, None]
        x, after = self._embedded(last[:, None], spelled), []  # [B, 1, E]
        for number, (layer, before) in enumerate(zip(self._stack, state, strict=True)):
            x, end = layer.run(self.between(x) if number else x, before)
            after.append(end)
        return self.after(x)[:, 0], tuple(after)

    def _pooled(self, x: Tensor, tokens: Tokens) -> Tensor:
        if self.config.pooling == "max" and tokens.full and not torch.is_grad_enabled():
            return x.amax(1)  # of one text: no mask to be made, no places to be kept
        mask = tokens.mask
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
