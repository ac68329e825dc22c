"""All n-grams of a corpus as one tree, breadth first, in flat arrays.

A node is an n-gram. Nodes 0..V-1 are the single units; then come the pairs, the triples, and so on, each
level sorted by its units from first to last. The children of a node (the n-grams one unit longer that begin
with it) lie side by side, sorted by their last unit:

    starts [order + 1]  where each level begins, and the number of nodes at the end
    ids [N]             last unit of each node
    first [M + 1]       where the children of each node below the highest order begin, and N at the end
    counts [N]          how often it was seen (<s> alone counts 0, as it is never predicted)
    suffix [N]          the longest shorter n-gram of the tree that ends it ("b c" of "a b c"); ROOT of units

So the children of node x are first[x]..first[x + 1], whatever its level. All indices are int32: at most
2^31 - 1 n-grams in all.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import attach, in_threads, release, shorten

ROOT = -1
MOST = 2**31 - 1
SHORT_RANGE = 16  # children that are gone through one by one; more are halved


@dataclass(frozen=True)
class Trie:
    """The counted tree in a folder of its own; `suffix` is made when the counting is over."""

    folder: Path
    starts: NDArray[np.int64]
    ids: NDArray[np.int32]
    first: NDArray[np.int32]
    counts: NDArray[np.int32]

    @classmethod
    def open(cls, folder: Path, starts: NDArray[np.int64]) -> Trie:
        total, parents = int(starts[-1]), int(starts[-2])
        arrays = (("ids", total), ("first", parents + 1), ("counts", total))
        return cls(folder, starts, *(attach(folder / name, "<i4", size, "r+") for name, size in arrays))

    @classmethod
    def shortened(cls, folder: Path, starts: Sequence[int]) -> Trie:
        """Of arrays that were made with room to spare, filled up to `starts`."""
        total, parents = starts[-1], starts[-2]
        ids, counts = (shorten(folder / name, "<i4", total) for name in ("ids", "counts"))
        first = shorten(folder / "first", "<i4", parents + 1)
        first[parents] = total
        return cls(folder, np.array(starts, np.int64), ids, first, counts)

    @property
    def order(self) -> int:
        return len(self.starts) - 1

    def release(self) -> None:
        release((self.ids, self.first, self.counts))

    def remove(self) -> None:
        shutil.rmtree(self.folder)


def check_size(total: int, where: str) -> None:
    if total > MOST:
        raise Problem(
            where,
            f"there are more than {MOST:,} n-grams.",
            "Choose a lower order, fewer texts, or units with a smaller vocabulary.",
        )


@kernel
def child(ids: Any, first: Any, node: Any, unit: Any) -> Any:
    """The child of `node` whose last unit is `unit`, or -1."""
    low, high = first[node], first[node + 1]
    while high - low > SHORT_RANGE:
        middle = (low + high) >> 1
        if ids[middle] <= unit:
            low = middle
        else:
            high = middle
    while low < high:
        if ids[low] == unit:
            return low
        low += 1
    return -1


@kernel
def link(begin: int, end: int, ids: Any, first: Any, suffix: Any) -> None:
    """Sets `suffix` of the children of the nodes begin..end, whose own is set."""
    for node in range(begin, end):
        for below in range(first[node], first[node + 1]):
            unit, shorter = ids[below], suffix[node]
            found = -1
            while shorter >= 0 and found < 0:
                found = child(ids, first, shorter, unit)
                shorter = suffix[shorter]
            suffix[below] = found if found >= 0 else unit


def link_all(starts: NDArray[np.int64], ids: Any, first: Any, suffix: Any, threads: int) -> None:
    """Sets the whole of `suffix` [N], level by level."""
    suffix[: starts[1]] = ROOT
    for level in range(1, len(starts) - 1):
        begin, end = int(starts[level - 1]), int(starts[level])
        in_threads(lambda a, b: link(a, b, ids, first, suffix), begin, end, threads, (ids, first, suffix))
