"""Hierarchical softmax (Morin and Bengio 2005; word2vec's with a Huffman tree, Mikolov et al. 2013a)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Paths:
    """From the root to each word: word w passes the inner nodes `nodes[starts[w]:starts[w + 1]]` (0 to V - 2;
    the root is V - 2) and turns to 0 or 1 by `codes` there."""

    starts: NDArray[np.int64]  # [V + 1]
    nodes: NDArray[np.int32]
    codes: NDArray[np.uint8]


def huffman(counts: NDArray[np.int64]) -> Paths:
    """The paths of Huffman's tree (1952): the sum over words of count times length is as small as can be.

    counts: falling, as the words of a corpus are.
    """
    starts, nodes, codes = _paths(np.ascontiguousarray(counts, np.int64))
    return Paths(starts, nodes, codes)


@numba.njit(cache=True)
def _paths(counts: Any) -> Any:
    """Words from the rarest on and inner nodes in the order of their making are two rising queues: the two
    lightest trees are always at their heads."""
    size = len(counts)
    weights = np.zeros(max(size - 1, 0), np.int64)  # of the inner nodes
    parents = np.zeros(2 * size, np.int64)  # of words [V], then of inner nodes: which inner node
    turns = np.zeros(2 * size, np.uint8)
    word, inner = size - 1, 0
    for made in range(size - 1):
        for turn in range(2):
            if word >= 0 and (inner >= made or counts[word] <= weights[inner]):
                child, weight = word, counts[word]
                word -= 1
            else:
                child, weight = size + inner, weights[inner]
                inner += 1
            weights[made] += weight
            parents[child], turns[child] = made, turn
    root = 2 * size - 2
    starts = np.zeros(size + 1, np.int64)
    for w in range(size):
        length, node = 0, w
        while size > 1 and node != root:
            length, node = length + 1, size + parents[node]
        starts[w + 1] = starts[w] + length
    nodes, codes = np.empty(starts[size], np.int32), np.empty(starts[size], np.uint8)
    for w in range(size):
        at, node = starts[w + 1], w
        while at > starts[w]:
            at -= 1
            codes[at], nodes[at] = turns[node], parents[node]
            node = size + parents[node]
    return starts, nodes, codes
