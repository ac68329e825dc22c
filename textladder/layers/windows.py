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

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise, zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from textladder.batch import Tokens
from textladder.layers.convolution import Convolution
from textladder.layers.halves import kernel, number, plain
from textladder.layers.simd import LANES, fma, load, products, registers_hold, splat, store
from textladder.layers.strip import ROUND, counted_up
from textladder.layers.together import limit, together

CHUNK = 1024  # rows of one product, so that its unfolded windows stay in the cache
TILE = 32  # filters are counted up to a multiple: 300 took a quarter more time than 320

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]


@kernel
def largest_rows(answers: Any, starts: I64, stops: I64, largest: F32, places: I32) -> None:
    """answers: [M, at least K]. Of each column the largest value in rows starts[b]..stops[b], and the first
    row it stands in, [B, K]; 0 and -1 where there is no row."""
    for b in range(len(starts)):
        best, place = largest[b], places[b]
        if starts[b] == stops[b]:
            best[:], place[:] = 0, -1
            continue
        for k in range(len(best)):
            best[k], place[k] = number(answers[starts[b], k]), starts[b]
        for row in range(starts[b] + 1, stops[b]):
            values, now = answers[row], np.int32(row)
            for k in range(len(best)):
                value = number(values[k])
                better = value > best[k]
                place[k] = now if better else place[k]
                best[k] = value if better else best[k]


@kernel
def next_filters(kept: F32, spans: I64, k: int, four: I64) -> tuple[int, int]:
    """The next filters from k on that count and have the same window, up to four, into `four`, the last of
    them again where there are fewer; how many there are, and where to go on."""
    count = 0
    while k < len(kept) and count < len(four):
        if kept[k] != 0:
            if count > 0 and (spans[k, 0] != spans[four[0], 0] or spans[k, 1] != spans[four[0], 1]):
                break
            four[count:] = k
            count += 1
        k += 1
    return count, k


