from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from textladder.errors import Problem
from textladder.metrics.classification import f1_statistic, macro_f1
from textladder.metrics.intervals import bootstrap, bootstrap_function, mean_sd
from textladder.metrics.statistic import Statistic


def test_interval_of_accuracy_is_that_of_the_binomial():
    correct = np.arange(500) < 400
    found = bootstrap(Statistic.mean(correct), resamples=20_000)
    low, high = stats.binom.ppf([0.025, 0.975], 500, 0.8) / 500
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.003)
    assert found.value == 0.8
    assert found.signature == "bootstrap|percentile|confidence=0.95|resamples=20000|seed=0"


def test_drawing_kinds_and_drawing_texts_agree():
    """The same values, once with few kinds (multinomial counts), once all different (texts drawn one by
    one)."""
    values = np.repeat(np.linspace(0, 1, 20) ** 2, 50)
    few = bootstrap(Statistic.mean(values), resamples=5000)
    many = bootstrap(Statistic.mean(values + 1e-9 * np.arange(1000)), resamples=5000)
    assert (few.low, few.high) == pytest.approx((many.low, many.high), abs=0.004)


def test_macro_f1_resampled_by_counts_agrees_with_resampled_texts():
    rng = np.random.default_rng(0)
    gold = rng.choice(4, 400, p=[0.6, 0.2, 0.15, 0.05])
    predicted = np.where(rng.random(400) < 0.7, gold, rng.integers(0, 4, 400))
    by_counts = bootstrap(f1_statistic(gold, predicted, 4, macro_f1), resamples=4000)

    def value(drawn):
        return f1_statistic(gold[drawn], predicted[drawn], 4, macro_f1).value

    by_texts = bootstrap_function(value, 400, resamples=4000)
    assert by_counts.value == pytest.approx(by_texts.value)
    assert (by_counts.low, by_counts.high) == pytest.approx((by_texts.low, by_texts.high), abs=0.008)


def test_rows_are_merged_without_changing_the_sums():
    rows = np.random.default_rng(0).integers(0, 2, (300, 4)).astype(np.int8)
    statistic = Statistic.rows(rows, lambda sums: sums[..., 0])
    assert len(statistic.table) <= 16
    assert np.array_equal(statistic.table[statistic.kinds], rows)
    assert np.array_equal(statistic.sums, rows.sum(axis=0))


@pytest.mark.parametrize("rate", [0.6, 0.9])
def test_about_95_of_100_intervals_hold_the_truth(rate):
    rng = np.random.default_rng(7)
    held = 0
    for seed in range(600):
        found = bootstrap(Statistic.mean(rng.random(300) < rate), resamples=400, seed=seed)
        held += found.low <= rate <= found.high
    # Binomial(600, 0.95) is within 0.92..0.975 in 99.9 of 100 runs; the percentile bootstrap itself is a
    # little short.
    assert 0.915 <= held / 600 <= 0.98


def test_the_same_seed_gives_the_same_interval():
    statistic = Statistic.mean(np.random.default_rng(0).random(200))
    assert bootstrap(statistic, seed=3) == bootstrap(statistic, seed=3)
    assert bootstrap(statistic, seed=3).low != bootstrap(statistic, seed=4).low


def test_one_text_and_none():
    assert bootstrap(Statistic.mean([1.0])).low == 1.0
    with pytest.raises(Problem, match="no texts"):
        bootstrap(Statistic.mean([]))


def test_resamples_without_a_score_are_left_out():
    found = bootstrap_function(lambda drawn: float("nan") if 0 in drawn else 2.0, 5, resamples=50)
    assert (found.low, found.high) == (2.0, 2.0)


def test_mean_and_deviation_over_seeds():
    assert mean_sd([1, 2, 3, 4]) == pytest.approx((2.5, np.std([1, 2, 3, 4], ddof=1)))
    mean, deviation = mean_sd([0.5])
    assert mean == 0.5
    assert np.isnan(deviation)
