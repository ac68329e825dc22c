"""Optimizers for dense and for sparse-row gradients, learning-rate schedules, clipping and gradient norms.

Dense parameters go to torch.optim. Tables with sparse gradients (`sparse=True`: `RowTable`, `nn.Embedding`)
get the same update in rows that a batch touches and none elsewhere: repeated rows are summed first, so SGD
without momentum and Adagrad equal the dense ones exactly; Adam is torch's SparseAdam (moments of untouched
rows stand still), and so is momentum. Weight decay reaches a row when it is touched, and never biases and
norms (parameters of one dimension). Under Adam, a large `UnitEmbedding` is updated as if its gradient were
dense, at the cost of the rows that a batch reads (`deferring`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from textladder.errors import Problem, suggest
from textladder.layers.together import together

if TYPE_CHECKING:
    from textladder.layers.embedding import UnitEmbedding

OPTIMIZERS = ("sgd", "adam", "adamw", "adagrad")
STATES: dict[str, tuple[str, ...]] = {  # of a table, by optimizer, named as in torch.optim
    "sgd": ("momentum_buffer",),
    "adagrad": ("sum",),
    "adam": ("exp_avg", "exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq"),
}
SCHEDULES = ("constant", "linear", "cosine", "inverse_sqrt")
LARGE = 1 << 18  # numbers of an embedding from which on it pays to update only what is read
SMALL = 1 << 14  # numbers that are updated sooner than torch.optim has begun (benchmarks/NOTES.md)


@dataclass(frozen=True)
class OptimizerConfig:
    optimizer: Literal["sgd", "adam", "adamw", "adagrad"] = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.0  # of sgd
    weight_decay: float = 0.0  # adamw: of the weights (decoupled); others: added to the gradient
    betas: tuple[float, float] = (0.9, 0.999)  # of adam and adamw
    epsilon: float = 1e-8
    schedule: Literal["constant", "linear", "cosine", "inverse_sqrt"] = "linear"
    warmup: float = 0.0  # below 1: share of all steps; from 1 on: steps

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise Problem(
                "training.optimizer", f"{self.optimizer!r} is unknown.", suggest(self.optimizer, OPTIMIZERS)
            )
        if self.schedule not in SCHEDULES:
            raise Problem(
                "training.schedule", f"{self.schedule!r} is unknown.", suggest(self.schedule, SCHEDULES)
            )
        for name in ("learning_rate", "weight_decay", "momentum", "warmup", "epsilon"):
            if not 0 <= getattr(self, name) < math.inf:
                raise Problem(
                    f"training.{name}", f"{getattr(self, name)} is out of range.", "Give a number from 0 on."
                )


def learning_rate_at(step: int, total_steps: int, config: OptimizerConfig) -> float:
    """Factor on the learning rate in step 0 <= step < total_steps, after a linear warm-up.

    linear and cosine end at 0, which the step after the last would use; inverse_sqrt falls as the root of the
    steps since the start (Vaswani et al. 2017), from 1 at the end of the warm-up.
    """
    warmup = int(config.warmup * total_steps) if config.warmup < 1 else int(config.warmup)
    if step < warmup:
        return (step + 1) / warmup
    if config.schedule == "constant":
        return 1.0
    if config.schedule == "inverse_sqrt":
        return math.sqrt(max(warmup, 1) / max(step, warmup, 1))
    progress = min((step - warmup) / max(total_steps - warmup, 1), 1.0)
    return 1 - progress if config.schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2


def distinct_rows(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Sparse gradient of a table to distinct rows [U] and their summed gradients [U, D]."""
    rows, values = gradient._indices()[0], gradient._values()
    # Summed already by `clip`, unless a later backward pass has added entries since; or in the first place.
    if gradient.is_coalesced() or getattr(gradient, "distinct_entries", -1) == len(rows):
        return rows, values
    if bool((rows[1:] > rows[:-1]).all()):
        return rows, values
    if not _compiled(values):
        gradient = gradient.coalesce()
        return gradient.indices()[0], gradient.values()
    from textladder.layers import kernels

    found, sums = kernels.sum_duplicates(rows.contiguous().numpy(), values.contiguous().numpy())
    return torch.from_numpy(found), torch.from_numpy(sums)


