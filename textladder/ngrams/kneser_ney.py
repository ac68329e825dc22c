"""Modified Kneser-Ney smoothing, interpolated: Chen and Goodman (1998), section 3.3, as KenLM's lmplz does it
(Heafield, Pouzyrevsky, Clark and Koehn 2013).

The highest order has its counts; a lower order counts in how many different units' wake an n-gram was seen,
but for n-grams that begin a text, before which nothing can stand. Three discounts per order, for counts
1, 2 and 3 or more, come from how many n-grams have counts 1 to 4 (equation 26). Units are interpolated with
the uniform distribution over the vocabulary without <pad> and <s>, which is all that a unit never seen has.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import blocks, create, release
from textladder.ngrams.estimating import Counted, Estimated
from textladder.text.tokenizing import BEGIN


def estimate(counted: Counted) -> Estimated:
    trie, config = counted.trie, counted.config
    order, starts = trie.order, trie.starts
    adjusted = adjusted_counts(counted)
    discounts, notes = [], []
    for level in range(1, order + 1):
        values = trie.counts if level == order else adjusted
        found = discounts_of(count_of_counts(values, int(starts[level - 1]), int(starts[level])))
        if isinstance(found, str):
            used = " ".join(f"{value:g}" for value in config.fallback_discounts)
            notes.append(f"order {level}: discounts cannot be estimated ({found}); {used} were used instead")
            found = config.fallback_discounts
        discounts.append(found)
    units = adjusted[: starts[1]] if order > 1 else trie.counts
    counted.probability[: starts[1]] = unit_probabilities(np.asarray(units), discounts[0], counted.vocabulary)
    counted.silence()
    for level in range(2, order + 1):
        values = trie.counts if level == order else adjusted
        least, by = config.threshold(level), discounts[level - 1]

        def task(begin: int, end: int, values: Any = values, least: int = least, by: Any = by) -> None:
            arrays = (trie.first, trie.counts, values, counted.suffix)
            discount(begin, end, *arrays, least, *by, counted.probability, counted.backoff)

        counted.each_context(level - 1, task, adjusted)
    (trie.folder / "adjusted").unlink(missing_ok=True)
    return Estimated({"discounts": [list(found) for found in discounts]}, tuple(notes))


def adjusted_counts(counted: Counted) -> NDArray[np.int32]:
    """Of the nodes below the highest order [M]: how many different units were seen before them."""
    trie, starts = counted.trie, counted.trie.starts
    adjusted = create(trie.folder / "adjusted", "<i4", int(starts[-2]))
    for begin, end in blocks(int(starts[1]), int(starts[-1])):
        count_before(np.asarray(counted.suffix[begin:end]), adjusted)
        release((counted.suffix, adjusted))
    # N-grams that begin with units of one range lie side by side on every level.
    for units in ((BEGIN, BEGIN + 1), (counted.given, int(starts[1]))):
        low, high = units
        for _ in range(2, trie.order):
            low, high = int(trie.first[low]), int(trie.first[high])
            adjusted[low:high] = trie.counts[low:high]
    return adjusted


@kernel
def count_before(suffix: Any, adjusted: Any) -> None:
    for shorter in suffix:
        adjusted[shorter] += 1


def count_of_counts(values: NDArray[np.int32], begin: int, end: int) -> NDArray[np.int64]:
    """How many of values[begin:end] are 0, 1, 2, 3, 4 and more."""
    found = np.zeros(6, np.int64)
    for start, stop in blocks(begin, end):
        found += np.bincount(np.minimum(values[start:stop], 5), minlength=6)
        release((values,))
    return found


def discounts_of(seen: NDArray[np.int64]) -> tuple[float, float, float] | str:
    """Equation 26 of Chen and Goodman from `count_of_counts`; or why it cannot be used."""
    for count in (1, 2, 3):
        if not seen[count]:
            return f"no n-gram has the count {count}"
    share = seen[1] / (seen[1] + 2 * seen[2])
    found = [float(count - (count + 1) * share * seen[count + 1] / seen[count]) for count in (1, 2, 3)]
    for count, value in enumerate(found, 1):
        if value < 0:
            return f"that of count {count} would be {value:.3g}, below 0"
    return found[0], found[1], found[2]


def unit_probabilities(
    counts: NDArray[np.int32], discounts: tuple[float, float, float], vocabulary: int
) -> NDArray[np.float64]:
    """Level 1 [V]: discounted shares, and what the discounts took spread evenly over the vocabulary."""
    total = max(int(counts.sum(dtype=np.int64)), 1)
    taken = np.array([0.0, *discounts])[np.minimum(counts, 3)]
    return (counts - taken) / total + taken.sum() / total / vocabulary


@kernel
def discount(
    begin: int,
    end: int,
    first: Any,
    counts: Any,
    values: Any,
    suffix: Any,
    least: int,
    one: float,
    two: float,
    more: float,
    probability: Any,
    backoff: Any,
) -> None:
    """Children of the contexts begin..end: P(w | h) = (a(h w) - D(a)) / a(h .) + gamma(h) P(w | h').

    `values` are the adjusted counts a. N-grams with counts up to `least` will be left out: gamma has all they
    would have had.
    """
    for node in range(begin, end):
        total, freed = 0.0, 0.0
        for below in range(first[node], first[node + 1]):
            value = values[below]
            total += value
            if counts[below] <= least:
                freed += value
            else:
                freed += one if value == 1 else two if value == 2 else more
        if total == 0:
            backoff[node] = 1
            continue
        gamma = freed / total
        backoff[node] = gamma
        for below in range(first[node], first[node + 1]):
            value = values[below]
            kept = value - (one if value == 1 else two if value == 2 else more)
            probability[below] = kept / total + gamma * probability[suffix[below]]
