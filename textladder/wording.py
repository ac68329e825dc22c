"""What the counts and costs of a comparison are called: they differ from task to task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Words:
    """tested: what intervals and paired tests are drawn over. trained: what learning curves count. one: what
    latency is of. throughput: of what and in which time. labelled: what has a label. confused: what the cells
    of a confusion matrix count. gold: what stands before the right answer, and before several."""

    tested: str = "texts"
    trained: str = "texts"
    one: str = "one text"
    throughput: str = "texts/s"
    labelled: str = "texts"
    confused: str = "texts"
    gold: tuple[str, str] = ("label", "labels")


PROPER = {
    "bleu": "BLEU",
    "brier": "Brier score",
    "chrf": "chrF",
    "map": "MAP",
    "mrr": "MRR",
    "pearson": "Pearson",
    "spearman": "Spearman",
    "ter": "TER",
}
PARTS = {"f1": "F1", "roc": "ROC", "auc": "AUC", "rouge": "ROUGE", "l": "L"}
OF_HUNDRED = ("bleu", "chrf", "ter", "rouge")  # from 0 to 100: how their names begin
SEARCHED = ("mrr", "map", "recall_at")  # how metrics begin that texts which are looked for are drawn for
WORDS = {
    "embed": Words("pairs", "pairs", "one text", "texts/s", "pairs", "pairs", ("match", "matches")),
    "language": Words("blocks", "characters", "one more unit", "characters/s"),
    "pair": Words("pairs", "pairs", "one pair", "pairs/s", "pairs", "pairs"),
    "span": Words(
        "questions",
        "questions",
        "one question",
        "questions/s",
        "questions",
        "questions",
        ("answer", "answers"),
    ),
    "translate": Words(labelled="translations", gold=("reference", "references")),
    "tag": Words("sentences", "texts", "one sentence", "sentences/s", "spans", "tokens"),
}


def words_of(comparison: Mapping[str, Any]) -> Words:
    """From compare.json, or from scores.json of a run."""
    words = WORDS.get(comparison["task"], Words())
    searched = str(comparison.get("metric")).startswith(SEARCHED)
    return replace(words, tested="queries") if searched else words


def rows_are(comparison: Mapping[str, Any]) -> str:
    """What the rows of its files are called."""
    return WORDS.get(comparison["task"], Words()).tested


def named(key: str) -> str:
    """A measure as people write it: "macro_f1" is "macro F1"."""
    return PROPER.get(key) or " ".join(PARTS.get(part, part) for part in key.split("_"))


def told(key: str, value: float) -> str:
    """A value of a measure with as many digits as say something."""
    return f"{value:.2f}" if key.startswith(OF_HUNDRED) else f"{value:.3f}"
