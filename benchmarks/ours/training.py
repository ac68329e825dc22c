"""A rung trained as `textladder train` does it, with a clock on each part."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.ours.loading import read_parts
from textladder import preparing
from textladder.model import Model
from textladder.recipe import Recipe
from textladder.trainer import Trainer


class Timed(Trainer):
    """Counts the seconds of scoring apart: peers do not score while they train."""

    scoring = 0.0

    def score(self, *args: Any, **options: Any) -> Any:
        began = time.perf_counter()
        try:
            return super().score(*args, **options)
        finally:
            self.scoring += time.perf_counter() - began


def trained(chosen: Recipe, train: str, dev: str, work: Path) -> tuple[Model, dict[str, Any]]:
    """The model, saved in work / "model", and what it took. seconds: reading, tokenising and training,
    without the scoring of dev after each epoch. training_seconds: the steps alone. whole_seconds: from the
    start of the process to the saved model, scoring included."""
    began = time.perf_counter()
    data = read_parts(chosen, work / "data", train, dev)
    reading = time.perf_counter() - began
    prepared = preparing.prepare(chosen, data, work)
    preparing_seconds = time.perf_counter() - began - reading
    trainer = Timed(chosen, data, prepared, None)
    trainer.train()
    seconds = time.perf_counter() - began - trainer.scoring
    trainer.model.task.finish(trainer.outcomes("dev"), data.dev.golds)
    model = trainer.model.eval()
    model.save(work / "model")
    whole = child.since_start()
    units = len(prepared.stores["train"].columns["text"].flat)
    passes = trainer.epochs
    return model, {
        "reading_seconds": reading,
        "preparing_seconds": preparing_seconds,
        "training_seconds": trainer.progress.seconds,
        "seconds": seconds,
        "whole_seconds": whole,
        "epochs": passes,
        "words_per_second": units * passes / trainer.progress.seconds,
        "precision": trainer.options.precision,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }
