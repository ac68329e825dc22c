"""Leaving out n-grams: the tree's arrays made dense again, in place, front to back."""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import kernel
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.trie import Trie


def prune(
    trie: Trie,
    suffix: NDArray[np.int32],
    probability: NDArray[np.float32],
    backoff: NDArray[np.float32],
    config: NgramConfig,
) -> NDArray[np.int64]:
    """Removes every n-gram seen as often as its order's threshold or less; where the levels begin afterwards
    [order + 1]. The arrays keep their lengths: what stands after the new end means nothing.

    Thresholds never fall from order to order, so the beginning and the end of what is kept are kept.
    """
    starts = trie.starts
    before = np.empty(int(starts[-1]) + 1, np.int32)
    least = np.array([config.threshold(level) for level in range(1, trie.order + 1)])
    count_kept(starts, trie.counts, least, before)
    move_kept(before, int(starts[-2]), trie.ids, trie.first, suffix, probability, backoff)
    return before[starts].astype(np.int64)


@kernel
def count_kept(starts: Any, counts: Any, least: Any, before: Any) -> None:
    """before [N + 1]: how many of the nodes before each are kept."""
    total = 0
    for level in range(len(starts) - 1):
        for node in range(starts[level], starts[level + 1]):
            before[node] = total
            if level == 0 or counts[node] > least[level]:
                total += 1
    before[starts[-1]] = total


@kernel
def move_kept(
    before: Any, parents: int, ids: Any, first: Any, suffix: Any, probability: Any, backoff: Any
) -> None:
    for node in range(len(before) - 1):
        to = before[node]
        if before[node + 1] == to:
            continue
        ids[to], probability[to] = ids[node], probability[node]
        suffix[to] = before[suffix[node]] if suffix[node] >= 0 else -1
        if node < parents:
            first[to], backoff[to] = before[first[node]], backoff[node]
    first[before[parents]] = before[-1]
