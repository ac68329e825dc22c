"""An LSTM's walk through time for wide layers: products by torch, all else of a step in one compiled loop,
shares of the batch side by side.

oneDNN's recurrent primitive runs at a fifth of the rate of its own matrix products in bfloat16, and shares
each small product between threads, which then wait for each other at every step. Here a thread takes some
texts through all steps, and the gradients of the weights are one product over all of them
(benchmarks/NOTES.md). Equations: Gers et al. 2000, https://doi.org/10.1162/089976600300015015.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from textladder.layers.halves import COMPILED, entry, kernel, number, plain, sigmoid, tanh
from textladder.layers.together import limit, one_thread_each, together

ALONE = 16  # texts that a thread takes at least: fewer read the weights for too little work
ONE = np.float32(1)


@kernel
def advance(gates: Any, recurrent: Any, bias: Any, before: Any, after: Any, hidden: Any) -> None:
    """One step of b texts. gates [b, 4H] W x of i, f, g, o, replaced by the gates' values; recurrent [b, 4H]
    U h; bias [4H]; the cells before and after, float32 [b, H]; hidden [b, H] is filled."""
    width = hidden.shape[1]
    values = np.empty(4 * width, np.float32)  # of a row: loops over a few plain arrays are vectorised
    i_, f_, g_, o_ = (
        values[:width],
        values[width : 2 * width],
        values[2 * width : 3 * width],
        values[3 * width :],
    )
    for row in range(len(gates)):
        g, r, old, new, h = gates[row], recurrent[row], before[row], after[row], hidden[row]
        for j in range(len(values)):
            values[j] = number(g[j]) + number(r[j]) + bias[j]
        for j in range(width):
            i_[j] = sigmoid(i_[j])
        for j in range(width):
            f_[j] = sigmoid(f_[j])
        for j in range(width):
            g_[j] = tanh(g_[j])
        for j in range(width):
            o_[j] = sigmoid(o_[j])
        for j in range(width):
            new[j] = f_[j] * old[j] + i_[j] * g_[j]
        for j in range(width):
            h[j] = entry(o_[j] * tanh(new[j]), h[j])
        for j in range(len(values)):
            g[j] = entry(values[j], g[j])


@kernel
def retreat(gates: Any, before: Any, after: Any, outer: Any, inner: Any, of_cell: Any, of_bias: Any) -> None:
    """The step backwards. gates: as `advance` left them, replaced by the gradient before the nonlinearities;
    outer, inner [b, H]: gradients of h as output and as next state; of_cell [b, H]: of the cell after,
    replaced by that of the cell before; of_bias [4H]: added to."""
    width = outer.shape[1]
    values, kept = np.empty(4 * width, np.float32), np.empty((3, width), np.float32)
    i_, f_, g_, o_ = (
        values[:width],
        values[width : 2 * width],
        values[2 * width : 3 * width],
        values[3 * width :],
    )
    of_h, squashed, c = kept[0], kept[1], kept[2]
    for row in range(len(gates)):
        g, old, new, out, own, of_c = (
            gates[row],
            before[row],
            after[row],
            outer[row],
            inner[row],
            of_cell[row],
        )
        for j in range(len(values)):
            values[j] = number(g[j])
        for j in range(width):
            squashed[j] = tanh(new[j])
        for j in range(width):
            of_h[j] = number(out[j]) + number(own[j])
        for j in range(width):
            c[j] = of_c[j] + of_h[j] * o_[j] * (ONE - squashed[j] * squashed[j])
        for j in range(width):
            of_c[j] = c[j] * f_[j]
        for j in range(width):
            o_[j] = of_h[j] * squashed[j] * o_[j] * (ONE - o_[j])
        for j in range(width):
            f_[j] = c[j] * old[j] * f_[j] * (ONE - f_[j])
        for j in range(width):
            of_i = c[j] * g_[j] * i_[j] * (ONE - i_[j])
            g_[j] = c[j] * i_[j] * (ONE - g_[j] * g_[j])
            i_[j] = of_i
        for j in range(len(values)):
            of_bias[j] += values[j]
            g[j] = entry(values[j], g[j])


def can_walk(x: Tensor, steps: int) -> bool:
    return x.device.type == "cpu" and x.dtype in COMPILED and steps > 1


def walk(
    x: Tensor,
    hidden: Tensor,
    cell: Tensor,
    weights: Sequence[Tensor],
    lengths: Tensor | None = None,
    ids: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """x [B, T, D], state [B, H] before it, weights as `nn.LSTM` has them -> the states [B, T, H], and hidden
    state and cell [B, H] after the last unit of each text (`lengths` [B], at least 1; None: T), which
    carry no gradient. Cells are float32 throughout.

    ids [B, T]: x is a table [V, D] instead, whose rows are read. Each row is multiplied once and not at each
    place where it is read, forward and backward: of characters that saves half of a layer's products."""
    found: tuple[Tensor, Tensor, Tensor] = _Walk.apply(x, hidden, cell, lengths, ids, *weights)
    return found


