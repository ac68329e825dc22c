"""Ids to vectors, with the two dropouts that small data needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from textladder.layers import kernels
from textladder.layers.dropout import Dropout

PAD, UNKNOWN = 0, 1


class _Rows(torch.autograd.Function):
    """Rows [..., D] of a table, whose gradient is sparse: the rows that were read and no others, each once,
    rising, their gradients summed; that of padding left out."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.shape = table.shape
        return nn.functional.embedding(ids, table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (ids,) = ctx.saved_tensors
        entries, ones = ids.flatten().numpy(), np.ones(ids.numel(), np.float32)
        rows, places, _ = kernels.rank_rows(entries, np.array([0, len(entries)]), ctx.shape[0])
        gradient = gradients[0].reshape(-1, ctx.shape[1]).contiguous().numpy()
        sums = kernels.sum_spread(gradient, np.arange(len(entries) + 1), ones, places, len(rows))
        first = int(len(rows) > 0 and rows[0] == PAD)
        found, values = torch.from_numpy(rows[first:]), torch.from_numpy(sums[first:])
        return torch.sparse_coo_tensor(found[None], values, ctx.shape, check_invariants=False), None


class UnitEmbedding(nn.Embedding):
    """A vector per unit. Row 0 (<pad>) is zero and stays so.

    dropout: share of the vectors' values left out in training. word_dropout: share of units read as
    <unk> in training, so that a model has met unknown units before they come (after Iyyer et al. 2015,
    section 2.3). Rows start normally distributed with deviation `std`, by default about that of
    published word vectors, so that rows which a vector file does not fill are of the same size as
    those it does.

    sparse: the gradient is of the rows that were read. An optimizer with moments then leaves the other rows
    and their moments as they are, where a dense gradient, of zeros, lets them drift on.
    """

    def __init__(
        self,
        size: int,
        dim: int,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        *,
        std: float = 0.1,
        sparse: bool = False,
    ) -> None:
        self.std = std  # before nn.Embedding, whose constructor resets the rows
        super().__init__(max(size, UNKNOWN + 1), dim, padding_idx=PAD, sparse=sparse)
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout
        self.shared = False  # True: another module reads rows of it too
        # Called with the ids that are read next: an optimizer's, while it puts updates of rows off.
        self.before_reading: Callable[[Tensor], None] | None = None

    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, std=self.std)
        self._fill_padding_idx_with_zero()

    def table(self, ids: Tensor) -> tuple[Tensor, Tensor] | None:
        """The table, as `forward` would give all of its rows, and the ids to be read of it; None where it is
        not to be had as a whole: values left out at each place, rows that are read one by one."""
        if (self.training and self.dropout.rate) or self.sparse or self.before_reading is not None:
            return None
        return _as_autocast(self.weight), self._with_unknown(ids)

    def _with_unknown(self, ids: Tensor) -> Tensor:
        """`word_dropout`"""
        if not self.training or self.word_dropout == 0:
            return ids
        dropped = (torch.rand(ids.shape, device=ids.device) < self.word_dropout) & (ids != PAD)
        return ids.masked_fill(dropped, UNKNOWN)

    def rows(self, ids: Tensor) -> Tensor:
        """Ids of any shape -> that shape with D behind it, both dropouts done, in the table's type; zeros at
        padding."""
        ids, table = self._with_unknown(ids), self.weight
        if self.before_reading is not None:
            self.before_reading(ids)
        learns = torch.is_grad_enabled() and table.requires_grad
        if self.sparse and learns and table.device.type == "cpu" and table.dtype == torch.float32:
            vectors: Tensor = _Rows.apply(table, ids)
        else:
            vectors = super().forward(ids)
        dropped_out: Tensor = self.dropout(vectors)
        return dropped_out

    def forward(self, ids: Tensor) -> Tensor:
        """`rows` in autocast's type, if it is on: converted once, here, and not in every product."""
        return _as_autocast(self.rows(ids))


def _as_autocast(vectors: Tensor) -> Tensor:
    device = vectors.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        return vectors.to(torch.get_autocast_dtype(device))
    return vectors
