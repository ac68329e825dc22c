"""Residual blocks of dilated convolutions with layer norm: a wide view from few, cheap layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.convolution import ResidualBlock
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.letters import LettersName, make_letters
from textladder.layers.pooling import PoolingName, make_pooling
from textladder.layers.strip import Strip
from textladder.ranges import Share, Size


class ResidualCnn(Encoder):
    """Blocks with dilation 1, 2, 4, ...: each unit sees `receptive_field` units, twice as many per block.

    Residual dilated convolution as in Bai et al. 2018, with the norm first (He et al. 2016, "Identity
    mappings") and layer norm (Ba et al. 2016), which, unlike batch norm, does not let a text's vector
    depend on its batch.
    """

    source = "Bai et al. 2018, https://arxiv.org/abs/1803.01271; Strubell et al. 2017, https://arxiv.org/abs/1702.02098"
    bfloat16_pays = True

    @dataclass(frozen=True)
    class Config(Encoder.Config):
        embedding_dim: Size = 128  # also of every block
        num_layers: int = 3  # dilation doubles with each
        window: Size = 3
        causal: bool = False  # a unit sees none after it
        pooling: PoolingName = "max"
        embedding_dropout: Share = 0.3
        word_dropout: Share = 0.05  # share of units read as <unk> in training
        dropout: Share = 0.2  # in each block and on the text's vector
        letters: LettersName = "none"  # added to a unit's vector: what its letters say (`layers.letters`)

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary)
        if config.num_layers < 1 or config.window < 1:
            raise Problem(
                "encoder",
                f"{config.num_layers} layers with a window of {config.window}.",
                "Both are at least 1.",
            )
        self.dim, self.causal = config.embedding_dim, config.causal
        self.embedding = UnitEmbedding(
            len(vocabulary), self.dim, config.embedding_dropout, config.word_dropout
        )
        self.letters = make_letters(config.letters, self.dim, vocabulary, config.embedding_dropout)
        blocks = [
            ResidualBlock(self.dim, config.window, 2**number, config.dropout, config.causal)
            for number in range(config.num_layers)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.gap = max(max(b.convolution.before, b.convolution.after) for b in blocks)
        self.norm = nn.LayerNorm(self.dim)
        self.dropout = Dropout(config.dropout)
        self.pool = make_pooling(config.pooling, self.dim)

    @property
    def receptive_field(self) -> int:
        """How many units a state depends on: 1 + (window - 1)(1 + 2 + 4 + ...)."""
        return 1 + (self.config.window - 1) * (2**self.config.num_layers - 1)

    def extra_repr(self) -> str:
        return f"receptive_field={self.receptive_field} units, causal={self.causal}"

    def forward(self, tokens: Tokens) -> Encoded:
        assert self.embedding is not None
        spelled = None if self.letters is None else self.letters(tokens)  # [N, D]
        if self.gap * len(tokens) > len(tokens.flat):  # texts are short for what would be between them
            states = self._states(tokens.ids, tokens.mask, spelled, tokens.pad)
        else:
            strip = Strip(tokens, self.gap)
            real = torch.ones_like(tokens.flat, dtype=torch.bool)
            states = self._states(strip.spread(tokens.flat), strip.spread(real), spelled, strip.spread)
            states = strip.pad(states)
        return Encoded(lambda: self.dropout(self.pool(states, tokens.mask)), tokens.mask, states)

    def _states(
        self, ids: Tensor, mask: Tensor, spelled: Tensor | None, laid: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """[R, W] -> [R, W, D], zeros where mask is False. laid: puts what letters say [N, D] in its place."""
        assert self.embedding is not None
        x, mask = self.embedding(ids), mask[..., None]
        if spelled is not None:
            x = x + laid(spelled).to(x.dtype)
        for block in self.blocks:
            x = block(x, mask)
        states: Tensor = self.norm(x) * mask
        return states
