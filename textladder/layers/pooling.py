"""From a vector per unit to one per text. Padding never counts; the vector of an empty text is zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.errors import Problem, suggest
from textladder.layers.halves import kernel

PoolingName = Literal["mean", "max", "last", "first", "attention"]


def mean(states: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D], [B, T] -> [B, D] mean over the units of each text."""
    weights = mask.to(states.dtype) / mask.sum(1, keepdim=True).clamp(min=1)
    return _weighted(states, weights)


@kernel
def mean_rows(rows: Any, offsets: Any, means: Any) -> None:
    """rows [N, D], texts at offsets [B + 1] -> means [B, D], zero for texts without units. (torch's
    segment_reduce took ten times as long.)"""
    for b in range(len(means)):
        mean = means[b]
        mean[:] = 0
        for i in range(offsets[b], offsets[b + 1]):
            row = rows[i]
            for d in range(len(mean)):
                mean[d] += row[d]
        share = np.float32(1 / max(offsets[b + 1] - offsets[b], 1))
        for d in range(len(mean)):
            mean[d] *= share


class _FlatMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: Tensor, offsets: Tensor) -> Tensor:
        ctx.lengths = offsets.diff()
        means = states.new_empty(len(ctx.lengths), states.shape[1])
        mean_rows(states.detach().contiguous().numpy(), offsets.numpy(), means.numpy())
        return means

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        shares = gradient / ctx.lengths.clamp(min=1)[:, None]
        return shares.repeat_interleave(ctx.lengths, 0), None


def flat_mean(states: Tensor, offsets: Tensor) -> Tensor:
    """`mean` of flat units [N, D] of texts at offsets [B + 1] -> [B, D]; float32 on the processor."""
    found: Tensor = _FlatMean.apply(states, offsets)
    return found


class _Largest(torch.autograd.Function):
    """[B, T, D] -> [B, D]. Its gradient goes to one place of each feature, where that of `amax` compares
    all values with the largest again and shares between equals, which took longer than a convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        image = x.transpose(1, 2).unsqueeze(2)  # [B, D, 1, T], in memory still [B, T, D]
        largest, places = F.max_pool2d(image, (1, x.shape[1]), return_indices=True)
        ctx.save_for_backward(places.flatten(1))
        ctx.shape = x.shape
        return largest.flatten(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (places,) = ctx.saved_tensors  # [B, D]
        texts, width, dim = ctx.shape
        rows = torch.arange(texts, device=places.device)[:, None] * width + places
        spread = gradient.new_zeros(texts * width * dim)
        spread[(rows * dim + torch.arange(dim, device=places.device)).flatten()] = gradient.flatten()
        return spread.view(ctx.shape)


def maximum(states: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D], [B, T] -> [B, D] the largest value of each feature."""
    if mask.device.type == "cpu" and mask.all():  # elsewhere, asking would wait for the device
        return _Largest.apply(states)
    lowest = torch.zeros_like(mask, dtype=states.dtype).masked_fill_(~mask, torch.finfo(states.dtype).min)
    largest: Tensor = _Largest.apply(states + lowest[..., None])
    return largest * mask.any(1, keepdim=True)


def first(states: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D], [B, T] -> [B, D] the first unit's vector."""
    return states[:, 0] * mask[:, :1]


def last(states: Tensor, mask: Tensor) -> Tensor:
    """[B, T, D], [B, T] -> [B, D] the last unit's vector."""
    lengths = mask.sum(1)
    rows = torch.arange(len(states), device=states.device)
    return states[rows, (lengths - 1).clamp(min=0)] * (lengths > 0)[:, None]


def _weighted(states: Tensor, weights: Tensor) -> Tensor:
    return torch.bmm(weights[:, None].to(states.dtype), states).squeeze(1)  # [B, 1, T] x [B, T, D] -> [B, D]


class AttentionPooling(nn.Module):
    """A learned weight per unit: softmax of u . tanh(W h + b) over the text (Yang et al. 2016, equations
    5-7)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim, dim)
        self.score = nn.Linear(dim, 1, bias=False)

    def weights(self, states: Tensor, mask: Tensor) -> Tensor:
        """[B, T] shares of each unit; zero at padding."""
        scores = self.score(torch.tanh(self.hidden(states))).squeeze(-1).float()
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        return scores.softmax(1) * mask  # the product: a text with no unit has no weight anywhere

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        return _weighted(states, self.weights(states, mask))


class _Fixed(nn.Module):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        return self.function(states, mask)


_FIXED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": mean,
    "max": maximum,
    "last": last,
    "first": first,
}


def make_pooling(name: PoolingName, dim: int) -> nn.Module:
    """A module (states [B, T, D], mask [B, T]) -> [B, D]. Values of states at padding do not matter if
    finite. Raises Problem for an unknown name."""
    if name == "attention":
        return AttentionPooling(dim)
    if name not in _FIXED:
        raise Problem("encoder.pooling", f"{name!r} is unknown.", suggest(name, [*_FIXED, "attention"]))
    return _Fixed(_FIXED[name])
