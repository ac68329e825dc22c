from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from textladder.metrics.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    fit_temperature_of_shares,
    log_odds_of_sigmoid,
    log_odds_of_softmax,
    reliability,
    tempered,
)


def softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def draw(count=4000, labels=4, sharpness=3.0, seed=0):
    """Logits that are too sure by `sharpness`, and labels drawn from what they should have said."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, labels)) * 1.5
    gold = (softmax(z).cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return z * sharpness, gold


def test_error_by_the_written_definition():
    confidence = np.array([0.0, 0.02, 1 / 15, 0.5, 0.51, 0.93, 0.94, 1.0])
    correct = np.array([0, 1, 0, 1, 1, 0, 1, 1], bool)
    expected, left = 0.0, 0
    for b in range(15):
        low, high = b / 15, (b + 1) / 15
        inside = (confidence > low) & (confidence <= high) | ((b == 0) & (confidence == 0))
        left += inside.sum()
        if inside.any():
            expected += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    assert left == len(confidence)
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)


def test_bins_hold_every_answer_once():
    rng = np.random.default_rng(0)
    found = reliability(rng.random(999), rng.random(999) < 0.5, bins=10)
    assert found.counts.sum() == 999
    assert sum(row["count"] for row in found.table()) == 999
    assert all(row["from"] < row["confidence"] <= row["to"] for row in found.table())


def test_answers_that_are_as_often_right_as_they_say_have_almost_no_error():
    confidence = np.random.default_rng(0).uniform(0.3, 1, 50_000)
    correct = np.random.default_rng(1).random(50_000) < confidence
    assert expected_calibration_error(confidence, correct) < 0.01
    assert expected_calibration_error(np.ones(100), np.arange(100) < 60) == pytest.approx(0.4)


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_temperature_is_found_again_and_is_the_minimum(sharpness):
    z, gold = draw(sharpness=sharpness)
    found = fit_temperature(z, gold)
    assert found == pytest.approx(sharpness, rel=0.1)

    def loss(t):
        return -np.log(softmax(z / t)[np.arange(len(gold)), gold]).mean()

    best = minimize_scalar(loss, bounds=(0.06, 19), method="bounded", options={"xatol": 1e-9})
    assert found == pytest.approx(best.x, rel=1e-4)


def test_temperature_mends_the_calibration_and_keeps_the_answers():
    z, gold = draw(sharpness=4)
    before = softmax(z).astype(np.float32)
    after = apply_temperature(before, fit_temperature(log_odds_of_softmax(before), gold))
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))
    errors = [expected_calibration_error(p.max(axis=1), p.argmax(axis=1) == gold) for p in (before, after)]
    assert errors[0] > 0.1
    assert errors[1] < 0.03


@pytest.mark.parametrize("case", ["all right", "all wrong", "constant", "none", "huge"])
def test_temperature_is_one_where_texts_cannot_say(case):
    z = np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]])
    gold = np.array([0, 1, 0])
    if case == "all wrong":
        gold = 1 - gold
    elif case == "constant":
        z = np.ones((3, 2))
    elif case == "none":
        z, gold = np.zeros((0, 2)), np.zeros(0, np.int64)
    elif case == "huge":
        z = z * 1e30
    assert fit_temperature(z, gold) == 1.0


def test_probabilities_give_their_logits_back():
    z = np.array([[-8.0, 0.0, 3.0]])
    again = log_odds_of_softmax(softmax(z).astype(np.float32))
    assert again - again[0, 0] == pytest.approx(z - z[0, 0], abs=1e-4)
    assert log_odds_of_sigmoid((1 / (1 + np.exp(-z))).astype(np.float32)) == pytest.approx(z, abs=1e-4)
    assert np.isfinite(log_odds_of_sigmoid(np.array([0, 1], np.float32))).all()


@pytest.mark.parametrize("sharpness", [0.4, 3.0])
def test_single_probabilities_are_mended(sharpness):
    """Whether what they are of is so was drawn from other log odds than they say."""
    generator = np.random.default_rng(5)
    z = generator.normal(0, 2, 40_000)
    right = generator.random(len(z)) < 1 / (1 + np.exp(-z))
    shares = (1 / (1 + np.exp(-z * sharpness))).astype(np.float32)
    found = fit_temperature_of_shares(shares, right)
    assert found == pytest.approx(sharpness, rel=0.05)
    assert tempered(shares, found) == pytest.approx(1 / (1 + np.exp(-z)), abs=0.02)
    assert tempered(shares, 1.0) == pytest.approx(shares, abs=1e-6)
