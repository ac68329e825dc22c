"""Everything that is told about the answers of a classifier, gathered into one `Scores`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.calibration import reliability
from textladder.metrics.classification import (
    Ints,
    brier,
    confusion_matrix,
    counts_of_confusion,
    counts_of_sets,
    f1_statistic,
    f1_statistic_of_sets,
    log_loss,
    macro_f1,
    micro_f1,
    per_label_table,
    ranking_precision,
    roc_auc,
    weighted_f1,
)
from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Floats, Statistic

F1 = {"macro_f1": macro_f1, "micro_f1": micro_f1, "weighted_f1": weighted_f1}
# What a choice between models can be made by: all can be resampled and paired (`statistic_of_...`).
SINGLE_HEADLINES = ("accuracy", *F1)
MULTI_HEADLINES = (*F1, "subset_accuracy")


def score_single(
    probabilities: Floats, gold: Ints, labels: Sequence[str], metric: str = "accuracy"
) -> Scores:
    """One label per text: probabilities [n, L] and gold ids [n]. The answer is the likeliest label (of equals
    the first).

    ROC-AUC is that of the second label when there are two, else the mean of one label against the rest; when
    it is undefined, because only one label occurs, it is missing from the values and named in
    details["undefined"].
    """
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_matrix(gold, predicted, len(labels))
    counts = counts_of_confusion(confusion)
    calibration = reliability(probabilities.max(axis=1), predicted == gold)
    ranked = slice(1, None) if len(labels) == 2 else slice(None)
    positive = gold[:, None] == np.arange(len(labels))
    values = {
        "accuracy": float((predicted == gold).mean()),
        **{name: float(of(counts)) for name, of in F1.items()},
        "roc_auc": _mean_of_known(roc_auc(probabilities[:, ranked], positive[:, ranked])),
        "log_loss": log_loss(probabilities, gold),
        "brier": brier(probabilities, gold),
        "expected_calibration_error": calibration.error,
    }
    details = {
        "per_class": per_label_table(counts, labels),
        "confusion": {"labels": list(labels), "gold_by_predicted": confusion.tolist()},
        "calibration": calibration.details(),
    }
    return _scores(metric, values, details, len(gold), labels)


def score_multi(
    probabilities: Floats,
    chosen: NDArray[np.bool_],
    gold: NDArray[np.bool_],
    labels: Sequence[str],
    metric: str = "macro_f1",
    *,
    thresholds: str = "given",
) -> Scores:
    """Any number of labels per text: probabilities, labels chosen, gold labels, each [n, L].

    `expected_calibration_error` is over all text-label pairs, with the label's probability as confidence and
    whether the label applies as truth; `log_loss` and `brier` are means over those pairs. `thresholds` says
    where the thresholds come from, for the signature.
    """
    counts = counts_of_sets(gold, chosen)
    calibration = reliability(probabilities.ravel(), gold.ravel())
    both = np.stack([1 - probabilities.ravel(), probabilities.ravel()], axis=1)
    truth = gold.ravel().astype(np.int64)
    values = {
        **{name: float(of(counts)) for name, of in F1.items()},
        "subset_accuracy": float((chosen == gold).all(axis=1).mean()),
        "label_accuracy": float((chosen == gold).mean()),
        "ranking_precision": ranking_precision(probabilities, gold),
        "roc_auc": _mean_of_known(roc_auc(probabilities, gold)),
        "log_loss": log_loss(both, truth),
        "brier": brier(both, truth),
        "expected_calibration_error": calibration.error,
    }
    details = {"per_class": per_label_table(counts, labels), "calibration": calibration.details()}
    return _scores(metric, values, details, len(gold), labels, thresholds=thresholds)


def statistic_single(gold: Ints, predicted: Ints, labels: int, metric: str) -> Statistic:
    """One of SINGLE_HEADLINES as a Statistic of the texts; two id arrays [n]."""
    if metric == "accuracy":
        return Statistic.mean(gold == predicted)
    return f1_statistic(gold, predicted, labels, F1[metric])


def statistic_multi(gold: NDArray[np.bool_], chosen: NDArray[np.bool_], metric: str) -> Statistic:
    """One of MULTI_HEADLINES as a Statistic of the texts; multi-hot [n, L] twice."""
    if metric == "subset_accuracy":
        return Statistic.mean((gold == chosen).all(axis=1))
    return f1_statistic_of_sets(gold, chosen, F1[metric])


def thresholds_for(probabilities: Floats, gold: NDArray[np.bool_], metric: str) -> Floats:
    """The thresholds [L] that serve one of MULTI_HEADLINES best on these texts, [n, L] twice.

    Macro and weighted F1: the best F1 of each label. Micro F1: one threshold for all labels, because a label
    that the model cannot tell has its best F1 when it is given to every text, which spoils the sum. Subset
    accuracy: 0.5, the likeliest set of labels if they are independent.
    """
    labels = probabilities.shape[1]
    if metric == "subset_accuracy":
        return np.full(labels, 0.5)
    if metric == "micro_f1":
        return np.repeat(choose_thresholds(probabilities.reshape(-1, 1), gold.reshape(-1, 1)), labels)
    return choose_thresholds(probabilities, gold)


def choose_thresholds(probabilities: Floats, gold: NDArray[np.bool_]) -> Floats:
    """Per label the threshold [L] with the highest F1 on these texts, [n, L] twice: a label is chosen where
    its probability is at least the threshold.

    Every cut between two different probabilities is tried; of equals the one that chooses fewest; the
    threshold lies halfway between the neighbours. A label without a gold text keeps 0.5.
    """
    count, labels = probabilities.shape
    thresholds = np.full(labels, 0.5)
    for label in np.flatnonzero(gold.any(axis=0)):
        order = np.argsort(-probabilities[:, label], kind="stable")
        p = probabilities[order, label].astype(np.float64)
        hits = np.cumsum(gold[order, label])
        f1 = 2 * hits / (np.arange(1, count + 1) + hits[-1])
        below = np.append(p[1:], 0.0)  # the next lower probability
        f1[p == below] = -1  # no cut between equals
        cut = int(f1.argmax())
        thresholds[label] = (p[cut] + below[cut]) / 2
    return thresholds


def _mean_of_known(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _scores(
    metric: str,
    values: dict[str, float],
    details: dict[str, Any],
    count: int,
    labels: Sequence[str],
    **settings: str,
) -> Scores:
    undefined = sorted(name for name, value in values.items() if np.isnan(value))  # JSON has no NaN
    known = {name: value for name, value in values.items() if name not in undefined}
    if metric == "macro_f1":
        settings["absent"] = "left-out"
    signature = sign(metric, texts=count, labels=len(labels), **settings)
    return Scores(metric, known, signature, count, details={**details, "undefined": undefined})
