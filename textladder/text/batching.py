"""Which texts go into which batch: by length, so that little is padded, and at random, as training needs it.

The plan of an epoch is a pure function of (lengths, seed, epoch): a run that goes on asks for batch k and
reads nothing before it. Every process makes the same plan, and process r of R takes rows r, r + R, r + 2R
and so on of a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Numbers, narrow

# Texts are sorted by length inside random pools of about so many batches: with fewer, more is padded; with
# more, the same texts meet again and again.
POOL_BATCHES = 100
# The longest text of a batch is at most so many times as long as its shortest (and a few units more). Only
# the few very long texts of a pool feel it; without it their batch alone pads as much as all others.
TRAINING_SPREAD, EVALUATION_SPREAD, FREE_UNITS = 1.5, 1.15, 4


@dataclass(frozen=True)
class BatchPlan:
    """Batch k holds the rows `order[starts[k]:stops[k]]`; every row is in one batch."""

    order: Numbers  # [B of all batches]
    starts: NDArray[np.int64]  # [batches]
    stops: NDArray[np.int64]  # [batches]

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, number: int) -> Numbers:
        """The rows of one batch, over all processes."""
        return self.order[self.starts[number] : self.stops[number]]

    def __iter__(self) -> Iterator[Numbers]:
        return (self.rows(number) for number in range(len(self)))

    def padding_share(self, lengths: Numbers) -> float:
        """The share of padded positions that hold no unit, if each batch is padded to its longest text."""
        positions = sum(len(rows) * max(int(lengths[rows].max()), 1) for rows in self)
        return 1 - int(lengths.sum()) / positions if positions else 0.0


def plan(
    lengths: Numbers,
    budget_units: int,
    max_texts: int,
    seed: int,
    epoch: int,
    *,
    padded: bool = True,
    others: Numbers | None = None,
) -> BatchPlan:
    """The batches of one epoch of training, each of at most `max_texts` texts and `budget_units` units.

    padded: units are counted as the padded batch has them (texts times the longest), texts of like length
    go together, and the batches come in random order. Otherwise texts come in any order and their
    own units count. others: lengths of what goes with each text, where a row has two sides: of texts of one
    length those are together whose others are alike, and the longer side is what the budget is for.
    A text longer than the budget is a batch of its own.
    """
    random = np.random.default_rng([seed, epoch])
    order = random.permutation(_numbers(len(lengths)))
    if not padded:
        bounds = _by_sum(lengths[order], budget_units, max_texts)
        return BatchPlan(order, bounds[:-1], bounds[1:])
    typical = max(min(max_texts, int(budget_units / max(lengths.mean(), 1))), 1) if len(lengths) else 1
    pool = POOL_BATCHES * typical
    for start in range(0, len(order), pool):
        members = order[start : start + pool]
        keys = (lengths[members],) if others is None else (others[members], lengths[members])
        order[start : start + pool] = members[np.lexsort(keys)]
    longer = None if others is None else np.maximum(lengths, others)[order]
    bounds = _by_width(
        lengths[order], budget_units, max_texts, pool=pool, spread=TRAINING_SPREAD, longer=longer
    )
    shuffled = random.permutation(len(bounds) - 1)
    return BatchPlan(order, bounds[:-1][shuffled], bounds[1:][shuffled])


def evaluation_plan(lengths: Numbers, budget_units: int, max_texts: int = 1024) -> BatchPlan:
    """Batches in which each text is once and next to nothing is padded: sorted by length, shortest first.

    The rows of the batches say where each outcome belongs.
    """
    order = narrow(np.argsort(lengths, kind="stable"))
    bounds = _by_width(
        lengths[order], budget_units, max_texts, pool=max(len(order), 1), spread=EVALUATION_SPREAD
    )
    return BatchPlan(order, bounds[:-1], bounds[1:])


def _by_width(
    lengths: Numbers,
    budget: int,
    max_texts: int,
    *,
    pool: int,
    spread: float,
    longer: Numbers | None = None,
) -> NDArray[np.int64]:
    """Bounds of batches of at most `budget` padded positions; lengths rise within each pool. longer: of each
    row the length that the budget counts, if it is another."""
    texts = np.arange(1, max_texts + 1)
    widths = np.maximum(lengths, 1)
    bounds = [0]
    while (start := bounds[-1]) < len(lengths):
        here = slice(start, min(start + max_texts, (start // pool + 1) * pool))
        window = widths[here]
        width = window if longer is None else np.maximum.accumulate(longer[here])
        fitting = np.searchsorted(width * texts[: len(window)], budget, side="right")
        alike = np.searchsorted(window, spread * window[0] + FREE_UNITS, side="right")
        bounds.append(start + max(int(min(fitting, alike)), 1))
    return np.array(bounds, np.int64)


def _by_sum(lengths: Numbers, budget: int, max_texts: int) -> NDArray[np.int64]:
    """Bounds of batches of at most `budget` units in all."""
    bounds = [0]
    while (start := bounds[-1]) < len(lengths):
        sums = np.cumsum(lengths[start : start + max_texts], dtype=np.int64)
        bounds.append(start + max(int(np.searchsorted(sums, budget, side="right")), 1))
    return np.array(bounds, np.int64)


def _numbers(count: int) -> Numbers:
    return np.arange(count, dtype=np.int32 if count <= np.iinfo(np.int32).max else np.int64)
