"""Cross-entropy over large vocabularies, without keeping a number per unit of text and of vocabulary.

The gradient of the loss is known as soon as the loss is: it is made in the forward pass, of some rows at a
time, whose logits stay in the cache and are overwritten (after Wijmans et al. 2024,
https://arxiv.org/abs/2411.09009, and the Liger kernels, https://arxiv.org/abs/2410.10989). Written through
autograd it takes three tables [N, V] in float32: 1.6 GB for 4,096 words of 33,000.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from textladder.layers.together import limit, together

IGNORED = -100  # a target that is not predicted

FEW = 1024  # units of vocabulary up to which autograd is as fast
HELD = 1 << 24  # logits of one product: 2,048 rows of 8,192 units
CACHED = 1 << 19  # logits of one softmax in float32, which stay in a core's cache
MOST_ROWS = 4096  # of one product
FEWEST_ROWS = 256  # below, adding to the gradient of a table would cost as much as the products


def cross_entropy(
    vectors: Tensor, rows: Tensor, bias: Tensor, target: Tensor, weights: Tensor | None = None
) -> Tensor:
    """The sum of -log softmax(rows . vector + bias)[target] over targets that are not IGNORED, in nats.

    vectors [N, D], rows [V, D], bias [V], target [N]; weights: [N] of each in the sum, without gradient
    (None: 1). Under autocast to bfloat16 the products are in that, the softmax in float32.
    """
    if len(rows) <= FEW:
        logits = F.linear(vectors, rows, bias).float()
        if weights is None:
            return F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="sum")
        return (F.cross_entropy(logits, target, ignore_index=IGNORED, reduction="none") * weights).sum()
    learns = torch.is_grad_enabled() and any(t.requires_grad for t in (vectors, rows, bias))
    total: Tensor = _CrossEntropy.apply(vectors, rows, bias, target, learns, weights)
    return total


def cross_entropies(vectors: Tensor, rows: Tensor, bias: Tensor, target: Tensor) -> Tensor:
    """[N] of each, 0 where IGNORED; some rows at a time."""
    size = rows_at_a_time(len(rows))
    parts = [
        F.cross_entropy(F.linear(x, rows, bias).float(), at, ignore_index=IGNORED, reduction="none")
        for x, at in zip(vectors.split(size), target.split(size), strict=True)
    ]
    return torch.cat(parts)


def counted(vectors: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Those with a target that is not IGNORED."""
    kept = target != IGNORED
    if target.device.type == "cpu" and bool(kept.all()):
        return vectors, target
    return vectors[kept], target[kept]


def rows_at_a_time(units: int) -> int:
    return max(min(HELD // units, MOST_ROWS), FEWEST_ROWS)


def product_type(device: torch.device) -> torch.dtype:
    """What autocast wants of products; float32 without it."""
    if torch.is_autocast_enabled(device.type):
        return torch.get_autocast_dtype(device.type)
    return torch.float32


class _CrossEntropy(torch.autograd.Function):
    """With e = exp(logits - largest), s its sum and y the target as a row with a single one, the gradient of
    the logits is e/s - y = (e - s y)/s. The division is left to the vectors, which are shorter."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, rows: Tensor, bias: Tensor, *given: Any) -> Tensor:
        """given: target [N], whether gradients are wanted, and weights [N] or None."""
        target, learns, weights = given
        dtype = product_type(vectors.device)
        table, shift = rows.detach().to(dtype), bias.detach().float()
        parts = limit() if vectors.device.type == "cpu" else 1
        size = -(-max(len(vectors), 1) // parts)
        with torch.autocast(vectors.device.type, enabled=False):
            each = [None] * parts if weights is None else weights.split(size)
            jobs: list[Callable[[], _Part]] = [
                partial(_Part, x, table, shift, at, learns=learns, weights=part)
                for x, at, part in zip(vectors.detach().split(size), target.split(size), each, strict=False)
            ]
            done = together(jobs)
            if learns:
                for part in done[1:]:
                    done[0].to_rows += part.to_rows
                    done[0].to_bias += part.to_bias
                to_vectors = torch.cat([part.to_vectors for part in done]).to(vectors.dtype)
                ctx.save_for_backward(to_vectors, done[0].to_rows.to(rows.dtype), done[0].to_bias)
            return torch.stack([part.total for part in done]).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (scale,) = gradients
        to_vectors, to_rows, to_bias = ctx.saved_tensors
        return to_vectors * scale.to(to_vectors.dtype), to_rows * scale, to_bias * scale, None, None, None


class _Part:
    """The loss of some vectors [N, D], and its gradients."""

    @torch.no_grad()
    def __init__(
        self, vectors: Tensor, rows: Tensor, bias: Tensor, target: Tensor, *, learns: bool, weights: Any
    ) -> None:
        device, units = rows.device, len(rows)
        self.rows, self.bias, self.learns = rows, bias, learns
        counts = target != IGNORED if weights is None else weights * (target != IGNORED)
        self.total = torch.zeros((), device=device)
        # Made once: memory that is new to the process costs more than what is done with it.
        size = min(rows_at_a_time(units), len(vectors))
        self.logits = torch.empty(size, units, dtype=rows.dtype, device=device)
        self.work = torch.empty(max(CACHED // units, 1), units, device=device)
        if learns:
            self.to_vectors = torch.empty(vectors.shape, dtype=rows.dtype, device=device)
            self.to_rows = torch.zeros(rows.shape, device=device)
            self.to_bias = torch.zeros(units, device=device)
        for start in range(0, len(vectors), max(size, 1)):
            here = slice(start, start + size)
            self._add(vectors[here].to(rows.dtype), target[here, None], counts[here, None], here)

    def _add(self, x: Tensor, target: Tensor, counts: Tensor, here: slice) -> None:
        logits = torch.mm(x, self.rows.t(), out=self.logits[: len(x)])
        inverse = torch.empty(len(x), 1, device=x.device)
        for start in range(0, len(x), len(self.work)):
            few = slice(start, start + len(self.work))
            self._softmax(logits[few], target[few], counts[few], inverse[few])
        if not self.learns:
            return
        torch.mul(logits @ self.rows, inverse, out=self.to_vectors[here])
        scaled = (x * inverse).to(x.dtype)
        if x.dtype == torch.float32:
            self.to_rows.addmm_(logits.t(), scaled)
        else:  # converted first: adding numbers of two types takes three times as long
            self.to_rows += (logits.t() @ scaled).float()

    def _softmax(self, logits: Tensor, target: Tensor, counts: Tensor, inverse: Tensor) -> None:
        """Adds to the loss, and puts e - s y in place of the logits and counts/s into `inverse`, 0 where
        IGNORED: these rows stay, so that their number is the same in every batch (`layers.strip.ROUND`)."""
        target = target.clamp_min(0)
        e = logits if logits.dtype == torch.float32 else self.work[: len(logits)].copy_(logits)
        e += self.bias
        e -= e.amax(1, keepdim=True)
        wanted = e.gather(1, target)
        s = e.exp_().sum(1, keepdim=True)
        self.total += ((s.log() - wanted) * counts).sum()
        if self.learns:
            e.scatter_add_(1, target, -s)
            torch.div(counts, s, out=inverse)
            self.to_bias.addmv_(e.t(), inverse[:, 0])
            if e is not logits:
                logits.copy_(e)
