"""Everything that is told about predicted numbers: correlations and distances; pure numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from textladder.metrics.correlation import ranks
from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Floats, Statistic

HEADLINES = ("pearson", "spearman")
TINY = 1e-24  # product of the sums of squares of columns that are constant but for rounding


def score(predicted: ArrayLike, gold: ArrayLike, metric: str = "pearson") -> Scores:
    """pearson and spearman in [-1, 1], 0 where either column is constant, for then nothing can be said; mean
    absolute error and root of the mean squared error in units of the labels. Both [n]."""
    a, b = np.asarray(predicted, np.float64), np.asarray(gold, np.float64)
    values = {name: statistic(a, b, name).value for name in HEADLINES}
    values["mean_absolute_error"] = float(np.abs(a - b).mean())
    values["root_mean_squared_error"] = float(np.sqrt(((a - b) ** 2).mean()))
    return Scores(metric, values, sign(metric, texts=len(b)), len(b))


def statistic(predicted: ArrayLike, gold: ArrayLike, metric: str) -> Statistic:
    """A correlation as a Statistic of the rows. Ranks are those among all rows: they stay as they are where
    rows are drawn."""
    columns = [np.asarray(column, np.float64) for column in (predicted, gold)]
    if metric == "spearman":
        columns = [ranks(column) for column in columns]
    a, b = (column - column.mean() for column in columns)  # so that sums of squares keep their digits
    return Statistic.rows(np.stack([np.ones_like(a), a, b, a * a, b * b, a * b], axis=1), _correlation)


def _correlation(sums: Floats) -> Floats:
    """Pearson 1895, from n, the sums of both columns, of their squares and of their product."""
    n, a, b, aa, bb, ab = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    n = np.maximum(n, 1)
    spread: NDArray[np.float64] = np.maximum(aa - a * a / n, 0) * np.maximum(bb - b * b / n, 0)
    known = spread > TINY
    return np.where(known, (ab - a * b / n) / np.sqrt(np.where(known, spread, 1)), 0.0)
