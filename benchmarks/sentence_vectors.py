"""What both sides of `benchmarks.sentences` search, and how they are timed: numpy alone, which a peer has
too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Search = Callable[[Vectors], NDArray[np.int64]]
TURNS = 9


def made(rows: int, dim: int, queries: int) -> tuple[Vectors, Vectors]:
    """Random vectors of length 1: a corpus and the queries, the same in every process."""
    rng = np.random.default_rng(0)
    found = rng.standard_normal((rows + queries, dim), dtype=np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found[:rows], found[rows:]


def timed(search: Search, queries: Vectors) -> dict[str, Any]:
    """search: queries [q, D] -> rows found [q, n]. One query at a time, and all at once: the medians of many;
    `found`, by which exact searches are seen to find the same."""
    search(queries[:1])
    search(queries[:1])
    rows = search(queries)
    alone = [_seconds(search, queries[n % len(queries)][None]) for n in range(2 * TURNS)]
    together = [_seconds(search, queries) for _ in range(TURNS)]
    return {
        "milliseconds_of_one": statistics.median(alone) * 1e3,
        "queries_per_second_alone": 1 / statistics.median(alone),
        "queries_per_second_together": len(queries) / statistics.median(together),
        "found": int((rows * np.arange(1, rows.size + 1).reshape(rows.shape)).sum() % 1_000_003),
    }


def _seconds(search: Search, queries: Vectors) -> float:
    began = time.perf_counter()
    search(queries)
    return time.perf_counter() - began
