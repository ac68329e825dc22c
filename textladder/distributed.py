"""Several processes, one result: the only file that names `torch.distributed`.

On one process every function here is the identity, so callers never ask how many there are. Started by
`torchrun`, the processes share the rows of each batch; sums of totals and counts make the gradient exactly
the one that a single process would have taken. torch is imported only where processes are joined: who merely
writes a file need not wait for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from textladder.errors import Problem

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")


def start() -> None:
    """Join the other processes, if a launcher such as `torchrun` started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not _joined():
        import torch.distributed

        with _reaching():  # no backend named: torch picks one per device (gloo, nccl)
            torch.distributed.init_process_group()


def stop() -> None:
    if _joined():
        _dist().destroy_process_group()


def _dist() -> Any:
    """torch.distributed if torch is loaded, else None: before that nothing can have been joined."""
    return sys.modules.get("torch.distributed")


def _joined() -> bool:
    return _dist() is not None and _dist().is_initialized()


def rank() -> int:
    return _dist().get_rank() if _joined() else 0


def size() -> int:
    return _dist().get_world_size() if _joined() else 1


def is_main() -> bool:
    """True on the one process that writes files and talks to the user."""
    return rank() == 0


@contextmanager
def _reaching() -> Iterator[None]:
    """A process that has ended breaks the connections of the others: they end too, and say why."""
    try:
        yield
    except RuntimeError as error:  # as are the errors of torch.distributed
        raise Problem(
            f"process {rank()}",
            "another process cannot be reached any more.",
            "Read what that process said; then run the same command with --resume.",
        ) from error


def barrier() -> None:
    if size() > 1:
        with _reaching():
            _dist().barrier()


def share(value: Any) -> Any:
    """The first process's value, on every process."""
    if size() == 1:
        return value
    box = [value]
    with _reaching():
        _dist().broadcast_object_list(box, src=0)
    return box[0]


def gather(value: Any) -> list[Any]:
    """The values of all processes, in the order of their ranks, on every process."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    with _reaching():
        _dist().all_gather_object(values, value)
    return values


def on_main(action: Callable[[], T]) -> T:
    """What `action` gives on the first process, which alone runs it, on every process; its Problem too."""
    if size() == 1:
        return action()
    outcome: tuple[Any, Problem | None] = (None, None)
    if is_main():
        try:
            outcome = action(), None
        except Problem as error:
            outcome = None, error
    value, problem = share(outcome)
    if problem is not None:
        raise problem
    return value


def total(*numbers: float) -> tuple[float, ...]:
    """Each number summed over the processes."""
    return numbers if size() == 1 else _reduced(numbers, "SUM")


def largest(number: float) -> float:
    """The largest of the processes' numbers."""
    return number if size() == 1 else _reduced((number,), "MAX")[0]


def _reduced(numbers: tuple[float, ...], operation: str) -> tuple[float, ...]:
    import torch

    values = torch.tensor(numbers, dtype=torch.float64)
    with _reaching():
        _dist().all_reduce(values, getattr(_dist().ReduceOp, operation))
    return tuple(values.tolist())


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its sum over the processes. Dense ones travel as one buffer; sparse row
    gradients (large embedding tables) travel as the rows that were touched."""
    if size() == 1:
        return
    import torch

    tensors = list(parameters)
    # A process without rows has no gradient and cannot tell which of them are sparse.
    sparse = [any(flags) for flags in zip(*gather([_is_sparse(p) for p in tensors]), strict=True)]
    dense = [p for p, rows in zip(tensors, sparse, strict=True) if not rows]
    if dense:
        buffer = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in dense])
        with _reaching():
            _dist().all_reduce(buffer)
        for parameter, part in zip(dense, buffer.split([p.numel() for p in dense]), strict=True):
            parameter.grad = part.view_as(parameter)
    for parameter in (p for p, rows in zip(tensors, sparse, strict=True) if rows):
        _sum_rows(parameter)


def _is_sparse(parameter: Tensor) -> bool:
    return parameter.grad is not None and parameter.grad.is_sparse


def _sum_rows(parameter: Tensor) -> None:
    import torch

    mine = parameter.grad
    parts = gather(None if mine is None else (mine._indices().cpu(), mine._values().cpu()))
    present = [part for part in parts if part is not None]
    indices = torch.cat([part[0] for part in present], dim=1).to(parameter.device)
    values = torch.cat([part[1] for part in present]).to(parameter.device)
    parameter.grad = torch.sparse_coo_tensor(indices, values, parameter.shape, check_invariants=False)
