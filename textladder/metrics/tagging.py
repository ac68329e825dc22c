"""Everything that is told about tagged tokens, from counts per sentence; pure numpy.

A span is right if its first token, its last and its label are (Tjong Kim Sang and De Meulder 2003,
https://aclanthology.org/W03-0419; what conlleval and seqeval count). Intervals and paired tests draw
sentences, not tokens, which depend on each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.calibration import Reliability
from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Floats, Statistic

# Of a sentence: tokens, those with the right tag, spans found, spans that are there, spans that are both.
TOKENS, RIGHT, FOUND, THERE, BOTH = range(5)
COUNTS = ("tokens", "right_tokens", "found_spans", "gold_spans", "right_spans")
HEADLINES = ("span_f1", "token_accuracy", "sentence_accuracy")
Triples = NDArray[np.int64]  # [C, 3] first token, the one after the last, label


def count_sentences(
    offsets: NDArray[np.int64], right: NDArray[np.bool_], found: Triples, there: Triples
) -> NDArray[np.int64]:
    """[n, 5] the counts of each sentence. offsets [n + 1] of tokens; right [N] whether each token's tag is;
    found and there: spans over the numbers of all tokens."""
    count = len(offsets) - 1
    counts = np.zeros((count, len(COUNTS)), np.int64)
    counts[:, TOKENS] = np.diff(offsets)
    sums = np.append(0, np.cumsum(right))
    counts[:, RIGHT] = sums[offsets[1:]] - sums[offsets[:-1]]
    both = np.array(sorted(set(map(tuple, found.tolist())) & set(map(tuple, there.tolist()))), np.int64)
    for column, spans in ((FOUND, found), (THERE, there), (BOTH, both.reshape(-1, 3))):
        owner = np.searchsorted(offsets, spans[:, 0], side="right") - 1
        counts[:, column] = np.bincount(owner, minlength=count)
    return counts


def statistic(counts: NDArray[np.int64], metric: str) -> Statistic:
    """A headline as a Statistic of the sentences."""
    if metric == "sentence_accuracy":
        return Statistic.mean(counts[:, RIGHT] == counts[:, TOKENS])
    of = {"span_f1": _f1, "token_accuracy": _accuracy}[metric]
    return Statistic.rows(counts.astype(np.float64), of)


def _f1(sums: Floats) -> Floats:
    """2 both / (found + there); 1 where there is nothing to find and nothing was found."""
    whole = sums[..., FOUND] + sums[..., THERE]
    return np.where(whole > 0, 2 * sums[..., BOTH] / np.maximum(whole, 1), 1.0)


def _accuracy(sums: Floats) -> Floats:
    return np.where(sums[..., TOKENS] > 0, sums[..., RIGHT] / np.maximum(sums[..., TOKENS], 1), 1.0)


def score(
    counts: NDArray[np.int64],
    found: Triples,
    there: Triples,
    confusion: NDArray[np.int64],
    reliability: Reliability,
    *,
    metric: str,
    labels: Sequence[str],
    names: Sequence[str],
    scheme: str,
    unseen: Sequence[str],
) -> Scores:
    """Every metric by name. labels: of the model; names: of all labels in `there`, the model's first; unseen:
    those of them that the model cannot say; confusion [C, C]: gold by predicted label of tokens, of `names`
    and, where there are spans, "O". reliability: of the tags of all tokens."""
    sums = counts.sum(0).astype(np.float64)
    values = {
        "token_accuracy": float(_accuracy(sums)),
        "sentence_accuracy": float((counts[:, RIGHT] == counts[:, TOKENS]).mean()),
        "expected_calibration_error": reliability.error,
    }
    if scheme != "none":
        values |= {
            "span_f1": float(_f1(sums)),
            "span_precision": float(sums[BOTH] / max(sums[FOUND], 1)),
            "span_recall": float(sums[BOTH] / max(sums[THERE], 1)),
        }
    details: dict[str, Any] = {
        "per_class": per_label(found, there, names),
        "confusion": {
            "labels": [*names, *(["O"] if scheme != "none" else [])],
            "gold_by_predicted": confusion.tolist(),
        },
        "calibration": reliability.details(),
        "counts": {name: int(total) for name, total in zip(COUNTS, sums, strict=True)},
        "unseen_labels": list(unseen),
    }
    signature = sign(
        metric,
        sentences=len(counts),
        tokens=int(sums[TOKENS]),
        **({"spans": int(sums[THERE]), "rule": "conlleval", "scheme": scheme} if scheme != "none" else {}),
        labels=len(labels),
    )
    return Scores(metric, values, signature, len(counts), True, details)


def per_label(found: Triples, there: Triples, names: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of the spans of each label; support: how many are there."""
    both = set(map(tuple, found.tolist())) & set(map(tuple, there.tolist()))
    right = Counter(kind for _, _, kind in both)
    made, given = Counter(found[:, 2].tolist()), Counter(there[:, 2].tolist())
    table = []
    for kind, name in enumerate(names):
        hits, whole = right[kind], made[kind] + given[kind]
        table.append(
            {
                "label": name,
                "precision": hits / max(made[kind], 1),
                "recall": hits / max(given[kind], 1),
                "f1": 2 * hits / whole if whole else 0.0,
                "support": given[kind],
            }
        )
    return table