class RowUpdates:
    """The optimizer of tables with sparse gradients (a dense one is a gradient of all rows). `param_groups`
    and `state` have the form of torch.optim."""

    def __init__(self, groups: list[dict[str, Any]], config: OptimizerConfig) -> None:
        self.config = config
        self.param_groups = [{**group, "lr": config.learning_rate} for group in groups]
        names = () if config.optimizer == "sgd" and config.momentum == 0 else STATES[config.optimizer]
        self.state: dict[Tensor, dict[str, Tensor]] = {
            table: {"step": torch.zeros(()), **{name: torch.zeros_like(table) for name in names}}
            for group in groups
            for table in group["params"]
        }
        self._seen: dict[Tensor, tuple[list[Tensor], list[int], Any, dict[str, Any]]] = {}

    def _arrays(self, table: Tensor) -> tuple[Any, dict[str, Any]]:
        """The table and its state as the kernels take them. Views are made once: a dozen calls of torch for
        each table and step would take as long as the update of a small one."""
        parts = [table, *self.state[table].values()]
        places = [part.data_ptr() for part in parts]
        seen = self._seen.get(table)
        if seen is None or seen[1] != places:
            views = {name: _rows(part).numpy() for name, part in self.state[table].items() if part.ndim}
            seen = self._seen[table] = parts, places, _rows(table.detach()).numpy(), views
        return seen[2:]

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for table in group["params"]:
                if table.grad is not None:
                    self.state[table]["step"] += 1
                    update = self._update_compiled if _compiled(table) else self._update_anywhere
                    update(table, *_touched(table.grad), group)

    def _update_compiled(self, table: Tensor, rows: Tensor, sums: Tensor, group: dict[str, Any]) -> None:
        from textladder.training import updates

        config, f32 = self.config, np.float32
        weights, state = self._arrays(table)
        rate, decay, epsilon = f32(group["lr"]), f32(group["weight_decay"]), f32(config.epsilon)
        touched, gradient = rows.numpy(), _rows(sums).numpy()
        if config.optimizer == "sgd":
            buffer = state["momentum_buffer"] if config.momentum > 0 else np.zeros((0, 1), f32)
            updates.sgd_rows(weights, buffer, touched, gradient, rate, f32(config.momentum), decay)
        elif config.optimizer == "adagrad":
            updates.adagrad_rows(weights, state["sum"], touched, gradient, rate, decay, epsilon)
        else:
            first, second = self._corrections(self.state[table])
            decoupled = config.optimizer == "adamw"
            updates.adam_rows(
                weights,
                state["exp_avg"],
                state["exp_avg_sq"],
                touched,
                gradient,
                rate,
                (f32(config.betas[0]), f32(config.betas[1])),
                (f32(first), f32(math.sqrt(second))),
                f32(0) if decoupled else decay,
                f32(1 - group["lr"] * group["weight_decay"]) if decoupled else f32(1),
                epsilon,
            )

    def _update_anywhere(self, table: Tensor, rows: Tensor, sums: Tensor, group: dict[str, Any]) -> None:
        config, state = self.config, self.state[table]
        rate, decay, old = group["lr"], group["weight_decay"], table[rows]
        sums = sums.to(table.dtype)
        if config.optimizer == "adamw":
            old = old * (1 - rate * decay)
        else:
            sums = sums + decay * old
        if config.optimizer == "sgd":
            if config.momentum > 0:
                sums = sums + config.momentum * state["momentum_buffer"][rows]
                state["momentum_buffer"][rows] = sums
            table[rows] = old - rate * sums
        elif config.optimizer == "adagrad":
            squares = state["sum"][rows] + sums * sums
            state["sum"][rows] = squares
            table[rows] = old - rate * sums / (squares.sqrt() + config.epsilon)
        else:
            first, second = self._corrections(state)
            mean = torch.lerp(state["exp_avg"][rows], sums, 1 - config.betas[0])
            square = config.betas[1] * state["exp_avg_sq"][rows] + (1 - config.betas[1]) * sums * sums
            state["exp_avg"][rows], state["exp_avg_sq"][rows] = mean, square
            table[rows] = old - rate / first * mean / (square.sqrt() / math.sqrt(second) + config.epsilon)

    def _corrections(self, state: dict[str, Tensor]) -> tuple[float, float]:
        """1 - beta^t of both moments (Kingma and Ba 2015, section 3)."""
        step = int(state["step"])
        return 1 - self.config.betas[0] ** step, 1 - self.config.betas[1] ** step


