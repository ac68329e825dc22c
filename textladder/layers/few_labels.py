"""Softmax over few labels, for steps so short that twenty operations of torch take longer than their work:
product, loss and all gradients in one compiled pass over the texts, in float32 also under autocast."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from textladder.layers.short_attention import any_order

MOST = 1 << 10  # weights of the layer: above, the products are better left to torch


def suits(vectors: Tensor, output: nn.Linear) -> bool:
    """Whether `linear_cross_entropy` can and should be used."""
    parts = vectors, output.weight, output.bias
    plain = all(part.device.type == "cpu" and part.dtype == torch.float32 for part in parts)
    return plain and output.weight.numel() <= MOST


def linear_cross_entropy(vectors: Tensor, output: nn.Linear, target: Tensor) -> Tensor:
    """`F.cross_entropy(output(vectors), target, reduction="sum")`: vectors [B, D], target [B]."""
    total: Tensor = _LinearCrossEntropy.apply(vectors, output.weight, output.bias, target)
    return total


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *parts: Tensor) -> Tensor:
        arrays = [part.detach().contiguous().numpy() for part in parts]
        total, *gradients = _pass(*arrays)
        ctx.gradients = [torch.from_numpy(gradient) for gradient in gradients]
        return torch.tensor(total, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> Any:
        factor = float(upstream[0])
        return *(gradient * factor for gradient in ctx.gradients), None


@any_order
def _pass(
    vectors: NDArray[np.float32],
    weight: NDArray[np.float32],
    bias: NDArray[np.float32],
    target: NDArray[np.int64],
) -> tuple[float, NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The sum of -log softmax(weight . vector + bias)[target], and its gradients of the first three."""
    of_vectors, of_weight, of_bias = np.zeros_like(vectors), np.zeros_like(weight), np.zeros_like(bias)
    labels, dim, total = len(bias), vectors.shape[1], 0.0
    shares = np.empty(labels, np.float32)
    for b in range(len(target)):
        for label in range(labels):
            logit = bias[label]
            for d in range(dim):
                logit += weight[label, d] * vectors[b, d]
            shares[label] = logit
        highest = shares.max()
        right, whole = shares[target[b]] - highest, np.float32(0)
        for label in range(labels):
            shares[label] = np.exp(shares[label] - highest)
            whole += shares[label]
        total += np.log(whole) - right
        for label in range(labels):
            slope = shares[label] / whole - np.float32(label == target[b])
            of_bias[label] += slope
            for d in range(dim):
                of_vectors[b, d] += slope * weight[label, d]
                of_weight[label, d] += slope * vectors[b, d]
    return total, of_vectors, of_weight, of_bias
