"""One more unit of each text through all Transformer layers, as one compiled loop (numba).

With a cache a unit is a dozen products of a vector with a matrix per layer. Written in torch, calling the
operations takes several times as long as the operations (benchmarks/NOTES.md).
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from textladder.layers.halves import exponential
from textladder.layers.short_attention import any_order, largest, product_total, total

F32 = NDArray[np.float32]

LARGEST = 1 << 24  # numbers of all layers; above, the products are what takes the time
ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
ACTIVATIONS = ("gelu", "gelu_tanh", "relu")  # by number
GELU, GELU_TANH = 0, 1
ROOT_HALF, SLOPE, CUBE = np.float32(0.5**0.5), np.float32(2 * (2 / np.pi) ** 0.5), np.float32(0.044715)
# erf to 1.5e-7: Abramowitz and Stegun 1964, 7.1.26
P, A1, A2 = np.float32(0.3275911), np.float32(0.254829592), np.float32(-0.284496736)
A3, A4, A5 = np.float32(1.421413741), np.float32(-1.453152027), np.float32(1.061405429)


def packed(layers: Iterable[Any]) -> F32:
    """Of each `TransformerLayer`, in float32 on the processor: [layers, numbers], a copy of all weights in
    the order in which `one_unit` reads them. A bias that a layer does not have is zero."""
    rows = []
    for layer in layers:
        parts = []
        for part in (
            layer.attention_norm,
            layer.attention.projection,
            layer.attention.output,
            layer.feedforward_norm,
            layer.widen,
            layer.narrow,
        ):
            bias = part.weight.new_zeros(len(part.weight)) if part.bias is None else part.bias
            parts += [part.weight.flatten(), bias]
        rows.append(torch.cat(parts))
    return torch.stack(rows).detach().numpy()


@any_order
def norm(x: F32, weights: F32, normed: F32, epsilon: np.float32) -> None:
    """x [B, D] -> normed [B, D]; weights: gains, then biases."""
    dim = x.shape[1]
    gain, bias = weights[:dim], weights[dim:]
    for b in range(len(x)):
        source, target = x[b], normed[b]
        mean = total(source) / np.float32(dim)
        for c in range(dim):
            target[c] = source[c] - mean
        scale = ONE / np.sqrt(product_total(target, target) / np.float32(dim) + epsilon)
        for c in range(dim):
            target[c] = target[c] * scale * gain[c] + bias[c]


@any_order
def linear(x: F32, weights: F32, y: F32, add: bool) -> None:
    """x [B, n] -> y [B, m], or added to it; weights: the matrix [m, n], then biases."""
    wide, narrow = y.shape[1], x.shape[1]
    matrix, bias = weights[: wide * narrow].reshape((wide, narrow)), weights[wide * narrow :]
    for r in range(wide):
        row = matrix[r]
        for b in range(len(x)):
            value = product_total(row, x[b]) + bias[r]
            y[b, r] = y[b, r] + value if add else value


@any_order
def attend(joint: F32, known: F32, at: int, heads: int, shares: F32, mixed: F32) -> None:
    """Queries, keys, values [3D] of a text's unit `at` -> mixed [D]; known [C, 2D] gets its key and value."""
    dim = len(mixed)
    d = dim // heads
    known[at] = joint[dim:]
    scale = ONE / np.sqrt(np.float32(d))
    for h in range(heads):
        first = h * d
        query, share, mix = joint[first : first + d], shares[: at + 1], mixed[first : first + d]
        for j in range(at + 1):
            share[j] = product_total(query, known[j, first : first + d])
        highest = largest(share)
        for j in range(at + 1):
            share[j] = exponential((share[j] - highest) * scale)
        part = ONE / total(share)
        mix[:] = ZERO
        for j in range(at + 1):
            value, weight = known[j, dim + first : dim + first + d], share[j] * part
            for c in range(d):
                mix[c] += weight * value[c]


@any_order
def activate(x: F32, activation: int) -> None:
    """One of ACTIVATIONS, in place, of x [n]."""
    if activation == GELU_TANH:  # x sigmoid(2 u)
        for c in range(len(x)):
            u = SLOPE * (x[c] + CUBE * x[c] * x[c] * x[c])
            e = exponential(-abs(u))
            x[c] = x[c] * (ONE if u >= ZERO else e) / (ONE + e)
    elif activation == GELU:  # x (1 + erf(x / sqrt(2))) / 2
        for c in range(len(x)):
            u = abs(x[c]) * ROOT_HALF
            t = ONE / (ONE + P * u)
            tail = t * (A1 + t * (A2 + t * (A3 + t * (A4 + t * A5)))) * exponential(-u * u) * HALF
            x[c] = x[c] * (ONE - tail if x[c] >= ZERO else tail)
    else:
        for c in range(len(x)):
            x[c] = x[c] if x[c] > ZERO else ZERO


@any_order
def one_unit(
    x: F32,
    known: F32,
    at: int,
    weights: F32,
    heads: int,
    hidden: int,
    pre: bool,
    activation: int,
    epsilon: np.float32,
) -> None:
    """Unit `at` of each text through all layers: x [B, D] in place; known [B, layers, C, 2D] keys and values,
    into which the unit's own are written; weights: see `packed`; hidden: width of the feed-forward nets."""
    texts, dim = x.shape
    normed, mixed = np.empty((texts, dim), np.float32), np.empty((texts, dim), np.float32)
    joint, wide = np.empty((texts, 3 * dim), np.float32), np.empty((texts, hidden), np.float32)
    shares = np.empty(at + 1, np.float32)
    a = 2 * dim
    b = a + 3 * dim * (dim + 1)
    c = b + dim * (dim + 1)
    d = c + 2 * dim
    e = d + hidden * (dim + 1)
    for layer in range(len(weights)):
        row = weights[layer]
        if pre:
            norm(x, row[:a], normed, epsilon)
        else:
            normed[:] = x
        linear(normed, row[a:b], joint, False)
        for text in range(texts):
            attend(joint[text], known[text, layer], at, heads, shares, mixed[text])
        linear(mixed, row[b:c], x, True)
        if pre:
            norm(x, row[c:d], normed, epsilon)
        else:
            norm(x, row[:a], x, epsilon)
            normed[:] = x
        linear(normed, row[d:e], wide, False)
        for text in range(texts):
            activate(wide[text], activation)
        linear(wide, row[e:], x, True)
        if not pre:
            norm(x, row[c:d], x, epsilon)


def runs_compiled(layers: Iterable[Any]) -> bool:
    """Whether `one_unit` can take all these layers' units, and is the faster."""
    weights = [weight for layer in layers for weight in layer.parameters()]
    fitting = all(w.device.type == "cpu" and w.dtype == torch.float32 for w in weights)
    return bool(weights) and fitting and sum(weight.numel() for weight in weights) <= LARGEST
