"""A tagger trained as `textladder train` does it, for a fixed number of epochs; then used as from Python."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child


def job(
    rung: str, train: str, dev: str, test: str, epochs: float, settings: tuple[str, ...] = ()
) -> dict[str, Any]:
    """See `training.trained` for what is timed. dev: what the best epoch is chosen by."""
    began = time.perf_counter()
    import torch

    from benchmarks.ours.training import trained
    from textladder import TokenTagger, recipe

    importing = time.perf_counter() - began
    torch.set_num_threads(child.threads())
    chosen = recipe.rung(rung, "tag").set(["training.patience=0", *settings])
    chosen = chosen.with_training(epochs=float(epochs))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        _, found = trained(chosen, train, dev, Path(folder))
        tagger = TokenTagger.load(Path(folder) / "model")
    return {"import_seconds": importing, **found, **child.tagging_figures(tagger.predict_tags, test)}


if __name__ == "__main__":
    child.run(job)
