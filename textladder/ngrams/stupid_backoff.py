"""Stupid backoff (Brants, Popat, Xu, Och and Dean 2007, equation 5): the relative frequency after the longest
context that has it, times a constant for every unit of context given up.

The scores are not probabilities: they do not sum to one. The recursion goes one step further than in the
paper, to the uniform distribution, so that a unit never seen has a score.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from textladder.layers.kernels import kernel
from textladder.ngrams.estimating import Counted, Estimated, unit_shares


def estimate(counted: Counted) -> Estimated:
    trie, factor = counted.trie, counted.config.backoff
    units = unit_shares(np.asarray(trie.counts[: trie.starts[1]]))
    counted.probability[: trie.starts[1]] = np.where(units > 0, units, factor / counted.vocabulary)
    counted.silence()

    def task(begin: int, end: int) -> None:
        relative(begin, end, trie.first, trie.counts, counted.probability)
        counted.backoff[begin:end] = factor

    for level in range(1, trie.order):
        counted.each_context(level, task)
    return Estimated({"backoff": factor}, unseen=factor)


@kernel
def relative(begin: int, end: int, first: Any, counts: Any, probability: Any) -> None:
    """Children of the contexts begin..end: how often each was what followed."""
    for node in range(begin, end):
        total = 0.0
        for below in range(first[node], first[node + 1]):
            total += counts[below]
        for below in range(first[node], first[node + 1]):
            probability[below] = counts[below] / total