@kernel
def largest_windows(
    x: F32, joint: F32, dim: int, spans: I64, kept: F32, starts: I64, stops: I64, largest: F32, places: I32
) -> None:
    """As `largest_rows` of the products of windows and filters, which are made here, four windows and four
    filters at a time; only of those filters of a text that have kept [B, K] != 0: 0 and -1 for the others.

    x: flat, rows of `dim` numbers; spans: see `add_to_units`."""
    size, filters, four = joint.shape[1], joint.reshape(-1), np.empty(4, np.int64)
    longest = 0
    for b in range(len(starts)):
        longest = max(longest, stops[b] - starts[b])
    answers = np.empty(4 * (longest + 3), np.float32)  # [T / 4, 4, 4] of four filters
    for b in range(len(starts)):
        largest[b], places[b] = 0, -1
        count, k = next_filters(kept[b], spans, 0, four) if starts[b] < stops[b] else (0, 0)
        last, windows = (stops[b] - 1) * dim, stops[b] - starts[b]
        while count > 0:
            first = spans[four[0], 0]
            length = -(-(spans[four[0], 1] - first) // LANES) * LANES
            y_0, y_1, y_2, y_3 = four[0] * size, four[1] * size, four[2] * size, four[3] * size
            for row in range(0, windows, 4):
                x_0 = (starts[b] + row) * dim  # beyond the text its last window again
                x_1, x_2, x_3 = min(x_0 + dim, last), min(x_0 + 2 * dim, last), min(x_0 + 3 * dim, last)
                sums = products(
                    x, x_0 + first, x_1 + first, x_2 + first, x_3 + first,
                    filters, y_0 + first, y_1 + first, y_2 + first, y_3 + first, length,
                )  # fmt: skip
                store(answers, 4 * row, sums)
            for n in range(count):
                best, place = answers[4 * n], 0
                for row in range(1, windows):
                    value = answers[(row >> 2 << 4) + 4 * n + (row & 3)]
                    better = value > best
                    best, place = (value if better else best), (row if better else place)
                largest[b, four[n]], places[b, four[n]] = best, starts[b] + place
            count, k = next_filters(kept[b], spans, k, four)


@kernel
def add_scaled(total: F32, at: int, scale: Any, values: F32, start: int, length: int) -> None:
    """Adds to `length` numbers from `at` on."""
    scales, whole = splat(scale), length // LANES * LANES
    for j in range(0, whole, LANES):
        store(total, at + j, fma(scales, load(values, start + j), load(total, at + j)))
    for j in range(whole, length):  # not beyond: what follows may be another thread's
        total[at + j] += scale * values[start + j]


@kernel
def add_to_units(gradient: F32, places: I32, joint: F32, spans: I64, dim: int, to_x: F32) -> None:
    """The backward pass of product and maximum for x: flat, rows of `dim` numbers, added to in place.

    gradient, places: [B, K] of `largest_rows`. spans: [K, 2] first and last column of each filter's own
    window in joint [K, R * D].
    """
    size, filters = joint.shape[1], joint.reshape(-1)
    for b in range(len(gradient)):
        for k in range(gradient.shape[1]):
            if gradient[b, k] != 0 and places[b, k] >= 0:
                first, last = spans[k, 0], spans[k, 1]
                begin = places[b, k] * dim + first
                add_scaled(to_x, begin, gradient[b, k], filters, k * size + first, last - first)


@kernel
def add_to_filters(
    gradient: F32, places: I32, x: F32, spans: I64, dim: int, bounds: tuple[int, int], to_joint: F32
) -> None:
    """As `add_to_units`, for the filters from bounds[0] to before bounds[1]."""
    size, filters = to_joint.shape[1], to_joint.reshape(-1)
    for b in range(len(gradient)):
        for k in range(bounds[0], bounds[1]):
            if gradient[b, k] != 0 and places[b, k] >= 0:
                first, last = spans[k, 0], spans[k, 1]
                begin = places[b, k] * dim + first
                add_scaled(filters, k * size + first, gradient[b, k], x, begin, last - first)


@kernel
def lay_in(weight: F32, joint: F32, first: int, column: int, bounds: tuple[int, int]) -> None:
    """weight [K', D, w] to rows first..first + K' of joint [K, R * D], as w, D, from a column on; of them the
    rows from bounds[0] to before bounds[1]."""
    filters, dim, width = weight.shape
    for k in range(max(first, bounds[0]), min(first + filters, bounds[1])):
        for o in range(width):
            for d in range(dim):
                joint[k, column + o * dim + d] = weight[k - first, d, o]


@kernel
def take_out(joint: F32, weight: F32, first: int, column: int, bounds: tuple[int, int]) -> None:
    """`lay_in` the other way."""
    filters, dim, width = weight.shape
    for k in range(max(first, bounds[0]), min(first + filters, bounds[1])):
        for o in range(width):
            for d in range(dim):
                weight[k - first, d, o] = joint[k, column + o * dim + d]


class Windows:
    """What some convolutions (dilation 1) see of the units around a place, as one window that is as wide as
    they need together: `before` units before it, `after` units after it."""

    def __init__(self, convolutions: Sequence[Convolution]) -> None:
        self.before = max(layer.before for layer in convolutions)
        self.after = max(layer.after for layer in convolutions)
        self.width = self.before + 1 + self.after  # R
        shapes = self.shapes = [layer.weight.shape for layer in convolutions]  # [K', D, w] each
        self.dim = shapes[0][1]
        # Rows after the first one of the last window: its others, and zeros, as compiled loops read past it.
        self.beyond = self.width - 1 - (1 - LANES) // self.dim
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
        ids = np.zeros(rows + self.beyond, np.int64)
        starts, stops = offsets[:-1] + shift, offsets[1:] + shift
        ids[np.arange(offsets[-1]) + np.repeat(shift + self.before, stops - starts)] = tokens.flat.numpy()
        return torch.from_numpy(ids), starts, stops

    def joined(self, weights: Sequence[Tensor]) -> Tensor:
        """[K counted up, R * D, and zeros to read past it] filters of all widths, zero where one is
        narrower."""
        joint = torch.zeros(counted_up(self.filters[-1], TILE), self.width * self.dim + LANES)
        arrays = [weight.detach().numpy() for weight in weights]

        def lay(share: slice) -> None:
            for weight, first, column in zip(arrays, self.filters, self.columns, strict=False):
                lay_in(weight, joint.numpy(), first, column, (share.start, share.stop))

        together([partial(lay, share) for share in _shares(self.filters[-1])])
        return joint

    def take(self, joint: F32, parts: Sequence[F32], share: slice) -> None:
        """`joined` the other way, for some filters: into `parts` [K', D, w]."""
        for part, first, column in zip(parts, self.filters, self.columns, strict=False):
            take_out(joint, part, first, column, (share.start, share.stop))


class WindowMaxima(torch.autograd.Function):
    """x [M + R - 1 and more, D] of ids as `Windows.spread` has them -> [B, K] largest answer of each filter,
    its bias added; 0 for a text without units.

    On the processor, in float32; under autocast to bfloat16 the products are in that.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, windows: Windows, *given: Any) -> Tensor:
        """given: starts and stops [B] of `Windows.spread`; [B, K], zero where the answer is not wanted (it is
        not made then, if that saves time), or None; the weights [K', D, w] of all convolutions, their biases
        [K']."""
        starts, stops, kept, *parameters = given
        weights, biases = parameters[: len(windows.columns)], parameters[len(windows.columns) :]
        half = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
        x, joint = x.detach().contiguous(), windows.joined(weights)
        largest = torch.empty(len(starts), windows.filters[-1])
        places = torch.empty(largest.shape, dtype=torch.int32)
        found = largest.numpy(), places.numpy()
        if half or not registers_hold():
            _by_products(windows, x, joint, half, starts, stops, *found)
        else:
            wanted = torch.ones_like(largest) if kept is None else kept
            _by_windows(windows, x, joint, wanted.numpy(), starts, stops, *found)
        ctx.save_for_backward(x, joint, places)
        ctx.windows = windows
        return largest + torch.cat(biases) * torch.from_numpy(stops > starts)[:, None]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, joint, places = ctx.saved_tensors
        windows, gradient, at, dim = ctx.windows, gradients[0].contiguous(), places.numpy(), ctx.windows.dim
        to_x, to_joint = torch.zeros_like(x), torch.zeros_like(joint)
        to_weights = [torch.empty(shape) for shape in windows.shapes]
        given, spans, laid = gradient.numpy(), windows.spans, to_joint.numpy()
        parts = [part.numpy() for part in to_weights]

        def of_filters(s: slice) -> None:
            add_to_filters(given, at, x.view(-1).numpy(), spans, dim, (s.start, s.stop), laid)
            windows.take(laid, parts, s)

        def of_units(s: slice) -> None:
            add_to_units(given[s], at[s], joint.numpy(), spans, dim, to_x.view(-1).numpy())

        # Each thread has filters, then texts, of its own: sums are in the same order whatever their number
        # (but for the zeros between texts, whose gradient nobody reads).
        filters = [partial(of_filters, s) for s in _shares(windows.filters[-1])]
        units = [partial(of_units, s) for s in _shares(len(gradient) if ctx.needs_input_grad[0] else 0)]
        together([partial(_each, *jobs) for jobs in zip_longest(filters, units)])
        to_bias = torch.where(places >= 0, gradient, 0.0).sum(0)
        to_biases = [to_bias[first:stop] for first, stop in pairwise(windows.filters)]
        of_x = to_x if ctx.needs_input_grad[0] else None
        return of_x, None, None, None, None, *to_weights, *to_biases


def _shares(count: int) -> list[slice]:
    """Of 0..count - 1, one for each function that may run at the same time."""
    bounds = [count * part // limit() for part in range(limit() + 1)]
    return [slice(start, stop) for start, stop in pairwise(bounds) if stop > start]


def _each(*jobs: Callable[[], None] | None) -> None:
    for job in jobs:
        if job is not None:
            job()


def _by_windows(
    windows: Windows, x: Tensor, joint: Tensor, kept: F32, starts: I64, stops: I64, largest: F32, places: I32
) -> None:
    given = x.view(-1).numpy(), joint.numpy(), windows.dim, windows.spans
    together(
        [
            partial(largest_windows, *given, kept[s], starts[s], stops[s], largest[s], places[s])
            for s in _shares(len(starts))
        ]
    )


def _by_products(
    windows: Windows, x: Tensor, joint: Tensor, half: bool, starts: I64, stops: I64, largest: F32, places: I32
) -> None:
    """The same by matrix products of all windows and all filters."""
    columns = windows.width * windows.dim
    filters = joint[:, :columns].to(torch.bfloat16 if half else torch.float32).t()  # [R * D, K counted up]
    rows = len(x) - windows.beyond
    # Overlapping: row i begins at unit i.
    unfolded = x.to(filters.dtype).as_strided((rows, columns), (windows.dim, 1))
    answers = unfolded.new_empty(rows, len(joint))

    def multiply(first: int, stop: int) -> None:
        with torch.inference_mode():
            for row in range(first, stop, CHUNK):
                chunk = slice(row, min(row + CHUNK, stop))
                answers[chunk] = unfolded[chunk].contiguous() @ filters

    together([partial(multiply, s.start * ROUND, s.stop * ROUND) for s in _shares(rows // ROUND)])
    together(
        [
            partial(largest_rows, plain(answers), starts[s], stops[s], largest[s], places[s])
            for s in _shares(len(starts))
        ]
    )
