"""A rung trained as `textladder train` does it, for a fixed number of epochs; then used."""

from __future__ import annotations

import tempfile
import time
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
    """seconds: reading, tokenising and training, without the scoring of dev after each epoch (peers do not
    score). training_seconds: the steps alone. whole_seconds: from the start of the process to the saved
    model, scoring included. dev: what the best epoch is chosen by."""
    began = time.perf_counter()
    import torch

    from benchmarks.ours.loading import read_parts
    from textladder import preparing, recipe
    from textladder.trainer import Trainer

    importing = time.perf_counter() - began
    torch.set_num_threads(child.threads())
    chosen = recipe.rung(rung, "classify").set(["training.patience=0", *settings])
    if epochs:
        chosen = chosen.with_training(epochs=float(epochs))

    class Timed(Trainer):
        scoring = 0.0

        def score(self, *args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return super().score(*args, **options)
            finally:
                self.scoring += time.perf_counter() - began

    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        work = Path(folder)
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
        found = {
            "import_seconds": importing,
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

    def answer(texts: list[str]) -> list[str]:
        return model.task.decide(model.predict(texts))

    texts, labels = _labelled(test)
    found["accuracy"] = child.accuracy(answer(texts), labels)
    if predict:
        found["one_ms"] = child.milliseconds_of_one(lambda text: answer([text]), texts)
        found["texts_per_second"] = child.texts_per_second(answer, texts)
    return found


def _labelled(path: str) -> tuple[list[str], list[str]]:
    if path.endswith(".csv"):
        return child.read_csv(path)
    texts, labels = zip(*child.read_labelled_lines(path), strict=True)
    return list(texts), list(labels)


if __name__ == "__main__":
    child.run(job)
