"""Small networks on several cores: whole branches side by side, each on one thread.

Sharing the operations of a small network between threads costs more in waiting than it saves: an LSTM's
backward pass over 32 texts in bfloat16 takes two threads 3.0 ms and one 1.8. Two directions, each on a
thread of its own, take the time of one.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

T = TypeVar("T")
_LIMIT: ContextVar[int] = ContextVar("limit", default=1)  # functions that may run at the same time


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Inside, torch has one thread, and as many functions run at the same time as it had threads before."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    limit = _LIMIT.set(before)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _LIMIT.reset(limit)


def limit() -> int:
    """How many functions `together` runs at the same time: 1 outside `one_thread_each`."""
    return _LIMIT.get()


def alone(function: Callable[[], T]) -> T:
    """What one function returns that has all threads again: with nothing beside it the others would wait."""
    before = limit()
    if before == 1:
        return function()
    mark = _LIMIT.set(1)
    torch.set_num_threads(before)
    try:
        return function()
    finally:
        torch.set_num_threads(1)
        _LIMIT.reset(mark)


def together(functions: Sequence[Callable[[], T]]) -> list[T]:
    """What each function returns, in order; the first runs here, the others in threads. All have ended when
    it returns or raises."""
    if limit() == 1 or len(functions) == 1:
        return [function() for function in functions]
    others = [_pool().submit(function) for function in functions[1:]]
    mark = _LIMIT.set(1)  # as in those other threads: what it does has one thread
    try:
        first = functions[0]()
    finally:
        _LIMIT.reset(mark)
        wait(others)
    return [first, *(other.result() for other in others)]


def branched(x: Tensor, branches: Sequence[tuple[Callable[..., Tensor], Sequence[Tensor]]]) -> list[Tensor]:
    """[function(x, *weights) for function, weights in branches], at the same time, and so is the backward
    pass, which autograd alone would do one after the other."""
    if limit() == 1 or x.device.type != "cpu":
        return [function(x, *weights) for function, weights in branches]
    if torch.is_grad_enabled():
        return list(_Branches.apply(x, branches, *(weight for _, weights in branches for weight in weights)))
    return together([as_here(partial(function, x, *weights)) for function, weights in branches])


def as_here(function: Callable[[], T], grad: bool = False) -> Callable[[], T]:
    """For `together`: the function with this thread's settings of torch, of which each thread has its own;
    with gradients only if `grad` says so."""
    autocast = "cpu", torch.get_autocast_dtype("cpu"), torch.is_autocast_enabled("cpu")
    inference = torch.is_inference_mode_enabled()

    def run() -> T:
        with torch.inference_mode(inference), torch.set_grad_enabled(grad), torch.autocast(*autocast):
            return function()

    return run


class _Branches(torch.autograd.Function):
    """Each branch has a graph of its own, from copies of x and of its weights that share their memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, branches: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        leaves = [[t.detach().requires_grad_(t.requires_grad) for t in (x, *own)] for _, own in branches]
        outputs = together(
            [as_here(partial(f, *own), grad=True) for (f, _), own in zip(branches, leaves, strict=True)]
        )
        ctx.leaves, ctx.outputs = leaves, outputs
        return tuple(output.detach() for output in outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        jobs = [partial(_gradients, *parts) for parts in zip(ctx.outputs, ctx.leaves, gradients, strict=True)]
        found = together(jobs)
        of_x = None if found[0][0] is None else functools.reduce(operator.add, (own[0] for own in found))
        return of_x, None, *(gradient for own in found for gradient in own[1:])


def _gradients(output: Tensor, leaves: list[Tensor], gradient: Tensor) -> list[Any]:
    """One per leaf, None for those that need none."""
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    found = iter(torch.autograd.grad(output, wanted, gradient) if wanted else ())
    return [next(found) if leaf.requires_grad else None for leaf in leaves]


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "together", initializer=torch.set_num_threads, initargs=(1,))


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not follow into a forked process
