"""Leaving out n-grams: the tree's arrays made dense again, in place, front to back."""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import blocks, create, release
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
    starts, total = trie.starts, 0
    before = create(trie.folder / "before", "<i4", int(starts[-1]) + 1)
    for level in range(1, trie.order + 1):
        least = -1 if level == 1 else config.threshold(level)
        for begin, end in blocks(int(starts[level - 1]), int(starts[level])):
            total = count_kept(begin, end, trie.counts, least, total, before)
            release((trie.counts, before))
    before[-1] = total
    arrays = (trie.ids, trie.first, suffix, probability, backoff)
    for begin, end in blocks(0, int(starts[-1])):
        move_kept(begin, end, before, int(starts[-2]), *arrays)
        release((before, *arrays))
    trie.first[before[starts[-2]]] = total
    return before[starts].astype(np.int64)


@kernel
def count_kept(begin: int, end: int, counts: Any, least: int, total: int, before: Any) -> int:
    """before [N + 1]: how many of the nodes before each are kept. `total` is that of `begin`; returns that of
    `end`."""
    for node in range(begin, end):
        before[node] = total
        if counts[node] > least:
            total += 1
    return total


@kernel
def move_kept(
    begin: int,
    end: int,
    before: Any,
    parents: int,
    ids: Any,
    first: Any,
    suffix: Any,
    probability: Any,
    backoff: Any,
) -> None:
    for node in range(begin, end):
        to = before[node]
        if before[node + 1] == to:
            continue
        ids[to], probability[to] = ids[node], probability[node]
        suffix[to] = before[suffix[node]] if suffix[node] >= 0 else -1
        if node < parents:
            first[to], backoff[to] = before[first[node]], backoff[node]
