"""How far a score could be off because of the texts it was measured on: the percentile bootstrap.

Efron 1979; for test sets Koehn 2004, https://aclanthology.org/W04-3250. The interval speaks of the choice of
test texts only, not of the seed of the training: for that there is `mean_sd` over seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics.statistic import Floats, Statistic


@dataclass(frozen=True)
class Interval:
    """low and high: the bounds; value: the score on the texts themselves; signature: how it was computed."""

    value: float
    low: float
    high: float
    signature: str

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def bootstrap(
    statistic: Statistic, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile interval of a score over resampled texts.

    Where every text has the same value (all correct) the interval has no width: the bootstrap cannot imagine
    a text that it has not seen. Raises Problem when there are no texts.
    """
    _demand_texts(len(statistic))
    rng = np.random.default_rng(seed)
    values = np.concatenate([statistic.of(sums) for sums in statistic.resampled(resamples, rng)])
    return _percentiles(statistic.value, values, resamples, confidence, seed)


def bootstrap_function(
    function: Callable[[NDArray[np.int64]], float],
    count: int,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The same for any score: `function` is given the indices [n] of the texts drawn, out of `count`, and
    called once per resample. For what is no function of sums (ROC-AUC). NaN, where a resample has no score,
    is left out."""
    _demand_texts(count)
    rng = np.random.default_rng(seed)
    values = np.array([function(rng.integers(0, count, count)) for _ in range(resamples)], np.float64)
    return _percentiles(function(np.arange(count)), values[~np.isnan(values)], resamples, confidence, seed)


def mean_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n - 1) over seeds; the deviation of one value is NaN: it is not
    known."""
    array = np.asarray(values, np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else float("nan")


def _percentiles(value: float, values: Floats, resamples: int, confidence: float, seed: int) -> Interval:
    tail = (1 - confidence) / 2
    # Between a number and infinity there is nothing to interpolate.
    method: Any = "linear" if np.isfinite(values).all() else "inverted_cdf"
    low, high = np.quantile(values, [tail, 1 - tail], method=method) if len(values) else (np.nan, np.nan)
    signature = f"bootstrap|percentile|confidence={confidence:g}|resamples={resamples}|seed={seed}"
    return Interval(float(value), float(low), float(high), signature)


def _demand_texts(count: int) -> None:
    if count == 0:
        raise Problem("interval", "there are no texts to resample.", "Give at least one labelled text.")
