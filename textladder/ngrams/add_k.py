"""Add-k smoothing (Lidstone 1920; k = 1 is Laplace's): P(w | h) = (c(h w) + k) / (c(h) + k V).

It never backs off: every context of `order` - 1 units (fewer near the beginning of a text, <s> included)
stands for itself, and one never seen has the uniform distribution. V leaves out <pad> and <s>.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np

from textladder.layers.kernels import kernel
from textladder.ngrams.estimating import Counted, Estimated


def estimate(counted: Counted) -> Estimated:
    trie, config = counted.trie, counted.config
    size, everywhere = int(trie.starts[1]), config.k * counted.vocabulary
    units = np.asarray(trie.counts[:size])
    counted.probability[:size] = (units + config.k) / (units.sum(dtype=np.int64) + everywhere)
    counted.silence()
    for level in range(2, trie.order + 1):
        least = config.threshold(level)

        def task(begin: int, end: int, least: int = least) -> None:
            arrays = (trie.first, trie.counts, counted.probability, counted.backoff)
            add(begin, end, *arrays, least, config.k, everywhere)

        counted.each_context(level - 1, task)
    return Estimated({"k": config.k}, straight=trie.order > 1)


@kernel
def add(
    begin: int,
    end: int,
    first: Any,
    counts: Any,
    probability: Any,
    backoff: Any,
    least: int,
    k: float,
    everywhere: float,
) -> None:
    """Children of the contexts begin..end; n-grams with counts up to `least` are as if they were not seen.
    `everywhere` is k V; what a unit not seen has is the backoff times 1 / V."""
    for node in range(begin, end):
        total = everywhere
        for below in range(first[node], first[node + 1]):
            if counts[below] > least:
                total += counts[below]
        backoff[node] = everywhere / total
        for below in range(first[node], first[node + 1]):
            probability[below] = (counts[below] + k) / total
