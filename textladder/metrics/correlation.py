"""Rank correlation of two judgements of the same things, with its bootstrap interval.

Spearman 1904: the correlation of ranks; ties share the mean of their ranks (equal to scipy's `spearmanr`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textladder.metrics.intervals import Interval, bootstrap_function

Codes = NDArray[np.int64]


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Rank correlation of two columns of numbers [n], in [-1, 1]; NaN where one of them is constant."""
    a, b = _codes(first), _codes(second)
    return _of_codes(a, b, np.arange(len(a)))


def spearman_interval(
    first: ArrayLike, second: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """`spearman` with its percentile interval over resampled rows. Raises Problem when there are none."""
    a, b = _codes(first), _codes(second)
    return bootstrap_function(
        lambda drawn: _of_codes(a, b, drawn), len(a), resamples=resamples, confidence=confidence, seed=seed
    )


def ranks(values: ArrayLike) -> NDArray[np.float64]:
    """[n] Ranks from 1; ties share the mean of theirs."""
    return _ranks(_codes(values))


def _codes(values: ArrayLike) -> Codes:
    """The place of each value among the distinct values [n]: what ranks are made from without sorting
    again."""
    return np.unique(np.asarray(values, np.float64), return_inverse=True)[1]


def _ranks(codes: Codes) -> NDArray[np.float64]:
    """Ranks from 1, ties sharing their mean, by counting: O(n) for every resample."""
    counts = np.bincount(codes)
    return (np.cumsum(counts) - (counts - 1) / 2)[codes]


def _of_codes(first: Codes, second: Codes, rows: NDArray[np.int64]) -> float:
    if len(rows) == 0:
        return float("nan")
    a, b = _ranks(first[rows]), _ranks(second[rows])
    a -= a.mean()
    b -= b.mean()
    spread = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / spread if spread > 0 else float("nan")
