"""Two systems on the same texts: how far apart they are, and whether chance alone could have done it.

The p-value is that of approximate randomisation (Noreen 1989; Yeh 2000, https://aclanthology.org/C00-2137):
if the systems were alike, their answers to a text could be exchanged. For a mean over texts this is the
sign-flip test. The interval is the paired bootstrap (Koehn 2004). For accuracy McNemar's exact test asks the
same in closed form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textladder.errors import Problem
from textladder.metrics.intervals import bootstrap
from textladder.metrics.statistic import Statistic


@dataclass(frozen=True)
class Difference:
    """value: score of the first minus score of the second, with its bootstrap interval [low, high];
    p: chance of a difference at least as large, in either direction, if the two were alike."""

    value: float
    low: float
    high: float
    p: float
    signature: str


@dataclass(frozen=True)
class Verdict:
    """One system against the best: `p` as it is, `adjusted_p` after Holm over all systems compared; `worse`
    when it scores lower and adjusted_p < alpha."""

    difference: Difference
    adjusted_p: float
    worse: bool


def compare_pair(
    first: Statistic,
    second: Statistic,
    *,
    resamples: int = 1000,
    permutations: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Difference:
    """The paired difference of two systems' scores; both statistics list the same texts in the same order.

    p = (b + 1) / (permutations + 1), where b permutations differ at least as much as the systems do (the +1
    counts the arrangement observed, which keeps the test valid: p is never 0). Raises Problem for unequal
    numbers of texts.
    """
    if len(first) != len(second):
        raise Problem(
            "paired test",
            f"one system answered {len(first):,} texts, the other {len(second):,}.",
            "Evaluate both on the same file.",
        )
    both = first.beside(second)
    interval = bootstrap(both, resamples=resamples, confidence=confidence, seed=seed)
    # Sums are rounded differently in different orders: equal differences must not fall below the one
    # observed.
    observed = abs(interval.value) - 1e-9
    rng = np.random.default_rng(seed)
    larger = sum(
        int(np.count_nonzero(np.abs(both.of(sums)) >= observed)) for sums in both.swapped(permutations, rng)
    )
    signature = f"{interval.signature}|randomisation={permutations}|two-sided"
    return Difference(
        interval.value, interval.low, interval.high, (larger + 1) / (permutations + 1), signature
    )


def mcnemar(first: ArrayLike, second: ArrayLike) -> float:
    """Exact two-sided p-value (McNemar 1947) from who was right, two boolean arrays [n].

    Of the texts that one system alone got right, either system's number is Binomial(total, 1/2).
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    total, fewer = only_first + only_second, min(only_first, only_second)
    if total == 0:
        return 1.0
    k = np.arange(1, fewer + 1)
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((total - k + 1) / k))])  # log C(total, 0..fewer)
    return float(min(1.0, 2 * np.exp(log_choose - total * np.log(2)).sum()))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjusted p-values of m tests made together (Holm 1979): the smallest times m, the next times m - 1,
    ..., none below its predecessor, none above 1. Order is kept."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def against_best(
    systems: Mapping[str, Statistic],
    *,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    resamples: int = 1000,
    permutations: int = 10_000,
    seed: int = 0,
) -> tuple[str, dict[str, Verdict]]:
    """The best system's name, and a Verdict for each of the others, in the order given.

    The best is chosen on the very texts that test it, which favours it a little: a system that is *not*
    significantly worse here would be so even less against a system named beforehand.
    """
    if not systems:
        raise Problem("paired test", "there is no system to compare.", "Give the scores of at least one.")
    sense = 1 if higher_is_better else -1
    best = max(systems, key=lambda name: sense * systems[name].value)
    others = [name for name in systems if name != best]
    found = [
        compare_pair(systems[name], systems[best], resamples=resamples, permutations=permutations, seed=seed)
        for name in others
    ]
    adjusted = holm([d.p for d in found])
    return best, {
        name: Verdict(d, float(p), bool(p < alpha and sense * d.value < 0))
        for name, d, p in zip(others, found, adjusted, strict=True)
    }


def not_significantly_worse(
    systems: Mapping[str, Statistic], *, higher_is_better: bool = True, alpha: float = 0.05, seed: int = 0
) -> Sequence[str]:
    """The best system and all that are not significantly worse, in the order given."""
    best, verdicts = against_best(systems, higher_is_better=higher_is_better, alpha=alpha, seed=seed)
    return [name for name in systems if name == best or not verdicts[name].worse]