class _Walk(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        hidden: Tensor,
        cell: Tensor,
        lengths: Tensor | None,
        ids: Tensor | None,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        w_ih, w_hh, *biases = weights
        w_in, w_rec = w_ih.detach().to(x.dtype), w_hh.detach().to(x.dtype)
        bias = (biases[0] + biases[1]).detach().float().numpy()
        texts, steps = (x if ids is None else ids).shape[:2]
        threads = max(limit(), torch.get_num_threads())
        size = -(-texts // max(min(threads, texts // ALONE), 1))
        shares = [slice(start, start + size) for start in range(0, texts, size)]
        if lengths is None:
            lengths = torch.full((texts,), steps)
        output = x.new_empty(texts, steps, w_hh.shape[1])
        last = x.new_empty(texts, w_hh.shape[1]), cell.new_empty(texts, w_hh.shape[1], dtype=torch.float32)
        jobs = [
            partial(
                _forwards,
                x.detach()[s] if ids is None else x.detach(),
                None if ids is None else ids[s],
                (hidden.detach()[s], cell.detach()[s]),
                (w_in, w_rec),
                bias,
                lengths[s],
                (output[s], last[0][s], last[1][s]),
            )
            for s in shares
        ]
        ctx.kept, ctx.shares, ctx.weights = _side_by_side(jobs), shares, (w_in, w_rec)
        ctx.by_text = ids is None
        ctx.types = x.dtype, hidden.dtype, cell.dtype
        ctx.mark_non_differentiable(*last)
        ctx.set_materialize_grads(False)
        return (output, *last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        kept, ctx.kept = ctx.kept, None  # its gates become gradients: once only
        assert kept is not None, "a walk goes back once"
        jobs = [
            partial(_backwards, gradients[0][s], own, ctx.weights, ctx.needs_input_grad[0])
            for s, own in zip(ctx.shares, kept, strict=True)
        ]
        found = list(zip(*_side_by_side(jobs), strict=True))
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = torch.cat(found[0]) if ctx.by_text else sum(found[0][1:], found[0][0])
        of_hidden, of_cell = (torch.cat(found[k]).to(ctx.types[k]) for k in (1, 2))
        w_ih, w_hh, bias = (sum(parts[1:], parts[0].float()) for parts in found[3:])
        return of_x, of_hidden, of_cell, None, None, w_ih, w_hh, bias, bias


def _side_by_side(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Each on one thread, without gradients and autocast, which every thread has for itself."""

    def quiet(job: Callable[[], Any]) -> Any:
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            return job()

    with one_thread_each():
        return together([partial(quiet, job) for job in jobs])


def _forwards(
    x: Tensor,
    ids: Tensor | None,
    state: tuple[Tensor, Tensor],
    weights: tuple[Tensor, Tensor],
    bias: Any,
    lengths: Tensor,
    out: tuple[Tensor, ...],
) -> tuple[Any, ...]:
    """Some texts [b, T, D], or [b, T] and their table, through all steps; fills `out` and returns what the
    way back needs."""
    texts, steps = (x if ids is None else ids).shape[:2]
    w_in, w_rec = weights
    width = w_rec.shape[1]
    if ids is None:
        x = x.transpose(0, 1).reshape(-1, x.shape[-1])  # [T*b, D], step after step
        gates = torch.mm(x, w_in.t())
    else:
        ids = ids.t().flatten()  # [T*b]
        gates = torch.mm(x, w_in.t()).index_select(0, ids)
    gates = gates.view(steps, texts, 4 * width)
    hidden, cell = x.new_empty(steps + 1, texts, width), torch.empty(steps + 1, texts, width)
    hidden[0], cell[0] = state
    gates_, cell_, hidden_, product = plain(gates), plain(cell), plain(hidden), _product(w_rec, texts)
    for t in range(steps):
        advance(gates_[t], plain(product(hidden[t])), bias, cell_[t], cell_[t + 1], hidden_[t + 1])
    output, last, last_cell = out
    output.copy_(hidden[1:].transpose(0, 1))
    each = torch.arange(texts)
    last.copy_(hidden[lengths, each])
    last_cell.copy_(cell[lengths, each])
    return x, ids, gates, hidden, cell


def _backwards(
    gradient: Tensor, kept: tuple[Any, ...], weights: tuple[Tensor, Tensor], wants_x: bool
) -> tuple[Any, ...]:
    """Gradients of x [b, T, D] or of the table, of the state before it, of both weights and of the bias."""
    x, ids, gates, hidden, cell = kept
    steps, texts, wide = gates.shape
    w_in, w_rec = weights
    outer = gradient.to(x.dtype).transpose(0, 1).contiguous()  # [T, b, H]
    inner, of_cell = torch.zeros_like(hidden[0]), torch.zeros_like(cell[0])
    of_bias, product = torch.zeros(wide), _product(w_rec.t(), texts)
    gates_, outer_, cell_, of_cell_, of_bias_ = map(plain, (gates, outer, cell, of_cell, of_bias))
    for t in range(steps - 1, -1, -1):
        retreat(gates_[t], cell_[t], cell_[t + 1], outer_[t], plain(inner), of_cell_, of_bias_)
        inner = product(gates[t])
    flat = gates.view(-1, wide)  # [T*b, 4H]
    # Once: a product that turns its operand does it entry by entry, and rows that lie a power of two apart
    # share a few places in the cache, so that the product with them takes twice the time.
    turned = flat.t().contiguous()
    of_w_hh = torch.mm(turned, hidden[:-1].view(-1, wide // 4))
    if ids is None:
        of_x = torch.mm(turned.t(), w_in).view(steps, texts, -1).transpose(0, 1) if wants_x else None
        of_w_ih = torch.mm(turned, x)
    else:
        sums = torch.zeros(len(x), wide).index_add_(0, ids, flat.float()).to(x.dtype)  # [V, 4H]
        of_x, of_w_ih = torch.mm(sums, w_in), torch.mm(sums.t().contiguous(), x)
    return of_x, inner, of_cell, of_w_ih, of_w_hh, of_bias


def _product(weight: Tensor, rows: int) -> Callable[[Tensor], Tensor]:
    """[rows, M] -> [rows, N], times weight [N, M] transposed. The weight is put into the order that products
    want once, not in every step: half the time of a step in bfloat16 (oneDNN's order), two thirds of it in
    float32 (M rows)."""
    if weight.dtype == torch.bfloat16 and torch.ops.mkldnn._is_mkldnn_bf16_supported():
        ordered = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)
        return lambda values: torch.ops.mkldnn._linear_pointwise(values, ordered, None, "none", [], "")
    turned = weight.t().contiguous()
    return lambda values: torch.mm(values, turned)
