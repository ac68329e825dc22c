"""Attention between a passage and a question, in both directions (BiDAF)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from textladder.layers.dropout import Dropout

FAR = -1e9  # a score that leaves no share in float32 nor bfloat16, and no NaN where all are so


class AttentionFlow(nn.Module):
    """Seo et al. 2017, https://arxiv.org/abs/1611.01603, section 2.4. With states h of the passage and u of
    the question, the similarity of two units is w . [h; u; h * u] (equation 1). Each unit of the passage
    gets the mean of the question's states that it is similar to (equation 2), and all get that of the
    passage's states that are similar to any of the question's (equation 3).

    forward: h [B, T, D], u [B, J, D] and their masks -> [B, T, 4D], [h; u~; h * u~; h * h~] of each unit of
    the passage (equation 4). A text without units gives zeros to the other.
    """

    def __init__(self, dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.passage, self.question = nn.Linear(dim, 1, bias=False), nn.Linear(dim, 1, bias=False)
        self.both = nn.Parameter(torch.empty(dim))
        nn.init.normal_(self.both, std=dim**-0.5)
        self.dropout = Dropout(dropout)

    def similarity(self, passage: Tensor, question: Tensor) -> Tensor:
        """[B, T, J], equation 1."""
        product = (passage * self.both) @ question.transpose(1, 2)
        return product + self.passage(passage) + self.question(question).transpose(1, 2)

    def shares(
        self, passage: Tensor, question: Tensor, known: Tensor, asked: Tensor
    ) -> tuple[Tensor, Tensor]:
        """[B, T, J] of the question's units for each of the passage's, and [B, T] of the passage's; known
        [B, T] and asked [B, J] are the masks."""
        similar = self.similarity(passage, question).float().masked_fill(~asked[:, None], FAR)
        most = similar.amax(2).masked_fill(~known, FAR)
        return similar.softmax(2), most.softmax(1)

    def forward(self, passage: Tensor, question: Tensor, known: Tensor, asked: Tensor) -> Tensor:
        passage, question = self.dropout(passage), self.dropout(question)
        of_question, of_passage = self.shares(passage, question, known, asked)
        attended = of_question.to(question.dtype) @ question  # [B, T, D]
        whole = of_passage.to(passage.dtype)[:, None] @ passage  # [B, 1, D]
        return torch.cat([passage, attended, passage * attended, passage * whole], -1)
