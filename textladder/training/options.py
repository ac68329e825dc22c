"""The [training] table of a recipe. Each default lives here, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textladder.training.optimizing import OptimizerConfig


@dataclass(frozen=True)
class TrainingConfig(OptimizerConfig):
    """How long, in what batches and in what precision a model is trained, beside what `OptimizerConfig` says."""

    epochs: float = 10.0  # passes over the training texts, at most
    max_steps: int | None = None  # optimizer steps, at most
    max_seconds: float | None = None  # wall-clock seconds of training, at most
    batch_units: int = 8192  # units of one batch (padded positions where the encoder pads)
    batch_texts: int = 64  # texts of one batch, at most
    accumulate: int = 1  # batches summed before one optimizer step
    clip_norm: float = 1.0  # gradients are scaled down to this Euclidean norm; 0: never
    checks_per_epoch: int = 1  # how often dev is scored
    patience: int = 3  # checks without a better dev score before training stops; 0: never stop early
    average: Literal["none", "ema", "epochs"] = "none"  # weights that are scored and kept
    ema_decay: float = 0.999
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where it pays (decision 0005)
    seed: int = 1
    log_every: int = 50  # steps between lines of log.jsonl
    freeze_embedding: bool = False  # keep the vectors of --vectors as they were read
