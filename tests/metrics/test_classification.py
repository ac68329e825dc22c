"""Every number equals scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as oracle

from textladder.metrics import classification as ours
from textladder.metrics.reports import (
    MULTI_HEADLINES,
    choose_thresholds,
    score_multi,
    score_single,
    thresholds_for,
)

AVERAGES = {"macro": ours.macro_f1, "micro": ours.micro_f1, "weighted": ours.weighted_f1}
NAN = float("nan")


def draw(seed: int, count: int, labels: int, kind: str = "plain"):
    """Gold ids, probabilities with ties, and the predictions they make."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, labels, count)
    if kind == "one gold label":
        gold[:] = 1
    logits = rng.normal(size=(count, labels)) + 1.5 * (gold[:, None] == np.arange(labels))
    if kind == "label never predicted":
        logits[:, 0] = -9
    if kind == "label absent":
        gold[gold == 0] = 1
        logits[:, 0] = -9
    probabilities = np.exp(np.round(logits, 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return gold, probabilities, probabilities.argmax(axis=1)


CASES = [
    (0, 200, 2, "plain"),
    (1, 300, 7, "plain"),
    (2, 5, 4, "plain"),
    (3, 200, 3, "label never predicted"),
    (4, 200, 4, "label absent"),
    (5, 50, 2, "one gold label"),
    (6, 1, 3, "plain"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_single_label(case):
    gold, probabilities, predicted = draw(*case)
    labels = probabilities.shape[1]
    names = [f"l{i}" for i in range(labels)]
    scores = score_single(probabilities, gold, names)
    confusion = oracle.confusion_matrix(gold, predicted, labels=range(labels))
    assert np.array_equal(scores.details["confusion"]["gold_by_predicted"], confusion)
    assert scores.values["accuracy"] == pytest.approx(oracle.accuracy_score(gold, predicted))
    for average in AVERAGES:
        expected = oracle.f1_score(
            gold, predicted, labels=range(labels), average=average, zero_division=np.nan
        )
        assert scores.values[f"{average}_f1"] == pytest.approx(expected), average
    expected = oracle.precision_recall_fscore_support(gold, predicted, labels=range(labels), zero_division=0)
    for row, *values in zip(scores.details["per_class"], *expected, strict=True):
        assert [row[k] for k in ("precision", "recall", "f1", "support")] == pytest.approx(values)
    assert scores.values["log_loss"] == pytest.approx(
        oracle.log_loss(gold, probabilities, labels=range(labels))
    )
    assert scores.values["brier"] == pytest.approx(
        oracle.brier_score_loss(gold, probabilities, labels=list(range(labels)))
        if labels > 2
        else oracle.brier_score_loss(gold, probabilities[:, 1], labels=[0, 1], pos_label=1)
    )
    assert scores.count == len(gold)
    assert scores.signature.startswith(f"accuracy|texts={len(gold)}|labels={labels}|textladder=")


@pytest.mark.parametrize(
    "case", [c for c in CASES if c[3] in ("plain", "label never predicted") and c[1] > 5]
)
def test_roc_auc(case):
    gold, probabilities, _ = draw(*case)
    if probabilities.shape[1] == 2:
        expected = oracle.roc_auc_score(gold, probabilities[:, 1])
    else:
        expected = oracle.roc_auc_score(gold, probabilities, multi_class="ovr", average="macro")
    names = [str(i) for i in range(probabilities.shape[1])]
    assert score_single(probabilities, gold, names).values["roc_auc"] == pytest.approx(expected)


def test_what_is_undefined_is_named_and_left_out():
    gold, probabilities, _ = draw(0, 20, 2, "one gold label")
    scores = score_single(probabilities, gold, ["a", "b"])
    assert "roc_auc" not in scores.values
    assert scores.details["undefined"] == ["roc_auc"]


def test_all_scores_tied_have_an_auc_of_one_half():
    positive = np.array([[True], [False], [False]])
    assert ours.roc_auc(np.full((3, 1), 0.3), positive) == pytest.approx([0.5])


def test_log_loss_survives_a_probability_of_zero():
    probabilities = np.array([[1.0, 0.0], [0.5, 0.5]], np.float32)
    gold = np.array([1, 0])
    expected = oracle.log_loss(gold, probabilities)
    assert ours.log_loss(probabilities, gold) == pytest.approx(expected, rel=1e-6)


def draw_sets(seed: int, count: int, labels: int):
    rng = np.random.default_rng(seed)
    gold = rng.random((count, labels)) < 0.25
    scores = np.round(1 / (1 + np.exp(-(rng.normal(size=gold.shape) + 2 * gold - 1))), 2)
    return gold, scores


@pytest.mark.parametrize("case", [(0, 300, 5), (1, 50, 28), (2, 3, 4), (3, 40, 1)], ids=str)
def test_multi_label(case):
    gold, probabilities = draw_sets(*case)
    chosen = probabilities >= 0.5
    labels = gold.shape[1]
    scores = score_multi(probabilities, chosen, gold, [str(i) for i in range(labels)], "micro_f1")
    truth, answer = (gold, chosen) if labels > 1 else (gold.ravel(), chosen.ravel())
    for average in AVERAGES:
        # With a single column scikit-learn would score the label "False" too.
        names = {} if labels > 1 else {"labels": [True]}
        expected = oracle.f1_score(truth, answer, average=average, zero_division=np.nan, **names)
        assert scores.values[f"{average}_f1"] == pytest.approx(np.nan_to_num(expected)), average
    assert scores.values["subset_accuracy"] == pytest.approx(oracle.accuracy_score(truth, answer))
    assert scores.values["label_accuracy"] == pytest.approx((gold == chosen).mean())
    if labels > 1:
        expected = oracle.label_ranking_average_precision_score(gold, probabilities)
        assert scores.values["ranking_precision"] == pytest.approx(expected)
        known = [k for k in range(labels) if 0 < gold[:, k].sum() < len(gold)]
        areas = [oracle.roc_auc_score(gold[:, k], probabilities[:, k]) for k in known]
        assert scores.values["roc_auc"] == pytest.approx(np.mean(areas))
        expected = oracle.precision_recall_fscore_support(gold, chosen, zero_division=0)
        for row, *values in zip(scores.details["per_class"], *expected, strict=True):
            assert [row[k] for k in ("precision", "recall", "f1", "support")] == pytest.approx(values)


@pytest.mark.parametrize("average", AVERAGES)
def test_f1_of_sums_is_f1_of_texts(average):
    gold, _, predicted = draw(1, 300, 7)
    statistic = ours.f1_statistic(gold, predicted, 7, AVERAGES[average])
    assert statistic.value == pytest.approx(oracle.f1_score(gold, predicted, average=average))
    gold, probabilities = draw_sets(0, 300, 5)
    statistic = ours.f1_statistic_of_sets(gold, probabilities >= 0.5, AVERAGES[average])
    assert statistic.value == pytest.approx(oracle.f1_score(gold, probabilities >= 0.5, average=average))


def test_chosen_thresholds_are_the_best_there_are():
    gold, probabilities = draw_sets(4, 120, 6)
    gold[:, 5] = False
    thresholds = choose_thresholds(probabilities, gold)
    assert thresholds[5] == 0.5  # no gold text: nothing to choose by
    for label in range(5):

        def f1(threshold, label=label):
            return oracle.f1_score(gold[:, label], probabilities[:, label] >= threshold, zero_division=0)

        best = max(f1(t) for t in np.linspace(0.005, 0.995, 100))
        assert f1(thresholds[label]) == pytest.approx(best)


def test_thresholds_serve_the_metric():
    gold, probabilities = draw_sets(5, 200, 6)
    found = {metric: thresholds_for(probabilities, gold, metric) for metric in MULTI_HEADLINES}
    scores = {
        (metric, name): score_multi(
            probabilities, probabilities >= found[metric], gold, list("abcdef")
        ).values[name]
        for metric in found
        for name in found
    }
    assert scores["macro_f1", "macro_f1"] == max(scores[metric, "macro_f1"] for metric in found)
    assert len(set(found["micro_f1"])) == 1
    shared = [
        ours.micro_f1(ours.counts_of_sets(gold, probabilities >= t)) for t in np.linspace(0.005, 0.995, 100)
    ]
    assert scores["micro_f1", "micro_f1"] == pytest.approx(max(shared))
    assert set(found["subset_accuracy"]) == {0.5}


def test_thresholds_of_texts_that_all_have_the_label():
    probabilities = np.array([[0.2], [0.2], [0.9]])
    chosen = probabilities >= choose_thresholds(probabilities, np.ones((3, 1), bool))
    assert chosen.all()
