"""Several processes, one result: the only file that names `torch.distributed`.

On one process every function here is the identity, so callers never ask how many there are. Started by
`torchrun`, the processes share the rows of each batch; sums of totals and counts make the gradient exactly the
one that a single process would have taken.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def start() -> None:
    """Join the other processes, if a launcher such as `torchrun` started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        dist.init_process_group()  # no backend named: torch picks one per device (gloo, nccl)


def stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """True on the one process that writes files and talks to the user."""
    return rank() == 0


def barrier() -> None:
    if size() > 1:
        dist.barrier()


def share(value: Any) -> Any:
    """The first process's value, on every process."""
    if size() == 1:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def gather(value: Any) -> list[Any]:
    """The values of all processes, in the order of their ranks, on every process."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    dist.all_gather_object(values, value)
    return values


def total(*numbers: float) -> tuple[float, ...]:
    """Each number summed over the processes."""
    if size() == 1:
        return numbers
    sums = torch.tensor(numbers, dtype=torch.float64)
    dist.all_reduce(sums)
    return tuple(sums.tolist())


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Replace each gradient by its sum over the processes. Dense ones travel as one buffer; sparse row gradients
    (large embedding tables) travel as the rows that were touched."""
    if size() == 1:
        return
    tensors = list(parameters)
    sparse = [any(flags) for flags in zip(*gather([_is_sparse(p) for p in tensors]), strict=True)]
    dense = [p for p, rows in zip(tensors, sparse, strict=True) if not rows]
    buffer = torch.cat([(p.grad if p.grad is not None else torch.zeros_like(p)).flatten() for p in dense])
    dist.all_reduce(buffer)
    for parameter, part in zip(dense, buffer.split([p.numel() for p in dense]), strict=True):
        parameter.grad = part.view_as(parameter)
    for parameter in (p for p, rows in zip(tensors, sparse, strict=True) if rows):
        _sum_rows(parameter)


def _is_sparse(parameter: Tensor) -> bool:
    return parameter.grad is not None and parameter.grad.is_sparse


def _sum_rows(parameter: Tensor) -> None:
    mine = parameter.grad
    parts = gather(None if mine is None else (mine._indices().cpu(), mine._values().cpu()))
    present = [part for part in parts if part is not None]
    indices = torch.cat([part[0] for part in present], dim=1).to(parameter.device)
    values = torch.cat([part[1] for part in present]).to(parameter.device)
    parameter.grad = torch.sparse_coo_tensor(indices, values, parameter.shape)
