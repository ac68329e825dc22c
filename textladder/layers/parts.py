"""A batch in parts, each on a thread of its own, forward and backward.

Operations of a small network that are shared between threads wait for each other more than they work
(`layers.together`); parts of a batch meet once per step, where the gradients of weights are summed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate, chain, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from textladder.batch import Tokens
from textladder.layers.dropout import drawing_from
from textladder.layers.together import as_here, limit, together

FEWEST_UNITS = 256  # of a part: below, what is made once per part costs more than a second thread saves


def parts_of(tokens: Tokens) -> int:
    """In how many parts a batch is encoded: at most `limit()`, one where parts would not pay."""
    if tokens.flat.device.type != "cpu":
        return 1
    return max(min(limit(), len(tokens), len(tokens.flat) // FEWEST_UNITS), 1)


def parted(tokens: Tokens) -> list[Tokens]:
    """Tokens as `parts_of` parts of about as many texts, in order."""
    count = parts_of(tokens)
    if count == 1:
        return [tokens]
    ends = [len(tokens) * part // count for part in range(count + 1)]
    return split_texts(tokens, [end - start for start, end in pairwise(ends)])


def split_texts(tokens: Tokens, sizes: Sequence[int]) -> list[Tokens]:
    """So many texts each, in order."""
    bounds = [0, *accumulate(sizes)]
    units = tokens.offsets[bounds].tolist()
    return [
        Tokens(tokens.flat[start:stop], tokens.offsets[first : last + 1] - start, tokens.width)
        for (first, last), (start, stop) in zip(pairwise(bounds), pairwise(units), strict=True)
    ]


def side_by_side(
    functions: Sequence[Callable[..., Tensor]],
    inputs: Sequence[tuple[Tensor, ...]],
    weights: Iterable[Tensor],
) -> list[Tensor]:
    """[function(*given)] of each function and its inputs, as many for each, at the same time. weights: all
    that the functions read and that may need a gradient. Dropout inside draws from a generator per function,
    seeded from torch's."""
    seeds = torch.randint(1 << 62, (len(functions),)).tolist()
    jobs = [partial(_run, function, seed) for function, seed in zip(functions, seeds, strict=True)]
    if torch.is_grad_enabled():
        learned = [weight for weight in weights if weight.requires_grad]
        return list(_SideBySide.apply(jobs, len(inputs[0]), *chain.from_iterable(inputs), *learned))
    return together([as_here(partial(job, *given)) for job, given in zip(jobs, inputs, strict=True)])


def _run(function: Callable[..., Tensor], seed: int, *given: Tensor) -> Tensor:
    with drawing_from(torch.Generator().manual_seed(seed)):
        return function(*given)


class _SideBySide(torch.autograd.Function):
    """Each job has a graph of its own, from copies of its inputs and from the weights themselves."""

    @staticmethod
    def forward(ctx: Any, jobs: Any, each: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        """each: inputs of a job."""
        count = len(jobs) * each
        inputs, ctx.weights = tensors[:count], tensors[count:]
        leaves = [x.detach().requires_grad_(x.requires_grad) for x in inputs]
        ctx.leaves = [leaves[start : start + each] for start in range(0, count, each)]
        ctx.outputs = together(
            [as_here(partial(job, *own), grad=True) for job, own in zip(jobs, ctx.leaves, strict=True)]
        )
        return tuple(output.detach() for output in ctx.outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        found = together(
            [
                partial(_gradients, output, own, ctx.weights, gradient)
                for output, own, gradient in zip(ctx.outputs, ctx.leaves, gradients, strict=True)
            ]
        )
        ctx.outputs = ctx.leaves = None
        sums = list(found[0][1])
        for _, others in found[1:]:  # in order: the same sums in every run
            torch._foreach_add_(sums, others)
        return None, None, *(gradient for own, _ in found for gradient in own), *sums


def _gradients(
    output: Tensor, leaves: list[Tensor], weights: tuple[Tensor, ...], gradient: Tensor
) -> tuple[list[Tensor | None], tuple[Tensor, ...]]:
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    found = torch.autograd.grad(output, [*wanted, *weights], gradient)
    own = iter(found)
    return [next(own) if leaf.requires_grad else None for leaf in leaves], found[len(wanted) :]
