"""A rung trained as `textladder train` does it, for a fixed number of epochs; then used."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import child


def job(
    rung: str,
    train: str,
    dev: str,
    test: str,
    epochs: float | None = None,
    settings: tuple[str, ...] = (),
    predict: bool = True,
) -> dict[str, Any]:
    """See `training.trained` for what is timed. dev: what the best epoch is chosen by."""
    began = time.perf_counter()
    import torch

    from benchmarks.ours.training import trained
    from textladder import recipe

    importing = time.perf_counter() - began
    torch.set_num_threads(child.threads())
    chosen = recipe.rung(rung, "classify").set(fixed(epochs, settings))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        model, found = trained(chosen, train, dev, Path(folder))
    found = {"import_seconds": importing, **found}

    def answer(texts: list[str]) -> list[str]:
        return model.task.decide(model.predict(texts))

    texts, labels = _labelled(test)
    found["accuracy"] = child.accuracy(answer(texts), labels)
    if predict:
        found["one_ms"] = child.milliseconds_of_one(lambda text: answer([text]), texts)
        found["texts_per_second"] = child.texts_per_second(answer, texts)
    return found


def fixed(epochs: float | None, settings: Sequence[str] = ()) -> list[str]:
    """Settings with which a rung trains for so many epochs: none fewer for want of patience, and none more to
    come to min_steps, which counts only where epochs are not set."""
    return ["training.patience=0", *([f"training.epochs={epochs}"] if epochs else []), *settings]


def _labelled(path: str) -> tuple[list[str], list[str]]:
    if path.endswith(".csv"):
        return child.read_csv(path)
    texts, labels = zip(*child.read_labelled_lines(path), strict=True)
    return list(texts), list(labels)


if __name__ == "__main__":
    child.run(job)
