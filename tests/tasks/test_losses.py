"""Losses against the formula written out with loops, and against torch where it has the same one."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.linear_model import Perceptron
from torch.nn import functional as F

from textladder.tasks.losses import multi_label_loss, perceptron_loss, single_label_loss

GAMMAS, SMOOTHINGS = (0.0, 0.5, 2.0), (0.0, 0.1)


def draw(labels=4, count=6, seed=0):
    torch.manual_seed(seed)
    return torch.randn(count, labels) * 3, torch.randint(0, labels, (count,)), torch.rand(labels) + 0.5


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_single_label(gamma, smoothing, weighted):
    logits, target, weights = draw()
    expected = 0.0
    for row, gold in zip(logits.tolist(), target.tolist(), strict=True):
        total = sum(math.exp(z) for z in row)
        for label, z in enumerate(row):
            p = math.exp(z) / total
            q = (1 - smoothing) * (label == gold) + smoothing / len(row)
            expected += (weights[label].item() if weighted else 1) * q * (1 - p) ** gamma * -math.log(p)
    found = single_label_loss(logits, target, weights if weighted else None, smoothing, gamma)
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("gamma", GAMMAS)
@pytest.mark.parametrize("smoothing", SMOOTHINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_multi_label(gamma, smoothing, weighted):
    logits, _, weights = draw()
    target = (torch.rand(logits.shape) < 0.4).float()
    expected = 0.0
    for row, truths in zip(logits.tolist(), target.tolist(), strict=True):
        for label, (z, y) in enumerate(zip(row, truths, strict=True)):
            p, q = 1 / (1 + math.exp(-z)), (1 - smoothing) * y + smoothing / 2
            w = weights[label].item() if weighted else 1
            expected += w * q * (1 - p) ** gamma * -math.log(p) + (1 - q) * p**gamma * -math.log(1 - p)
    found = multi_label_loss(logits, target, weights if weighted else None, smoothing, gamma)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_a_vanishing_focal_exponent_is_plain_cross_entropy():
    logits, target, weights = draw()
    plain = F.cross_entropy(logits, target, weights, label_smoothing=0.1, reduction="sum")
    assert single_label_loss(logits, target, weights, 0.1, 1e-9).item() == pytest.approx(
        plain.item(), rel=1e-5
    )


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_stay_finite_at_extreme_logits(gamma):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    single_label_loss(logits, torch.tensor([0, 0]), None, 0.0, gamma).backward()
    assert torch.isfinite(logits.grad).all()
    logits.grad = None
    multi_label_loss(logits, torch.eye(2), None, 0.0, gamma).backward()
    assert torch.isfinite(logits.grad).all()


def test_half_precision_logits_are_summed_in_float32():
    logits, target, _ = draw(count=4096)
    half = logits.bfloat16()
    found = single_label_loss(half, target, None)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(single_label_loss(half.float(), target, None).item())
    assert np.isfinite(found.item())


def steps_of_sgd(inputs, targets):
    """[L, D + 1] the weights and biases of a linear map after plain SGD over the rows, one at a time."""
    labels = targets.shape[1] if targets.ndim == 2 else int(targets.max()) + 1
    weights = torch.zeros(labels, inputs.shape[1] + 1, requires_grad=True)
    rows = torch.from_numpy(np.c_[inputs, np.ones(len(inputs))]).float()
    for row, target in zip(rows, torch.from_numpy(targets), strict=True):
        (slope,) = torch.autograd.grad(perceptron_loss(row[None] @ weights.T, target[None], None), weights)
        weights.data -= slope
    return weights.detach().numpy()


def theirs(inputs, truths):
    """[D + 1] the same of scikit-learn's perceptron."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one pass is not all that it would like
        made = Perceptron(shuffle=False, max_iter=1, tol=None).fit(inputs, truths)
    return np.append(made.coef_[0], made.intercept_)


def test_sgd_with_the_loss_of_the_perceptron_is_the_perceptron():
    draw = np.random.default_rng(0)
    inputs = draw.integers(-3, 4, (60, 3)).astype(float)
    truths = (inputs @ [1, -2, 1] + draw.normal(size=60) > 0).astype(int)
    bad, good = steps_of_sgd(inputs, truths)
    np.testing.assert_array_equal(good, -bad)
    np.testing.assert_array_equal(good, theirs(inputs, truths))
    several = np.stack([truths, 1 - truths, (inputs[:, 0] > 0).astype(int)], axis=1)
    for found, column in zip(steps_of_sgd(inputs, several), several.T, strict=True):
        np.testing.assert_array_equal(found, theirs(inputs, column))
    # Three labels, by the rule: the right one comes nearer, the one said in its place goes away.
    labels, rule = draw.integers(0, 3, 60), np.zeros((3, 4))
    for row, gold in zip(np.c_[inputs, np.ones(60)], labels, strict=True):
        others = np.delete(np.arange(3), gold)
        said = others[np.argmax(rule[others] @ row)]
        if rule[said] @ row >= rule[gold] @ row:
            rule[gold] += row
            rule[said] -= row
    np.testing.assert_array_equal(steps_of_sgd(inputs, labels), rule)


def test_weights_of_labels_weigh_mistakes():
    logits, weights = torch.tensor([[1.0, 3.0, 2.0], [0.0, 1.0, 5.0]]), torch.tensor([2.0, 10.0, 100.0])
    assert perceptron_loss(logits, torch.tensor([0, 1]), weights).item() == 2 * 2 + 4 * 10
    assert perceptron_loss(-logits, torch.tensor([[1, 0, 0], [0, 1, 0]]), weights).item() == 2 * 1 + 10 * 1
