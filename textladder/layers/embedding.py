"""Ids to vectors, with the two dropouts that small data needs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from textladder.layers.dropout import Dropout

PAD, UNKNOWN = 0, 1


class UnitEmbedding(nn.Embedding):
    """A vector per unit. Row 0 (<pad>) is zero and stays so.

    dropout: share of the vectors' values left out in training. word_dropout: share of units read as
    <unk> in training, so that a model has met unknown units before they come (after Iyyer et al. 2015,
    section 2.3). Rows start normally distributed with deviation `std`, by default about that of
    published word vectors, so that rows which a vector file does not fill are of the same size as
    those it does.
    """

    def __init__(
        self, size: int, dim: int, dropout: float = 0.0, word_dropout: float = 0.0, std: float = 0.1
    ) -> None:
        self.std = std  # before nn.Embedding, whose constructor resets the rows
        super().__init__(max(size, UNKNOWN + 1), dim, padding_idx=PAD)
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)
        self._fill_padding_idx_with_zero()

    def forward(self, ids: Tensor) -> Tensor:
        """Ids of any shape -> that shape with D behind it; zeros at padding; in autocast's type, if it is
        on."""
        if self.training and self.word_dropout > 0:
            dropped = (torch.rand(ids.shape, device=ids.device) < self.word_dropout) & (ids != PAD)
            ids = ids.masked_fill(dropped, UNKNOWN)
        vectors, device = super().forward(ids), ids.device.type
        if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(
            device
        ):  # once, here, and not in every product that reads them
            vectors = vectors.to(torch.get_autocast_dtype(device))
        dropped_out: Tensor = self.dropout(vectors)
        return dropped_out
