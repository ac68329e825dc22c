"""Two counted trees into one, level by level, front to back: memory does not grow with their size."""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import blocks, create, release
from textladder.ngrams.trie import MOST, Trie, check_size


def merge(one: Trie, other: Trie, folder: Path) -> Trie:
    """The tree of both corpora. Both trees have the same vocabulary and order."""
    size, order = int(one.starts[1]), one.order
    most = np.minimum(np.diff(one.starts) + np.diff(other.starts), MOST)
    most[0] = size
    ids = create(folder / "ids", "<i4", int(most.sum()))
    counts = create(folder / "counts", "<i4", int(most.sum()))
    first = create(folder / "first", "<i4", int(most[:-1].sum()) + 1)
    ids[:size] = one.ids[:size]
    counts[:size] = one.counts[:size] + other.counts[:size]
    starts = [0, size]
    # For each node of the level: which node it is in `one` and in `other`, -1 where it is in neither.
    places = [np.arange(size, dtype=np.int32)] * 2
    for level in range(1, order):
        low, high = starts[-2:]
        fresh = [create(folder / f"places-{level}-{k}", "<i4", int(most[level])) for k in range(2)]
        end = high
        for begin, stop in blocks(low, high):
            at = (places[0][begin - low : stop - low], places[1][begin - low : stop - low])
            a, b = (one.ids, one.first, one.counts), (other.ids, other.first, other.counts)
            end = merge_children(*at, *a, *b, begin, high, end, ids, first, counts, *fresh)
            one.release()
            other.release()
            release((ids, first, counts, *places, *fresh))
        check_size(end, "corpus")
        places = fresh
        for k in range(2):  # what is mapped stays readable until it is let go
            (folder / f"places-{level}-{k}").unlink()
        starts.append(end)
    return Trie.shortened(folder, starts)


@kernel
def merge_children(
    at_a: NDArray[np.int32],
    at_b: NDArray[np.int32],
    ids_a: Any,
    first_a: Any,
    counts_a: Any,
    ids_b: Any,
    first_b: Any,
    counts_b: Any,
    node: int,
    high: int,
    end: int,
    ids: Any,
    first: Any,
    counts: Any,
    next_a: Any,
    next_b: Any,
) -> int:
    """Appends the children of merged nodes, the first of which is `node`, from `end` on; the new end. The
    level of the children begins at `high`."""
    for k in range(len(at_a)):
        a = a_stop = b = b_stop = 0
        if at_a[k] >= 0:
            a, a_stop = first_a[at_a[k]], first_a[at_a[k] + 1]
        if at_b[k] >= 0:
            b, b_stop = first_b[at_b[k]], first_b[at_b[k] + 1]
        first[node + k] = end
        while a < a_stop or b < b_stop:
            from_a = a < a_stop and (b == b_stop or ids_a[a] <= ids_b[b])
            from_b = b < b_stop and (a == a_stop or ids_b[b] <= ids_a[a])
            next_a[end - high] = next_b[end - high] = -1
            total = 0
            if from_a:
                ids[end], next_a[end - high] = ids_a[a], a
                total += counts_a[a]
                a += 1
            if from_b:
                ids[end], next_b[end - high] = ids_b[b], b
                total += counts_b[b]
                b += 1
            counts[end] = total
            end += 1
    return end
