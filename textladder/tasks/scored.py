"""From vectors to a number: what a task needs that says how much, not which.

An outcome is one number per row, on the scale of the training labels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from textladder.batch import Example, Loss, Ragged
from textladder.errors import Problem, suggest
from textladder.layers.heads import in_float32, make_head
from textladder.metrics import regression
from textladder.metrics.scores import Scores
from textladder.metrics.statistic import Statistic
from textladder.tasks.labels import labels_of
from textladder.tasks.task import Task
from textladder.text.scores import number_of

LOSSES = ("l1", "l2", "huber", "cosine")
_FORMULAS: dict[str, Any] = {"l1": F.l1_loss, "l2": F.mse_loss, "huber": F.huber_loss, "cosine": F.mse_loss}


class Scored(Task):
    """Head, loss, numbers and their scores.

    labels: what `learn_scale` returns. The head works on numbers of mean 0 and deviation 1, so that no option
    depends on the scale. Its loss is l1, l2, or huber (half of l2 up to one deviation, l1 beyond; Huber 1964,
    equation 2). With the loss cosine there is no head: the row's vector is one cosine, from which the score
    is read off, 0 at the low end of the scale and 1 at the high end, and the loss is l2 (Reimers and Gurevych
    2019, https://aclanthology.org/D19-1410, section 3).
    """

    def __init__(self, config: Any, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        self.formula = _FORMULAS["l2" if config.loss == "auto" else config.loss]
        self.low, self.high = labels["low"], labels["high"]
        cosine = config.loss == "cosine"
        self.center, self.spread = (
            (self.low, self.high - self.low) if cosine else (labels["mean"], labels["deviation"])
        )
        self.headline = "pearson" if config.metric == "auto" else config.metric
        if self.headline not in regression.HEADLINES:
            what = f"{self.headline} is not defined for numbers."
            raise Problem("task.metric", what, suggest(self.headline, regression.HEADLINES))
        self.head = (
            None if cosine else make_head(config.head, dim, 1, config.head_hidden_dim, config.head_dropout)
        )

    def targets(self, targets: Sequence[Any], wheres: Sequence[str]) -> Ragged:
        """Labels -> [B] the numbers that they write, float32. Raises Problem for one that is none."""
        numbers = numbers_of(targets, wheres)
        return Ragged(numbers.astype(np.float32), np.arange(len(numbers) + 1))

    def has_target(self, example: Example) -> bool:
        return labels_of(example.target) not in (None, ())

    def target_of(self, labels: Ragged) -> Tensor:
        return torch.from_numpy(np.asarray(labels.flat, np.float32))

    def loss_of(self, vectors: Tensor, target: Tensor, count: int) -> Loss:
        """Of vectors [B, D], or cosines [B, 1], summed over them."""
        wanted = (target - self.center) / self.spread
        return Loss(self.formula(self._found(vectors), wanted, reduction="sum"), count)

    def outcomes_of(self, vectors: Tensor) -> NDArray[np.float32]:
        """[B, D] -> [B] numbers within the scale."""
        with torch.no_grad():
            found = self.center + self.spread * self._found(vectors)
        clipped: NDArray[np.float32] = found.clamp(self.low, self.high).cpu().numpy()
        return clipped

    def _found(self, vectors: Tensor) -> Tensor:
        return (vectors.float() if self.head is None else in_float32(self.head, vectors))[:, 0]

    def present(self, outcomes: NDArray[np.float32], texts: Any = ()) -> list[dict[str, Any]]:
        """{"score"} per row."""
        return [{"score": round(float(score), 6)} for score in outcomes]

    def judged(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> list[dict[str, Any]]:
        """{"score": the right one, "predicted", "loss": how far off} per row."""
        golds = self._gold(examples).tolist()
        rows = zip(golds, outcomes.tolist(), self.item_losses(outcomes, examples).tolist(), strict=True)
        return [
            {"score": gold, "predicted": round(said, 6), "loss": round(loss, 6)} for gold, said, loss in rows
        ]

    def score(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Scores:
        return regression.score(outcomes, self._gold(examples), self.headline)

    def statistic(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Statistic:
        return regression.statistic(outcomes, self._gold(examples), self.headline)

    def item_losses(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> NDArray[np.float64]:
        """[n] the distance to the right number."""
        return np.abs(outcomes.astype(np.float64) - self._gold(examples))

    def _gold(self, examples: Sequence[Example]) -> NDArray[np.float64]:
        if not examples:
            raise Problem("score", "there is nothing to score.", "Give at least one pair with a number.")
        return numbers_of([e.target for e in examples], [e.where for e in examples])


def learn_scale(examples: Iterable[Example], times: Iterable[int] | None = None) -> dict[str, Any]:
    """{"kind": "score", "labels": [], "low", "high", "mean", "deviation", "texts"} of training labels. times:
    how many rows each example stands for (None: one). Raises Problem for labels that are no numbers, and
    where all are the same."""
    listed = list(examples)
    numbers = numbers_of([e.target for e in listed], [e.where for e in listed])
    counts = np.array(list(itertools.islice(times or itertools.repeat(1), len(listed))), np.float64)
    if len(np.unique(numbers)) < 2:
        where = listed[0].where.rpartition(":")[0] if listed else ""
        raise Problem(
            where or "training pairs", "every score is the same.", "Name the right column with --label."
        )
    mean = float(np.average(numbers, weights=counts))
    deviation = float(np.sqrt(np.average((numbers - mean) ** 2, weights=counts)))
    return {
        "kind": "score",
        "labels": [],
        "low": float(numbers.min()),
        "high": float(numbers.max()),
        "mean": mean,
        "deviation": deviation,
        "texts": int(counts.sum()),
    }


def numbers_of(targets: Sequence[Any], wheres: Sequence[str]) -> NDArray[np.float64]:
    """[n] The numbers that labels write. Raises Problem, with the place of the first, for others."""
    rows = [labels_of(target) or () for target in targets]
    found = [number_of(row[0]) if len(row) == 1 else None for row in rows]
    wrong = [n for n, value in enumerate(found) if value is None]
    if wrong:
        first = rows[wrong[0]]
        said = f"the label {', '.join(map(repr, first))} is not a number" if first else "there is no label"
        raise Problem(
            wheres[wrong[0]],
            f"{said}, and scores are to be learned: {len(wrong):,} of {len(found):,} labels are no numbers.",
            "Correct it, or take labels as classes with --set task.kind=labels",
        )
    return np.array(found, np.float64)
