"""A feed-forward net over the window of units around each unit: the window approach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.layers.convolution import Convolution
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.letters import LettersName, make_letters
from textladder.layers.pooling import PoolingName, make_pooling
from textladder.ranges import Share, Size


class Window(Encoder):
    """The vectors of `width` units side by side, the unit in their middle, and one hidden layer with ReLU: a
    hidden layer over a window is a convolution. With the unit's own vector beside it, so that what a word
    says by itself need not pass through the window."""

    source = "Collobert et al. 2011, https://www.jmlr.org/papers/v12/collobert11a.html"

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 64
        width: Size = 5  # units of a window
        hidden_dim: Size = 128
        pooling: PoolingName = "max"
        embedding_dropout: Share = 0.2
        word_dropout: Share = 0.05  # share of units read as <unk> in training
        dropout: Share = 0.2  # on states and on the text's vector
        letters: LettersName = "none"  # added to a unit's vector: what its letters say (`layers.letters`)

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        self.embedding = UnitEmbedding(
            len(vocabulary), config.embedding_dim, config.embedding_dropout, config.word_dropout
        )
        self.letters = make_letters(
            config.letters, config.embedding_dim, vocabulary, config.embedding_dropout
        )
        self.hidden = Convolution(config.embedding_dim, config.hidden_dim, config.width)
        # Rows are not of size 1: without this, what is learned first is to make them so.
        nn.init.normal_(
            self.hidden.weight, std=(config.embedding_dim * config.width) ** -0.5 / self.embedding.std / 2
        )
        self.own = nn.Linear(config.embedding_dim, config.hidden_dim, bias=False)
        self.dim = config.hidden_dim
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)

    def forward(self, tokens: Tokens) -> Encoded:
        assert self.embedding is not None
        x: Tensor = self.embedding(tokens.ids)  # [B, T, E]
        if self.letters is not None:
            x = x + tokens.pad(self.letters(tokens)).to(x.dtype)
        states = (self.hidden(x).relu() + self.own(x)) * tokens.mask[..., None]

        def pooled() -> Tensor:
            vectors: Tensor = self.dropout(self.pool(states, tokens.mask))
            return vectors

        return Encoded(pooled, tokens.mask, lambda: self.dropout(states))
