from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from textladder.errors import Problem
from textladder.metrics.classification import f1_statistic, macro_f1
from textladder.metrics.paired import against_best, compare_pair, holm, mcnemar, not_significantly_worse
from textladder.metrics.statistic import Statistic


def pair(rng, count=200, first=0.8, second=0.8):
    """Two systems that find the same texts hard."""
    hard = rng.normal(size=count)
    return [stats.norm.ppf(rate) * 1.5 + hard + rng.normal(size=count) * 0.5 > 0 for rate in (first, second)]


def test_p_values_are_uniform_when_the_systems_are_alike():
    rng = np.random.default_rng(0)
    p = []
    for seed in range(400):
        a, b = rng.normal(size=(2, 60))  # continuous values: hardly a tie, so the p-values can be uniform
        p.append(
            compare_pair(Statistic.mean(a), Statistic.mean(b), resamples=10, permutations=300, seed=seed).p
        )
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) < 0.05) <= 0.086  # Binomial(400, 0.05) + 3.3 standard deviations


def test_p_values_of_alike_macro_f1_are_uniform_too():
    rng = np.random.default_rng(12345)
    p = []
    for _ in range(1000):
        gold = rng.choice(3, 150, p=[0.6, 0.3, 0.1])
        answers = [np.where(rng.random(150) < 0.7, gold, rng.integers(0, 3, 150)) for _ in range(2)]
        a, b = (f1_statistic(gold, answer, 3, macro_f1) for answer in answers)
        p.append(compare_pair(a, b, resamples=1, permutations=200, seed=int(rng.integers(1 << 40))).p)
    # Binomial(1000, 0.05) and the mean of 1000 uniform numbers, each within 3.3 standard deviations.
    assert 0.027 <= np.mean(np.array(p) <= 0.05) <= 0.073
    assert 0.47 <= np.mean(p) <= 0.53


def test_intervals_of_the_difference_hold_the_truth():
    rng = np.random.default_rng(2)
    # First right on 80 of 100 texts, second on 70: a difference of 0.1, whatever they share.
    held = 0
    for seed in range(400):
        drawn = rng.random(250)
        first, second = drawn < 0.8, (drawn > 0.1) & (drawn < 0.8)
        found = compare_pair(
            Statistic.mean(first), Statistic.mean(second), resamples=400, permutations=1, seed=seed
        )
        held += found.low <= 0.1 <= found.high
    assert 0.91 <= held / 400 <= 0.985


def test_a_real_difference_is_found():
    rng = np.random.default_rng(3)
    found = 0
    for seed in range(60):
        a, b = pair(rng, 400, 0.85, 0.70)
        found += compare_pair(Statistic.mean(a), Statistic.mean(b), permutations=500, seed=seed).p < 0.05
    assert found >= 57


@pytest.mark.parametrize("seed", range(5))
def test_randomisation_of_accuracy_agrees_with_mcnemar_and_scipy(seed):
    a, b = pair(np.random.default_rng(seed), 120, 0.85, 0.78)
    exact = mcnemar(a, b)
    only = int((a & ~b).sum()), int((b & ~a).sum())
    assert exact == pytest.approx(stats.binomtest(only[0], sum(only), 0.5).pvalue)
    found = compare_pair(Statistic.mean(a), Statistic.mean(b), permutations=20_000)
    assert found.p == pytest.approx(exact, abs=0.015)
    assert found.value == pytest.approx(a.mean() - b.mean())
    assert found.low <= found.value <= found.high


def test_label_swaps_agree_with_swapping_one_by_one():
    rng = np.random.default_rng(5)
    gold = rng.integers(0, 3, 80)
    first = np.where(rng.random(80) < 0.8, gold, rng.integers(0, 3, 80))
    second = np.where(rng.random(80) < 0.65, gold, rng.integers(0, 3, 80))

    def value(answers):
        return f1_statistic(gold, answers, 3, macro_f1).value

    observed, larger = abs(value(first) - value(second)), 0
    for _ in range(2000):
        swap = rng.random(80) < 0.5
        larger += (
            abs(value(np.where(swap, second, first)) - value(np.where(swap, first, second)))
            >= observed - 1e-9
        )
    systems = (f1_statistic(gold, answers, 3, macro_f1) for answers in (first, second))
    assert compare_pair(*systems).p == pytest.approx((larger + 1) / 2001, abs=0.03)


def test_the_same_system_twice_is_no_different():
    same = Statistic.mean(np.arange(10) < 7)
    found = compare_pair(same, same)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)
    assert mcnemar([True, False], [True, False]) == 1.0
    assert "randomisation=10000" in found.signature


def test_p_is_never_zero():
    found = compare_pair(Statistic.mean(np.ones(300)), Statistic.mean(np.zeros(300)), permutations=99)
    assert found.p == pytest.approx(0.01)


def test_mcnemar_of_many_texts_keeps_its_digits():
    first = np.arange(20_000) < 10_500
    assert mcnemar(first, ~first) == pytest.approx(stats.binomtest(9500, 20_000, 0.5).pvalue, rel=1e-6)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
    assert len(holm([])) == 0


def test_against_the_best():
    rng = np.random.default_rng(0)
    good, alike = pair(rng, 500, 0.9, 0.89)
    bad = rng.random(500) < 0.5
    systems = {name: Statistic.mean(v) for name, v in {"bad": bad, "good": good, "alike": alike}.items()}
    best, verdicts = against_best(systems)
    assert best == max(systems, key=lambda name: systems[name].value)
    assert verdicts["bad"].worse
    assert verdicts["bad"].difference.value < 0
    assert not_significantly_worse(systems) == ["good", "alike"]
    # Read as errors, the worst becomes the best and both others are worse.
    assert not_significantly_worse(systems, higher_is_better=False) == ["bad"]
    assert not_significantly_worse({"only": systems["bad"]}) == ["only"]


def test_unequal_numbers_of_texts_are_refused():
    with pytest.raises(Problem, match="same file"):
        compare_pair(Statistic.mean([1, 0]), Statistic.mean([1]))
    with pytest.raises(Problem, match="no system"):
        against_best({})
