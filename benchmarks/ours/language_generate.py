"""Text written by a language model of ours."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks import child

TEMPERATURE = 0.8


def job(
    rung: str,
    train: str,
    block: int,
    layers: int,
    heads: int,
    width: int,
    length: int,
    batch: int,
    turns: int = 3,
) -> dict[str, Any]:
    """`length` characters of `batch` texts. One step of training is taken: speed is the same after many."""
    import torch

    from textladder import LanguageModel

    torch.set_num_threads(child.threads())
    settings = {
        "tokenizer.max_length": block,
        "tokenizer.min_count": 1,
        "encoder.max_length": block,
        "encoder.num_layers": layers,
        "encoder.num_heads": heads,
        "encoder.embedding_dim": width,
        "encoder.feedforward_dim": 4 * width,
        "training.max_steps": 1,
    }
    lm = LanguageModel(rung, units="character", settings=settings).fit(Path(train))
    asked: dict[str, Any] = {"temperature": TEMPERATURE, "n": batch, "seed": 1, "ignore_end": True}
    began = time.perf_counter()
    lm.generate("", length=8, **asked)
    first = time.perf_counter() - began
    seconds, written = [], []
    for _ in range(turns):
        began = time.perf_counter()
        said = lm.generate("", length=length, **asked)
        seconds.append(time.perf_counter() - began)
        written = [said] if isinstance(said, str) else said
    assert [len(text) for text in written] == [length] * batch, "texts are shorter than was asked"
    return {
        "seconds": statistics.median(seconds),
        "characters_per_second": batch * length / statistics.median(seconds),
        "first_seconds": first,
        "parameters": lm.model_.parameter_count,
    }


if __name__ == "__main__":
    child.run(job)
