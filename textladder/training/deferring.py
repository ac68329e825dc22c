"""Adam on a table of which a step reads few rows, equal to Adam on all of it, at the cost of those rows.

A row without gradient moves on under Adam too, by its fading mean (and shrinks, under AdamW's decay). Here it
does so when it is next read or saved: k steps at once, whose sum is known. With t the last step that the row
has had, m and v its moments then, and c1, c2 Adam's corrections (Kingma and Ba 2015, algorithm 1), step u
without gradient takes from it

    rate_u / c1_u * m beta1^(u - t) / (sqrt(v beta2^(u - t) / c2_u) + epsilon)

or, but for the fading of epsilon, m / (sqrt(v) + epsilon sqrt(c2_t)) times rate_u sqrt(c2_u) / c1_u
r^(u - t), r = beta1 / sqrt(beta2): a factor that is the same for all numbers of all rows that stand at step
t. `drift[t]` is its sum over the steps since; `scale[t]` is what weight decay has left of a row of 1 until
step t.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from textladder.training import updates
from textladder.training.optimizing import OptimizerConfig, distinct_rows

NEGLIGIBLE = 1e-10  # of a step's size: what the mean of a row moves when it has faded


def can_defer(config: OptimizerConfig) -> bool:
    """Whether rows without gradient do what is said above: L2 decay would be a gradient of every row."""
    fades = config.betas[0] < math.sqrt(config.betas[1])
    return fades and (config.optimizer == "adamw" or (config.optimizer == "adam" and not config.weight_decay))


class DeferredAdam:
    """Adam or AdamW (`can_defer`) of one table [V, D] in float32 on the processor. `param_groups` and `state`
    have the form of torch.optim; rows are up to date after `bring` (those) and `settle` (all)."""

    def __init__(self, table: Tensor, config: OptimizerConfig) -> None:
        self.table, self.config = table, config
        decay = config.weight_decay if config.optimizer == "adamw" else 0.0
        self.param_groups: list[dict[str, Any]] = [
            {"params": [table], "lr": config.learning_rate, "weight_decay": decay}
        ]
        self.state: dict[Tensor, dict[str, Tensor]] = {
            table: {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(table),
                "exp_avg_sq": torch.zeros_like(table),
                "row_step": torch.zeros(len(table), dtype=torch.int64),  # [V] t of each row
                "drift": torch.zeros(1, dtype=torch.float64),  # [steps + 1]
                "scale": torch.ones(1, dtype=torch.float64),  # [steps + 1]
            }
        }
        ratio = config.betas[0] / math.sqrt(config.betas[1])
        count = math.ceil(math.log(NEGLIGIBLE) / math.log(ratio)) if ratio > 0 else 1
        self._fading = ratio ** np.arange(count, 0, -1)  # [K] r^K ... r^2 r

    @torch.no_grad()
    def bring(self, rows: Tensor) -> None:
        """Catch up in some rows, which may be named more than once."""
        state = self.state[self.table]
        updates.adam_catch_up(
            self.table.detach().numpy(),
            state["exp_avg"].numpy(),
            state["exp_avg_sq"].numpy(),
            rows.flatten().numpy(),
            state["row_step"].numpy(),
            int(state["step"]),
            state["drift"].numpy(),
            state["scale"].numpy(),
            self.config.betas,
            self.config.epsilon,
        )

    def settle(self) -> None:
        """Catch up in all rows."""
        self.bring(torch.arange(len(self.table)))

    @torch.no_grad()
    def step(self) -> None:
        gradient = self.table.grad
        if gradient is None:
            return
        rows, sums = (
            distinct_rows(gradient) if gradient.is_sparse else (torch.arange(len(gradient)), gradient)
        )
        self.bring(rows)
        state, group, f32 = self.state[self.table], self.param_groups[0], np.float32
        state["step"] += 1
        step, rate = int(state["step"]), group["lr"]
        betas = self.config.betas
        corrections = 1 - betas[0] ** step, math.sqrt(1 - betas[1] ** step)
        shrink = 1 - rate * group["weight_decay"]
        updates.adam_rows(
            self.table.detach().numpy(),
            state["exp_avg"].numpy(),
            state["exp_avg_sq"].numpy(),
            rows.numpy(),
            sums.contiguous().numpy(),
            f32(rate),
            (f32(betas[0]), f32(betas[1])),
            (f32(corrections[0]), f32(corrections[1])),
            f32(0),
            f32(shrink),
            f32(self.config.epsilon),
        )
        state["row_step"][rows] = step
        self._note(step, rate * corrections[1] / corrections[0], shrink)

    def _note(self, step: int, size: float, shrink: float) -> None:
        """What this step does to rows without gradient, which stand at some step before it."""
        state = self.state[self.table]
        if step >= len(state["drift"]):  # twice the room, seldom
            for name in ("drift", "scale"):
                state[name] = torch.cat(
                    [state[name], torch.zeros(len(state[name]) + 64, dtype=torch.float64)]
                )
        drift, scale = state["drift"].numpy(), state["scale"].numpy()
        scale[step] = scale[step - 1] * shrink
        first = max(step - len(self._fading), 0)
        drift[first:step] += self._fading[first - step :] * (size / scale[step])