class Optimizer:
    """torch.optim for dense parameters and `RowUpdates` for tables, as one; its state is a flat dict of
    tensors."""

    def __init__(self, model: nn.Module, config: OptimizerConfig) -> None:
        tables = {
            id(module.weight)
            for module in model.modules()
            if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and module.sparse
        }
        self.names = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self._deferred = _deferred(model, config)
        apart = tables | {id(module.weight) for module, _ in self._deferred}
        rows = [p for p in self.names.values() if id(p) in tables]
        dense = [p for p in self.names.values() if id(p) not in apart]
        # One dimension: a bias or the gain of a norm, which decay would only pull from where they belong.
        spared = [p for p in dense if p.ndim <= 1 and config.weight_decay]  # one group is faster than two
        groups = [
            {
                "params": [p for p in dense if not any(p is q for q in spared)],
                "weight_decay": config.weight_decay,
            },
            {"params": spared, "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
        row_groups = [{"params": rows, "weight_decay": config.weight_decay}] if rows else []
        if rows and sum(p.numel() for p in dense) <= SMALL and all(map(_compiled, dense)):
            row_groups, groups = row_groups + groups, []
        self.parts: list[Any] = [_torch_optimizer(groups, config)] if groups else []
        if row_groups:
            self.parts.append(RowUpdates(row_groups, config))
        self.parts += [part for _, part in self._deferred]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [group for part in self.parts for group in part.param_groups]

    def set_learning_rate(self, rate: float) -> None:
        for group in self.param_groups:
            group["lr"] = rate

    def step(self) -> None:
        together([part.step for part in self.parts])  # each has parameters of its own

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Inside, rows of large embeddings are up to date when the model reads them, all of them after
        `settle`; outside, always."""
        for module, part in self._deferred:
            module.sparse, module.before_reading = True, part.bring
        try:
            yield
        finally:
            self.settle()
            for module, _ in self._deferred:
                module.sparse, module.before_reading = False, None

    def settle(self) -> None:
        """Bring all weights up to date: before they are read other than by the model's `forward`."""
        for _, part in self._deferred:
            part.settle()

    def zero_grad(self) -> None:
        for parameter in self.names.values():
            parameter.grad = None

    def state_tensors(self) -> dict[str, Tensor]:
        """Everything but the configuration, by "parameter/state": what a resumed run needs."""
        return {
            f"{name}/{key}": value
            for name, parameter in self.names.items()
            for part in self.parts
            for key, value in part.state.get(parameter, {}).items()
            if isinstance(value, Tensor)
        }

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """The reverse; Problem where a tensor fits no parameter of this model."""
        for full_name, value in tensors.items():
            name, _, key = full_name.rpartition("/")
            parameter = self.names.get(name)
            if parameter is None or not _fits(key, value, parameter):
                raise Problem(
                    "state of the optimizer",
                    f"{full_name!r} {list(value.shape)} belongs to another model.",
                    "Resume with the recipe that the run was started with.",
                )
            part = next(
                p for p in self.parts if any(parameter is q for g in p.param_groups for q in g["params"])
            )
            device = "cpu" if key == "step" else parameter.device
            part.state[parameter][key] = value.detach().to(device, copy=True)


def build_optimizer(model: nn.Module, config: OptimizerConfig) -> Optimizer:
    """The optimizer of all parameters of `model` that need a gradient."""
    return Optimizer(model, config)


def _deferred(model: nn.Module, config: OptimizerConfig) -> list[tuple[UnitEmbedding, Any]]:
    """Embeddings whose rows are updated when they are read, each with its optimizer."""
    from textladder.layers.embedding import UnitEmbedding  # with what compiles: not for reading a recipe

    owners = Counter(id(p) for module in model.modules() for p in module.parameters(recurse=False))
    found = [
        module
        for module in model.modules()
        if isinstance(module, UnitEmbedding)
        and not module.sparse
        and module.weight.requires_grad
        and module.weight.numel() >= LARGE
        and _compiled(module.weight)
        and not module.shared  # the other reader's gradient is of all rows
        and owners[id(module.weight)] == 1  # another module would read rows that are behind
    ]
    if not found:
        return []
    from textladder.training.deferring import DeferredAdam, can_defer

    return [(module, DeferredAdam(module.weight, config)) for module in found if can_defer(config)]


def _fits(key: str, value: Tensor, parameter: Tensor) -> bool:
    """Whether a tensor can be a state of a parameter."""
    if key in ("drift", "scale"):  # of all rows: a number per step
        return value.ndim == 1
    return value.ndim == 0 or value.shape == (parameter.shape[:1] if key == "row_step" else parameter.shape)


def clip(parameters: Iterable[nn.Parameter], max_norm: float) -> float:
    """Scale all gradients so that their Euclidean norm is at most `max_norm` (0 or infinity: leave them);
    returns the norm before. Repeated rows of sparse gradients are summed first: the norm is exact."""
    parameters = [p for p in parameters if p.grad is not None]
    values = [_gradient_values(p) for p in parameters]
    if not values:
        return 0.0
    total = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values))))
    if 0 < max_norm < total < math.inf:
        torch._foreach_mul_(values, max_norm / (total + 1e-6))
    return total


