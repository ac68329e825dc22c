"""One text through a recurrent layer, without gradient: a product for all its units, then one compiled loop
(numba) through time.

Step by step it is a product of a matrix with a vector, whose time is that of reading the weights from the
cache. oneDNN's primitive copies all weights into an order of its own in every call, which pays for many texts
and takes half of the time for one (benchmarks/NOTES.md). Here they are read as `nn.RNNBase` holds them, so
that nothing is kept that could be out of date.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.layers.halves import sigmoid, tanh
from textladder.layers.short_attention import any_order, product_total

F32 = NDArray[np.float32]

ZERO = np.float32(0)


@any_order
def multiply(weight: F32, bias: F32, hidden: F32, product: F32) -> None:
    for r in range(len(product)):
        product[r] = product_total(weight[r], hidden) + bias[r]


@any_order
def walk_lstm(gates: F32, weight: F32, bias: F32, state: F32, out: F32, backwards: bool) -> None:
    """gates [T, 4H]: W x of i, f, g, o. weight [4H, H], bias [4H]: of the state. state [2, H]: hidden state
    and cell before the first unit, changed in place. out [T, H] is filled, from its end if `backwards`."""
    units, width = out.shape
    hidden, cell, values = state[0], state[1], np.empty(4 * width, np.float32)
    i, f = values[:width], values[width : 2 * width]
    g, o = values[2 * width : 3 * width], values[3 * width :]
    for step in range(units):
        t = units - 1 - step if backwards else step
        multiply(weight, bias, hidden, values)
        for j in range(4 * width):
            values[j] += gates[t, j]
        for j in range(2 * width):  # i and f
            values[j] = sigmoid(values[j])
        for j in range(width):
            g[j] = tanh(g[j])
        for j in range(width):
            o[j] = sigmoid(o[j])
        for j in range(width):
            cell[j] = f[j] * cell[j] + i[j] * g[j]
        for j in range(width):
            hidden[j] = o[j] * tanh(cell[j])
        out[t] = hidden


@any_order
def walk_gru(gates: F32, weight: F32, bias: F32, state: F32, out: F32, backwards: bool) -> None:
    """As `walk_lstm`; gates [T, 3H] of r, z, n; state [1, H]."""
    units, width = out.shape
    hidden, values = state[0], np.empty(3 * width, np.float32)
    r, z, n = values[:width], values[width : 2 * width], values[2 * width :]
    for step in range(units):
        t = units - 1 - step if backwards else step
        multiply(weight, bias, hidden, values)
        for j in range(2 * width):  # r and z
            values[j] = sigmoid(values[j] + gates[t, j])
        for j in range(width):
            n[j] = tanh(gates[t, 2 * width + j] + r[j] * n[j])
        for j in range(width):
            hidden[j] = n[j] + z[j] * (hidden[j] - n[j])
        out[t] = hidden


@any_order
def walk_tanh(gates: F32, weight: F32, bias: F32, state: F32, out: F32, backwards: bool) -> None:
    """As `walk_lstm`; gates [T, H]; state [1, H]."""
    units, width = out.shape
    hidden, values = state[0], np.empty(width, np.float32)
    for step in range(units):
        t = units - 1 - step if backwards else step
        multiply(weight, bias, hidden, values)
        for j in range(width):
            hidden[j] = tanh(values[j] + gates[t, j])
        out[t] = hidden


@any_order
def walk_relu(gates: F32, weight: F32, bias: F32, state: F32, out: F32, backwards: bool) -> None:
    """As `walk_tanh`."""
    units, width = out.shape
    hidden, values = state[0], np.empty(width, np.float32)
    for step in range(units):
        t = units - 1 - step if backwards else step
        multiply(weight, bias, hidden, values)
        for j in range(width):
            hidden[j] = max(values[j] + gates[t, j], ZERO)
        out[t] = hidden


WALKS = {"LSTM": walk_lstm, "GRU": walk_gru, "RNN_TANH": walk_tanh, "RNN_RELU": walk_relu}


def can_walk(x: Tensor) -> bool:
    """Whether x [B, T, D] is a text alone, which `walk` can take."""
    return len(x) == 1 and x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled()


def walk(x: Tensor, nets: nn.ModuleList, initial: Tensor) -> Tensor:
    """x [1, T, D] through one or two directions, each a module of torch with one layer, in float32 on the
    processor -> [1, T, R * H]. initial [R, S, 1, H]: the state before the first unit."""
    units, width = x.shape[1], initial.shape[-1]
    out = np.empty((units, len(nets) * width), np.float32)
    state = initial[:, :, 0].numpy(force=True).copy()

    with torch.inference_mode():
        for number, net in enumerate(cast(Iterable[nn.RNNBase], nets)):
            w_ih, w_hh, b_ih, b_hh = cast(Iterable[Tensor], net._parameters.values())
            gates = F.linear(x[0], w_ih, b_ih).numpy()
            columns = out[:, number * width : (number + 1) * width]
            WALKS[net.mode](gates, w_hh.numpy(), b_hh.numpy(), state[number], columns, number == 1)
    return torch.from_numpy(out)[None]
