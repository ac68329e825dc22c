"""From what an encoder says of a passage and of a question to the scores of the answer's first and last
token.

Bi-directional attention flow (`layers.attention_flow`), a modelling layer over the passage, and pointers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from textladder.batch import Tokens
from textladder.layers.attention_flow import FAR, AttentionFlow
from textladder.layers.convolution import ResidualBlock
from textladder.layers.dropout import Dropout
from textladder.layers.pooling import AttentionPooling, maximum
from textladder.layers.recurrent import RecurrentLayer, reversal
from textladder.ranges import Share, Size

WIDTH, DILATIONS = 3, (1, 2, 4)  # of the convolutions of a modelling layer: a view of 15 tokens


class Pointed(NamedTuple):
    """Scores in float32. start, end: [B, T], FAR where there is no token; none: [B, 2] that there is no
    answer, for the first and for the last place, or None."""

    start: Tensor
    end: Tensor
    none: Tensor | None


class SpanReader(nn.Module):
    """The part of a model of answers that begins where encoding ends.

    After Seo et al. 2017, sections 2.4 to 2.6, with these changes. What comes of the flow is made narrow
    by a layer with ReLU (Clark and Gardner 2018, https://arxiv.org/abs/1710.10723, section 3). The
    passage's tokens bring features of their own (`features` numbers each) into the modelling layer, such
    as whether the question has the word (Chen et al. 2017, https://arxiv.org/abs/1704.00051, section
    3.2). The question as one vector, a mean by learned shares (same section, p. 4), stands beside each
    token. The modelling layer for the first token and that for the last, which reads the former's output,
    may also be convolutions (Yu et al. 2018, https://arxiv.org/abs/1804.09541).

    answerable: False where some questions have no answer: that has a score of its own (Levy et al. 2017,
    https://aclanthology.org/K17-1034, section 4), from the modelling layer and the question.
    """

    @dataclass(frozen=True)
    class Config:
        modelling: Literal["none", "lstm", "convolution"] = "lstm"  # reads the passage after both have met
        modelling_dim: Size = 64  # of each direction of an LSTM; of convolutions
        dropout: Share = 0.3  # before each layer

    def __init__(self, config: Config, dim: int, features: int, answerable: bool = True) -> None:
        super().__init__()
        self.flow = AttentionFlow(dim)
        self.pool = AttentionPooling(dim)
        self.dropout = Dropout(config.dropout)
        narrow = config.modelling_dim
        self.narrow = nn.Linear(5 * dim + features, narrow)
        self.first, read = _modelling(config, narrow)
        self.second, _ = _modelling(config, read)
        self.start, self.end = (nn.Linear(narrow + read, 1, bias=False) for _ in range(2))
        self.none = None if answerable else nn.Linear(read + dim, 2)

    def forward(
        self, passage: Tensor, question: Tensor, asked: Tensor, features: Tensor, layout: Tokens
    ) -> Pointed:
        """passage [B, T, D] and features [B, T, F] of its tokens, which `layout` counts; question [B, J, D]
        with its mask [B, J]."""
        known = layout.mask
        flowed = self.flow(passage, question, known, asked)
        wanted = self.pool(question, asked)  # [B, D]
        met = torch.cat([flowed, passage * wanted[:, None], features.to(flowed.dtype)], -1)
        met = self.narrow(self.dropout(met)).relu()
        order = reversal(layout)
        read = _masked(self.first(self.dropout(met), layout, order), known)
        last = self.second(self.dropout(read), layout, order)
        start = self._scores(self.start, met, read, known)
        end = self._scores(self.end, met, last, known)
        if self.none is None:
            return Pointed(start, end, None)
        said = self.none(torch.cat([maximum(read, known), wanted.to(read.dtype)], -1))
        return Pointed(start, end, said.float())

    def _scores(self, pointer: nn.Module, met: Tensor, read: Tensor, known: Tensor) -> Tensor:
        scores: Tensor = pointer(self.dropout(torch.cat([met, read], -1))).squeeze(-1).float()
        return scores.masked_fill(~known, FAR)


class _Lstm(nn.Module):
    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.layer = RecurrentLayer(nn.LSTM, dim, hidden_dim, bidirectional=True)

    def forward(self, x: Tensor, layout: Tokens, order: Tensor | None) -> Tensor:
        states: Tensor = self.layer(x, order)
        return states


class _Convolutions(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            ResidualBlock(dim, WIDTH, dilation, dropout=0.0, causal=False) for dilation in DILATIONS
        )

    def forward(self, x: Tensor, layout: Tokens, order: Tensor | None) -> Tensor:
        mask = layout.mask[..., None]
        for block in self.blocks:
            x = block(x, mask)
        return x


class _None(nn.Module):
    def forward(self, x: Tensor, layout: Tokens, order: Tensor | None) -> Tensor:
        return x


def _modelling(config: SpanReader.Config, dim: int) -> tuple[nn.Module, int]:
    """A layer [B, T, D] -> [B, T, R], and R."""
    if config.modelling == "lstm":
        return _Lstm(dim, config.modelling_dim), 2 * config.modelling_dim
    if config.modelling == "convolution":
        return _Convolutions(dim), dim
    return _None(), dim


def _masked(states: Tensor, mask: Tensor) -> Tensor:
    return states * mask[..., None]