def gradient_norms(model: nn.Module) -> dict[str, float]:
    """Norm of the gradient of each layer: the parameters that one module holds itself, by its name."""
    squares: dict[str, float] = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            layer = name.rpartition(".")[0]
            squares[layer] = squares.get(layer, 0.0) + float(_gradient_values(parameter).float().norm()) ** 2
    return {layer: math.sqrt(square) for layer, square in squares.items()}


def _gradient_values(parameter: nn.Parameter) -> Tensor:
    """Numbers of a gradient, each once; a sparse gradient is replaced by one of distinct rows."""
    gradient = parameter.grad
    assert gradient is not None
    if not gradient.is_sparse:
        return gradient
    rows, sums = distinct_rows(gradient)
    if sums.data_ptr() != gradient._values().data_ptr():
        gradient = torch.sparse_coo_tensor(rows[None], sums, gradient.shape, check_invariants=False)
        parameter.grad = gradient
    gradient.distinct_entries = len(rows)  # type: ignore[attr-defined]
    return gradient._values()


def _touched(gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows [U] of a table that have a gradient, and their gradients [U, ...]."""
    if gradient.is_sparse:
        return distinct_rows(gradient)
    return torch.arange(len(gradient), device=gradient.device), gradient


def _rows(values: Tensor) -> Tensor:
    """As the kernels have a table: [R, D] in one piece; numbers without rows are rows of one."""
    return values.contiguous().view(len(values), -1)


def _compiled(tensor: Tensor) -> bool:
    """Whether the kernels can work on it; elsewhere torch's own operations give the same."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32


def _torch_optimizer(groups: list[dict[str, Any]], config: OptimizerConfig) -> torch.optim.Optimizer:
    # Fused kernels exist for all of these on the processor; elsewhere torch knows best what it has.
    fused = True if all(_compiled(p) for group in groups for p in group["params"]) else None
    rate = config.learning_rate
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, rate, momentum=config.momentum, fused=fused)
    if config.optimizer == "adagrad":
        return torch.optim.Adagrad(groups, rate, eps=config.epsilon, fused=fused)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, rate, betas=config.betas, eps=config.epsilon, fused=fused)
