"""Scores of classification, single-label and multi-label; equal to scikit-learn's (the tests hold them to
it).

Everything about F1 starts from three counts per label, [..., 3, L]: true positives, predicted, gold. Leading
axes are free, so that the same functions score one system and a thousand resamples of it.

A label that occurs neither in gold nor in the predictions has no F1 and is left out of the macro average
(scikit-learn's `zero_division=np.nan`). A label that is never predicted has precision 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.statistic import Floats, Statistic

Ints = NDArray[np.int64]


def confusion_matrix(gold: Ints, predicted: Ints, labels: int) -> Ints:
    """[L, L] texts by gold label (rows) and predicted label (columns), from two id arrays [n]."""
    return np.bincount(gold * labels + predicted, minlength=labels * labels).reshape(labels, labels)


def counts_of_confusion(confusion: Ints) -> Ints:
    """[L, L] -> [3, L] true positives, predicted, gold."""
    return np.stack([confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)])


def counts_of_sets(gold: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> Ints:
    """Multi-hot [n, L] twice -> [3, L] true positives, predicted, gold."""
    return np.stack([(gold & predicted).sum(axis=0), predicted.sum(axis=0), gold.sum(axis=0)])


def f1_per_label(counts: NDArray[Any]) -> Floats:
    """[..., 3, L] -> [..., L]: 2 tp / (predicted + gold); NaN for a label that does not occur."""
    occurrences = counts[..., 1, :] + counts[..., 2, :]
    return _divide(2.0 * counts[..., 0, :], occurrences, np.nan)


def macro_f1(counts: NDArray[Any]) -> Floats:
    """[..., 3, L] -> [...]: the mean of the F1 of the labels that occur."""
    occurs = counts[..., 1, :] + counts[..., 2, :] > 0
    f1 = np.where(occurs, f1_per_label(counts), 0.0)
    return _divide(f1.sum(axis=-1), occurs.sum(axis=-1), 0.0)


def micro_f1(counts: NDArray[Any]) -> Floats:
    """[..., 3, L] -> [...]: F1 of all decisions together; with one label per text this is accuracy."""
    totals = counts.sum(axis=-1)
    return _divide(2.0 * totals[..., 0], totals[..., 1] + totals[..., 2], 0.0)


def weighted_f1(counts: NDArray[Any]) -> Floats:
    """[..., 3, L] -> [...]: the mean F1 weighted by how often each label is gold."""
    gold = counts[..., 2, :]
    f1 = np.where(gold > 0, f1_per_label(counts), 0.0)
    return _divide((f1 * gold).sum(axis=-1), gold.sum(axis=-1), 0.0)


def per_label_table(counts: Ints, labels: Sequence[str]) -> list[dict[str, Any]]:
    """One row per label: precision, recall, f1 (0 where undefined), support (gold texts), predicted."""
    hits, predicted, gold = counts
    precision, recall = _divide(hits, predicted, 0.0), _divide(hits, gold, 0.0)
    columns = [precision, recall, np.nan_to_num(f1_per_label(counts)), gold, predicted]
    names = ("precision", "recall", "f1", "support", "predicted")
    return [
        {"label": label, **dict(zip(names, row, strict=True))}
        for label, *row in zip(labels, *(column.tolist() for column in columns), strict=True)
    ]


def accuracy_statistic(correct: NDArray[np.bool_]) -> Statistic:
    """Share of texts answered right, [n] booleans, ready for resampling."""
    return Statistic.mean(correct)


def f1_statistic(gold: Ints, predicted: Ints, labels: int, of: Any) -> Statistic:
    """`of` (macro_f1, micro_f1, weighted_f1) of single-label answers, two id arrays [n], ready for
    resampling."""
    cells, kinds = np.unique(gold * labels + predicted, return_inverse=True)
    table = np.zeros((len(cells), 3, labels), np.float32)
    rows, gold_of, predicted_of = np.arange(len(cells)), cells // labels, cells % labels
    table[rows, 1, predicted_of] = 1
    table[rows, 2, gold_of] = 1
    table[rows, 0, gold_of] = gold_of == predicted_of
    return Statistic(kinds, table.reshape(len(cells), 3 * labels), _Shaped(of, labels))


def f1_statistic_of_sets(gold: NDArray[np.bool_], predicted: NDArray[np.bool_], of: Any) -> Statistic:
    """The same for multi-label answers, multi-hot [n, L] twice."""
    rows = np.concatenate([gold & predicted, predicted, gold], axis=1).astype(np.int8)  # [n, 3L]
    return Statistic.rows(rows, _Shaped(of, gold.shape[1]))


class _Shaped:
    """Sums [..., 3L] seen as counts [..., 3, L]."""

    def __init__(self, of: Any, labels: int) -> None:
        self.of, self.labels = of, labels

    def __call__(self, sums: Floats) -> Floats:
        return self.of(sums.reshape(*sums.shape[:-1], 3, self.labels))


def roc_auc(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Area under the ROC curve per label, [n, L] scores and truths -> [L]: the chance that a positive text
    scores above a negative one, ties counting half (Mann-Whitney). NaN where all texts are positive or none
    is."""
    count = len(scores)
    areas = np.full(scores.shape[1], np.nan)
    positives = positive.sum(axis=0)
    for label in np.flatnonzero((positives > 0) & (positives < count)):
        column = scores[:, label]
        order = np.argsort(column, kind="stable")
        ordered = column[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        sizes = np.diff(np.append(starts, count))
        ranks = np.repeat(
            starts + (sizes + 1) / 2, sizes
        )  # 1-based; tied texts share the mean of their ranks
        hits = int(positives[label])
        above = ranks[positive[order, label]].sum() - hits * (hits + 1) / 2
        areas[label] = above / (hits * (count - hits))
    return areas


def log_loss(probabilities: Floats, gold: Ints) -> float:
    """Mean of -log p(gold label), in nats; probabilities [n, L] are kept off 0 by the smallest step of their
    type."""
    tiny = np.finfo(probabilities.dtype).eps
    return float(
        -np.log(np.maximum(probabilities[np.arange(len(gold)), gold], tiny), dtype=np.float64).mean()
    )


def brier(probabilities: Floats, gold: Ints) -> float:
    """Brier 1950: mean squared distance of probabilities [n, L] from the truth, summed over labels; with two
    labels half of that, which is the usual binary form."""
    wrong = probabilities.astype(np.float64)
    wrong[np.arange(len(gold)), gold] -= 1
    total = float(np.square(wrong).sum(axis=1).mean())
    return total / 2 if probabilities.shape[1] == 2 else total


def ranking_precision(scores: Floats, gold: NDArray[np.bool_]) -> float:
    """Label ranking average precision, multi-label, no threshold: for each gold label the share of gold
    labels among those scored at least as high; 1 is perfect. A text with no or all labels counts 1."""
    count, labels = scores.shape
    total = 0.0
    size = max(1, (1 << 22) // max(labels * labels, 1))
    for start in range(0, count, size):
        part, truth = scores[start : start + size], gold[start : start + size]
        at_least = part[:, None, :] >= part[:, :, None]  # [n, L, L]: label k (last) scored no lower than j
        ranks = at_least.sum(axis=2)
        gold_ranks = (at_least & truth[:, None, :]).sum(axis=2)
        held = truth.sum(axis=1)
        precision = _divide(np.where(truth, gold_ranks / ranks, 0.0).sum(axis=1), held, 1.0)
        total += float(np.where(held == labels, 1.0, precision).sum())
    return total / count


def _divide(top: Any, bottom: Any, otherwise: float) -> Floats:
    """top / bottom, and `otherwise` where bottom is 0."""
    top, bottom = np.asarray(top, np.float64), np.asarray(bottom, np.float64)
    return np.divide(top, bottom, out=np.full(np.broadcast(top, bottom).shape, otherwise), where=bottom != 0)
