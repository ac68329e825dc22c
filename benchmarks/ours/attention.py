"""What share of this machine's matrix rate the training of the `attention` rung reaches.

Work: the matrix products of forward, and twice as much for backward, on real units (padding is no work).
Time: whole training steps, optimizer included. Rate of the machine: a product of two 1024 x 1024 matrices in
the same precision, the best of several.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child

SIDE = 1024
FORWARD_AND_BACKWARD = 3


def matrix_rate(precision: str) -> float:
    """FLOP/s of the best of several products."""
    import torch

    square = torch.randn(SIDE, SIDE, dtype=getattr(torch, precision))
    best = float("inf")
    for _ in range(60):
        began = time.perf_counter()
        square @ square
        best = min(best, time.perf_counter() - began)
    return 2 * SIDE**3 / best


def forward_flops(lengths: Any, dim: int, feedforward: int, layers: int) -> int:
    """FLOPs of the products for texts of these lengths. Per unit and layer: four projections [D, D] and the
    two of the feed-forward net; per pair of units and layer: scores and weighted sum."""
    units, pairs = int(lengths.sum()), int((lengths.astype("int64") ** 2).sum())
    return layers * (2 * units * (4 * dim * dim + 2 * dim * feedforward) + 2 * 2 * dim * pairs)


def job(train: str, dev: str, settings: tuple[str, ...] = (), steps: int | None = None) -> dict[str, Any]:
    import numpy as np
    import torch

    from benchmarks.ours.loading import read_parts
    from textladder import preparing, recipe
    from textladder.trainer import Trainer

    torch.set_num_threads(child.threads())
    chosen = recipe.rung("attention", "classify").set(["training.patience=0", *settings])
    chosen = chosen.with_training(epochs=1.0)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        data = read_parts(chosen, Path(folder) / "data", train, dev)
        prepared = preparing.prepare(chosen, data, Path(folder))
        # The first steps choose kernels and reserve memory: not timed.
        warm = Trainer(chosen.with_training(max_steps=5), data, prepared, None)
        warm.train()
        trainer = Trainer(chosen.with_training(max_steps=steps), data, prepared, None)
        rates = [matrix_rate(trainer.options.precision)]
        trainer.train()
        rates.append(matrix_rate(trainer.options.precision))
        columns = prepared.stores["train"].columns["text"]
        done = np.concatenate(
            [
                trainer.feed.rows(0, number)
                for number in range(trainer.progress.step if steps else trainer.feed.batches(0))
            ]
        )
        lengths = np.asarray(columns.lengths)[done]
        config = trainer.model.encoder.config
        flops = FORWARD_AND_BACKWARD * forward_flops(
            lengths, config.embedding_dim, config.feedforward_dim, config.num_layers
        )
        seconds = trainer.progress.seconds
    rate = max(rates)
    return {
        "seconds": seconds,
        "words_per_second": int(lengths.sum()) / seconds,
        "gflops": flops / seconds / 1e9,
        "machine_gflops": rate / 1e9,
        "share": flops / seconds / rate,
        "precision": trainer.options.precision,
    }


if __name__ == "__main__":
    child.run(job)
