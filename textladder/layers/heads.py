"""From a text's vector to one number per label."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from textladder.errors import Problem
from textladder.layers.dropout import Dropout


class Head(nn.Module):
    """Dropout, then a linear map; with `hidden_dim` a hidden layer with ReLU and dropout before it."""

    def __init__(self, dim: int, outputs: int, hidden_dim: int | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.hidden = None if hidden_dim is None else nn.Linear(dim, hidden_dim)
        self.output = nn.Linear(dim if hidden_dim is None else hidden_dim, outputs)

    def forward(self, vectors: Tensor) -> Tensor:
        """[B, D] -> [B, L]"""
        if self.hidden is not None:
            vectors = self.hidden(self.dropout(vectors)).relu()
        return self.output(self.dropout(vectors))


def in_float32(head: nn.Module, vectors: Tensor) -> Tensor:
    """`head(vectors)`, in float32 also under autocast: a head is small, and probabilities need the digits."""
    if not torch.is_autocast_enabled(vectors.device.type):
        scores: Tensor = head(vectors)
        return scores
    with torch.autocast(vectors.device.type, enabled=False):
        scores = head(vectors.float())
        return scores


def make_head(kind: str, dim: int, outputs: int, hidden_dim: int, dropout: float) -> nn.Module:
    """ "linear", "mlp", or "none": the vector is the logits already. Raises Problem when "none" cannot be."""
    if kind != "none":
        return Head(dim, outputs, hidden_dim if kind == "mlp" else None, dropout)
    if dim != outputs:
        raise Problem(
            "task.head",
            f"with the head 'none' the encoder's {dim} numbers are the scores of {outputs} labels.",
            f"Set the encoder's width to {outputs}, or task.head=linear.",
        )
    return Dropout(dropout)
