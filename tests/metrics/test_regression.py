"""Correlations and errors against scipy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error

from textladder.metrics.intervals import bootstrap
from textladder.metrics.paired import compare_pair
from textladder.metrics.regression import HEADLINES, score, statistic


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 11, 300) / 2  # with ties
    return (gold + rng.normal(size=300)).round(1), gold


def test_against_scipy_and_scikit_learn(numbers):
    predicted, gold = numbers
    values = score(predicted, gold).values
    assert values["pearson"] == pytest.approx(pearsonr(predicted, gold).statistic, abs=1e-12)
    assert values["spearman"] == pytest.approx(spearmanr(predicted, gold).statistic, abs=1e-12)
    assert values["mean_absolute_error"] == pytest.approx(mean_absolute_error(gold, predicted))
    assert values["root_mean_squared_error"] == pytest.approx(mean_squared_error(gold, predicted) ** 0.5)


def test_resampled_it_is_pearson_of_the_rows_drawn(numbers):
    predicted, gold = numbers
    found = statistic(predicted, gold, "pearson")
    rows = np.random.default_rng(1).integers(0, 300, 300)
    sums = np.bincount(found.kinds[rows], minlength=len(found.table)) @ found.table
    assert found.of(sums) == pytest.approx(pearsonr(predicted[rows], gold[rows]).statistic, abs=1e-12)
    interval = bootstrap(found, resamples=300)
    assert interval.low < found.value < interval.high


def test_a_shift_of_the_scale_changes_nothing(numbers):
    predicted, gold = numbers
    for metric in HEADLINES:
        moved = statistic(1e6 + 1e-3 * predicted, gold, metric).value
        assert moved == pytest.approx(statistic(predicted, gold, metric).value, abs=1e-6)


def test_better_numbers_are_found_better(numbers):
    predicted, gold = numbers
    worse = predicted + np.random.default_rng(2).normal(scale=2, size=300)
    for metric in HEADLINES:
        found = compare_pair(
            statistic(predicted, gold, metric), statistic(worse, gold, metric), permutations=200
        )
        assert found.value > 0
        assert found.p < 0.05


def test_a_constant_says_nothing():
    gold = np.array([1.0, 2.0, 3.5])
    assert score([2.0, 2.0, 2.0], gold).headline == 0
    assert score(np.full(3, 0.1), gold, "spearman").headline == 0
    assert statistic([0.1, 0.2, 0.3], [1.0, 1.0, 1.0], "pearson").value == 0
