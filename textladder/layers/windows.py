"""The largest answer of each filter over a text (Kim 2014, equations 2-4): no padding, and a gradient that
goes only where it is not zero.

The gradient of a maximum over time is in one window of each (text, filter), of which ReLU and dropout leave
about a quarter; a convolution's backward pass multiplies by all the zeros around it, for texts of 40 units
forty times that work. So texts stand one after the other with a few rows of zeros between them (what windows
at the ends of a text see); a matrix product over unfolded windows gives all filters of all widths; compiled
loops (numba) find the largest and, backward, add the few windows and filters that count. The loops are one
thread, in order: results do not depend on the number of threads.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from textladder.batch import Tokens
from textladder.layers.convolution import Convolution
from textladder.layers.halves import kernel, number, plain
from textladder.layers.strip import counted_up

CHUNK = 1024  # rows of one product, so that its unfolded windows stay in the cache
TILE = 32  # filters are counted up to a multiple: 300 took a quarter more time than 320

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@kernel
def largest_rows(products: Any, starts: I64, stops: I64, largest: F32, places: I32) -> None:
    """products: [M, at least K]. Of each column the largest value in rows starts[b]..stops[b], and the first
    row it stands in, [B, K]; 0 and -1 where there is no row."""
    for b in range(len(starts)):
        best, place = largest[b], places[b]
        if starts[b] == stops[b]:
            best[:], place[:] = 0, -1
            continue
        for k in range(len(best)):
            best[k], place[k] = number(products[starts[b], k]), starts[b]
        for row in range(starts[b] + 1, stops[b]):
            values, now = products[row], np.int32(row)
            for k in range(len(best)):
                value = number(values[k])
                better = value > best[k]
                place[k] = now if better else place[k]
                best[k] = value if better else best[k]


@kernel
def add_scaled(total: F32, scale: Any, values: F32) -> None:
    for j in range(len(total)):
        total[j] += scale * values[j]


@kernel
def add_windows(
    gradient: F32, places: I32, x: F32, joint: F32, spans: I64, dim: int, to_x: F32, to_joint: F32
) -> None:
    """The backward pass of product and maximum: adds to the gradients of x and of the filters, in place.

    gradient, places: [B, K] of `largest_rows`. x, to_x: flat, rows of `dim` numbers; `to_x` is empty where x
    needs no gradient. spans: [K, 2] first and last column of each filter's own window in joint [K, R * D].
    """
    for b in range(len(gradient)):
        for k in range(gradient.shape[1]):
            scale = gradient[b, k]
            if scale == 0 or places[b, k] < 0:
                continue
            first, last = spans[k, 0], spans[k, 1]
            begin = places[b, k] * dim
            add_scaled(to_joint[k, first:last], scale, x[begin + first : begin + last])
            if len(to_x) > 0:
                add_scaled(to_x[begin + first : begin + last], scale, joint[k, first:last])


@kernel
def lay_in(weight: F32, joint: F32, first: int, column: int) -> None:
    """weight [K', D, w] to rows first..first + K' of joint [K, R * D], as w, D, from a column on."""
    filters, dim, width = weight.shape
    for k in range(filters):
        for o in range(width):
            for d in range(dim):
                joint[first + k, column + o * dim + d] = weight[k, d, o]


@kernel
def take_out(joint: F32, weight: F32, first: int, column: int) -> None:
    """`lay_in` the other way."""
    filters, dim, width = weight.shape
    for k in range(filters):
        for d in range(dim):
            for o in range(width):
                weight[k, d, o] = joint[first + k, column + o * dim + d]


class Windows:
    """What some convolutions (dilation 1) see of the units around a place, as one window that is as wide as
    they need together: `before` units before it, `after` units after it."""

    def __init__(self, convolutions: Sequence[Convolution]) -> None:
        self.before = max(layer.before for layer in convolutions)
        self.after = max(layer.after for layer in convolutions)
        self.width = self.before + 1 + self.after  # R
        shapes = [layer.weight.shape for layer in convolutions]  # [K', D, w] each
        self.dim = shapes[0][1]
        self.columns = [(self.before - layer.before) * self.dim for layer in convolutions]
        self.filters = [0, *np.cumsum([shape[0] for shape in shapes]).tolist()]  # bounds of each in K
        spans = zip(shapes, self.columns, strict=True)
        self.spans = np.concatenate(
            [np.tile([first, first + width * dim], (count, 1)) for (count, dim, width), first in spans]
        )  # [K, 2]

    def spread(self, tokens: Tokens) -> tuple[Tensor, I64, I64]:
        """Ids with zeros around each text, as many as windows reach beyond its ends, and the rows [B] in
        which texts start and stop: row i is the window of which id i is the first."""
        offsets, gap = tokens.offsets.numpy(), max(self.before, self.after)
        shift = gap * np.arange(len(tokens))
        rows = counted_up(int(offsets[-1]) + gap * len(tokens))
        ids = np.zeros(rows + self.width - 1, np.int64)
        starts, stops = offsets[:-1] + shift, offsets[1:] + shift
        ids[np.arange(offsets[-1]) + np.repeat(shift + self.before, stops - starts)] = tokens.flat.numpy()
        return torch.from_numpy(ids), starts, stops

    def joined(self, weights: Sequence[Tensor]) -> Tensor:
        """[K counted up, R * D] filters of all widths, zero where one is narrower."""
        joint = torch.zeros(counted_up(self.filters[-1], TILE), self.width * self.dim)
        for weight, first, column in zip(weights, self.filters, self.columns, strict=False):
            lay_in(weight.detach().numpy(), joint.numpy(), first, column)
        return joint

    def parted(self, joint: Tensor) -> list[Tensor]:
        """`joined` the other way."""
        parts = []
        for (first, stop), column in zip(pairwise(self.filters), self.columns, strict=True):
            width = int(self.spans[first, 1] - self.spans[first, 0]) // self.dim
            parts.append(torch.empty(stop - first, self.dim, width))
            take_out(joint.numpy(), parts[-1].numpy(), first, column)
        return parts


class WindowMaxima(torch.autograd.Function):
    """x [M + R - 1, D] of ids as `Windows.spread` has them -> [B, K] largest answer of each filter, its bias
    added; 0 for a text without units.

    On the processor, in float32; under autocast to bfloat16 the products are in that.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, windows: Windows, *given: Any) -> Tensor:
        """given: starts and stops [B] of `Windows.spread`, the weights [K', D, w] of all convolutions, their
        biases [K']."""
        starts, stops, *parameters = given
        weights, biases = parameters[: len(windows.columns)], parameters[len(windows.columns) :]
        half = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        dtype = torch.bfloat16 if half else torch.float32
        joint, rows = windows.joined(weights), len(x) - windows.width + 1
        filters = joint.to(dtype).t()  # [R * D, K counted up]
        # Overlapping: row i begins at unit i.
        unfolded = x.contiguous().to(dtype).as_strided((rows, len(filters)), (windows.dim, 1))
        products = unfolded.new_empty(rows, len(joint))
        for row in range(0, rows, CHUNK):
            torch.mm(unfolded[row : row + CHUNK].contiguous(), filters, out=products[row : row + CHUNK])
        largest = torch.empty(len(starts), windows.filters[-1])
        places = torch.empty(largest.shape, dtype=torch.int32)
        largest_rows(plain(products), starts, stops, largest.numpy(), places.numpy())
        ctx.save_for_backward(x.contiguous(), joint, places)
        ctx.windows = windows
        return largest + torch.cat(biases) * torch.from_numpy(stops > starts)[:, None]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient = gradients[0].contiguous()
        x, joint, places = ctx.saved_tensors
        windows, needs_x = ctx.windows, ctx.needs_input_grad[0]
        to_x = torch.zeros(x.shape if needs_x else (0, windows.dim))
        to_joint = torch.zeros_like(joint)
        add_windows(
            gradient.numpy(),
            places.numpy(),
            x.view(-1).numpy(),
            joint.numpy(),
            windows.spans,
            windows.dim,
            to_x.view(-1).numpy(),
            to_joint.numpy(),
        )
        to_bias = torch.where(places >= 0, gradient, 0.0).sum(0)
        to_biases = [to_bias[first:stop] for first, stop in pairwise(windows.filters)]
        return to_x if needs_x else None, None, None, None, *windows.parted(to_joint), *to_biases
