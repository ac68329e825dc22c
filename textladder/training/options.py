"""The [training] table of a recipe. Each default lives here, once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from textladder.errors import Problem
from textladder.ranges import Seed
from textladder.training.optimizing import OptimizerConfig


@dataclass(frozen=True)
class TrainingConfig(OptimizerConfig):
    """How long, in what batches and in what precision a model is trained, beside what `OptimizerConfig`
    says."""

    epochs: float = 10.0  # passes over the training texts, at most
    min_steps: int = 0  # on small data, epochs (and patience) are multiplied until there are so many steps
    max_steps: int | None = None  # optimizer steps, at most
    max_seconds: float | None = None  # wall-clock seconds of training, at most
    batch_units: int = 8192  # units of one batch (padded positions where the encoder pads)
    batch_texts: int = 64  # texts of one batch, at most
    accumulate: int = 1  # batches summed before one optimizer step
    clip_norm: float = 1.0  # gradients are scaled down to this Euclidean norm; 0: never
    checks_per_epoch: int = 1  # how often dev is scored
    patience: int = 3  # checks without a better dev score before training stops; 0: never stop early
    # Weights that are scored and kept: the last step's; a moving average; the mean over all checks, or over
    # the last of them
    average: Literal["none", "ema", "epochs", "last"] = "none"
    ema_decay: float = 0.999
    average_checks: int = 5  # of average "last"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where it pays (decision 0005)
    seed: Seed = 1
    log_every: int = 50  # steps between lines of log.jsonl
    save_seconds: float = 30.0  # training that is repeated after a kill, at most; 0: save after every step
    freeze_embedding: bool = False  # keep the vectors of --vectors as they were read

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in (
            "batch_units",
            "batch_texts",
            "accumulate",
            "checks_per_epoch",
            "log_every",
            "average_checks",
        ):
            self._demand(name, getattr(self, name) >= 1, "a whole number from 1 on")
        for name in ("clip_norm", "min_steps", "patience", "save_seconds", "seed"):
            self._demand(name, getattr(self, name) >= 0, "a number from 0 on")
        for name in ("epochs", "max_steps", "max_seconds"):
            value = getattr(self, name)
            self._demand(name, value is None or 0 < value < math.inf, "a number above 0")
        self._demand("ema_decay", 0 <= self.ema_decay < 1, "a number from 0 to below 1")

    def _demand(self, name: str, holds: bool, allowed: str) -> None:
        if not holds:
            raise Problem(f"training.{name}", f"{getattr(self, name)} is out of range.", f"Give {allowed}.")
