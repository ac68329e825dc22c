"""From vectors to labels: what tasks share that give a row (a text, a pair of texts) its label, or several.

An outcome is a row of probabilities, one per label, in the order of `labels["labels"]`. Labels are strings to
the user and numbers nowhere but in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textladder.batch import Example, Loss, Ragged
from textladder.errors import Problem, suggest
from textladder.layers import few_labels
from textladder.layers.heads import Head, in_float32, make_head
from textladder.metrics import calibration, reports
from textladder.metrics.scores import Scores
from textladder.metrics.statistic import Statistic
from textladder.ranges import Share, Size
from textladder.tasks.labels import label_ids, labels_of
from textladder.tasks.losses import multi_label_loss, perceptron_loss, single_label_loss
from textladder.tasks.task import Task


class Labelled(Task):
    """Head, loss, probabilities, decisions and scores of rows that a vector stands for.

    labels: what `learn` returns. After training, `finish` fits a temperature on dev (Guo et al. 2017) and,
    for multi-label, a threshold per label. Raises Problem for options that contradict each other or the
    labels.
    """

    @dataclass(frozen=True)
    class Config:
        focal_gamma: float = 2.0  # how much the loss of easy texts is turned down (focal only)
        label_smoothing: float = 0.0  # share of the truth that is spread over all labels
        class_weights: Literal["none", "balanced"] = "none"
        head_dropout: Share = 0.0
        head_hidden_dim: Size = 128  # mlp only

    temperature: Tensor  # [] logits are divided by it
    thresholds: Tensor | None  # [L] multi-label only; NaN until `finish` has chosen them
    weights: Tensor | None  # [L]

    def __init__(self, config: Any, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        self.names: list[str] = labels["labels"]
        self.multi: bool = labels["kind"] == "multi"
        self.headline = _headline(config, self.multi)
        self.index = {name: number for number, name in enumerate(self.names)}
        _demand(
            0 <= config.label_smoothing < 1, "label_smoothing", config.label_smoothing, "from 0 to below 1"
        )
        _demand(config.focal_gamma >= 0, "focal_gamma", config.focal_gamma, "0 or more")
        _demand(0 <= config.head_dropout < 1, "head_dropout", config.head_dropout, "from 0 to below 1")
        if config.loss == "perceptron" and config.label_smoothing:
            raise Problem(
                "task.label_smoothing",
                "the perceptron knows right and wrong, and no probability that could be smoothed.",
                "Leave it out, or set task.loss=cross-entropy.",
            )
        counts = torch.tensor([labels["counts"][name] for name in self.names], dtype=torch.float32)
        rest = labels["texts"] - counts
        self.head = make_head(config.head, dim, len(self.names), config.head_hidden_dim, config.head_dropout)
        if self.multi and isinstance(self.head, Head):
            # Begin with each label's frequency, so that rare labels do not dominate the first steps (Lin et
            # al. 2017).
            self.head.output.bias.data.copy_(torch.log((counts + 0.5) / (rest + 0.5)))
        weights = None
        if config.class_weights == "balanced":
            # multi: texts without the label / texts with it; single: texts / (labels x texts of the label).
            weights = rest.clamp(min=1) / counts if self.multi else labels["texts"] / (len(counts) * counts)
        self.register_buffer("weights", weights, persistent=False)  # follows from `labels`
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("thresholds", torch.full((len(self.names),), torch.nan) if self.multi else None)

    # Before training: labels and what is trained on.

    def targets(self, targets: Sequence[Any], wheres: Sequence[str]) -> Ragged:
        """Label strings per text -> label ids per text; see `label_ids` for the Problems."""
        return label_ids(targets, wheres, self.index, self.multi)

    def has_target(self, example: Example) -> bool:
        """Whether it is labelled; of several labels none may apply."""
        return labels_of(example.target) not in ((None,) if self.multi else (None, ()))

    def target_of(self, labels: Ragged) -> Tensor:
        """The column "label" of a batch -> [B] label ids; multi-label [B, L] float, 0 or 1."""
        target = self._multi_hot(labels).astype(np.float32) if self.multi else labels.flat.astype(np.int64)
        return torch.from_numpy(target)

    def _multi_hot(self, labels: Ragged) -> NDArray[np.bool_]:
        hot = np.zeros((len(labels), len(self.names)), bool)
        hot[np.repeat(np.arange(len(labels)), labels.lengths), labels.flat] = True
        return hot

    # Training and predicting.

    def loss_of(self, vectors: Tensor, target: Tensor, count: int) -> Loss:
        """Of vectors [B, D], summed over them; `losses` has the formulas."""
        config, head = self.config, self.head
        if self._is_plain and isinstance(head, Head) and few_labels.suits(vectors, head.output):
            return Loss(few_labels.linear_cross_entropy(vectors, head.output, target), count)
        logits = in_float32(head, vectors)
        if config.loss == "perceptron":
            return Loss(perceptron_loss(logits, target, self.weights), count)
        gamma = config.focal_gamma if config.loss == "focal" else 0.0
        formula = multi_label_loss if self.multi else single_label_loss
        return Loss(formula(logits, target, self.weights, config.label_smoothing, gamma), count)

    @property
    def _is_plain(self) -> bool:
        """Whether the loss is cross-entropy of a linear layer and nothing else."""
        config = self.config
        changed = self.multi or self.weights is not None or config.loss in ("focal", "perceptron")
        return config.head == "linear" and not (changed or config.label_smoothing or config.head_dropout)

    def outcomes_of(self, vectors: Tensor) -> NDArray[np.float32]:
        """[B, D] -> [B, L] calibrated probabilities: softmax (several labels: sigmoid) of
        logits / temperature."""
        with torch.no_grad():
            scaled = in_float32(self.head, vectors) / self.temperature
            probabilities = scaled.sigmoid() if self.multi else scaled.softmax(dim=-1)
        found: NDArray[np.float32] = probabilities.cpu().numpy()
        return found

    def finish(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> None:
        """Fit the temperature and, for multi-label, choose the thresholds that serve the headline on dev.

        Probabilities give back their logits up to the present temperature, so no second pass is needed.
        """
        gold = self._gold(examples)
        if self.thresholds is None:
            change = calibration.fit_temperature(calibration.log_odds_of_softmax(outcomes), gold)
        else:
            change = calibration.fit_temperature_of_shares(outcomes.ravel(), gold.ravel())
            chosen = reports.thresholds_for(calibration.tempered(outcomes, change), gold, self.headline)
            self.thresholds.copy_(torch.from_numpy(chosen))
        self.temperature.mul_(change)

    # After predicting: decisions, records, scores.

    def decide(self, outcomes: NDArray[np.float32]) -> list[str] | list[tuple[str, ...]]:
        """Each text's likeliest label; multi-label a tuple of those that reach their threshold, maybe
        none."""
        if self.thresholds is None:
            return [self.names[i] for i in outcomes.argmax(axis=1).tolist()]
        chosen = outcomes >= np.nan_to_num(self.thresholds.cpu().numpy(), nan=0.5)
        return [tuple(self.names[i] for i in np.flatnonzero(row)) for row in chosen]

    def present(self, outcomes: NDArray[np.float32], texts: Any = ()) -> list[dict[str, Any]]:
        """{"label", "confidence", "probabilities"} per text; multi-label {"labels", "probabilities"}."""
        rows = np.round(outcomes.astype(np.float64), 6).tolist()
        spread = [dict(zip(self.names, row, strict=True)) for row in rows]
        decided = self.decide(outcomes)
        if self.multi:
            return [{"labels": list(d), "probabilities": p} for d, p in zip(decided, spread, strict=True)]
        return [
            {"label": label, "confidence": max(row), "probabilities": p}
            for label, row, p in zip(decided, rows, spread, strict=True)
        ]

    def judged(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> list[dict[str, Any]]:
        """{"label", "predicted", "confidence", "loss"} per text; multi-label {"labels", "predicted",
        "loss"}."""
        losses = np.round(self.item_losses(outcomes, examples), 6).tolist()
        golds = [labels_of(example.target) or () for example in examples]
        decided = self.decide(outcomes)
        if self.multi:
            return [
                {"labels": list(gold), "predicted": list(said), "loss": loss}
                for gold, said, loss in zip(golds, decided, losses, strict=True)
            ]
        sure = np.round(outcomes.max(axis=1).astype(np.float64), 6).tolist()
        return [
            {"label": gold[0], "predicted": said, "confidence": confidence, "loss": loss}
            for gold, said, confidence, loss in zip(golds, decided, sure, losses, strict=True)
        ]

    def score(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Scores:
        """Every metric by name; see `metrics.reports`. Raises Problem for texts without a usable label.

        Multi-label before `finish`: thresholds are chosen on the very texts scored, as `finish` will on dev,
        so that early stopping compares models and not their distance from 0.5. The signature says which it
        was.
        """
        gold = self._gold(examples)
        if not self.multi:
            return reports.score_single(outcomes, gold, self.names, self.headline)
        chosen, origin = self._choose(outcomes, gold)
        return reports.score_multi(outcomes, chosen, gold, self.names, self.headline, thresholds=origin)

    def statistic(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Statistic:
        gold = self._gold(examples)
        if self.multi:
            return reports.statistic_multi(gold, self._choose(outcomes, gold)[0], self.headline)
        return reports.statistic_single(gold, outcomes.argmax(axis=1), len(self.names), self.headline)

    def item_losses(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> NDArray[np.float64]:
        """-log p of the gold label, [n] in nats; multi-label summed over labels."""
        gold = self._gold(examples)
        right = (
            np.where(gold, outcomes, 1 - outcomes)
            if self.multi
            else outcomes[np.arange(len(gold)), gold][:, None]
        )
        return -np.log(np.maximum(right, np.finfo(np.float32).eps), dtype=np.float64).sum(axis=1)

    def _gold(self, examples: Sequence[Example]) -> NDArray[Any]:
        """[n] label ids; multi-label [n, L] booleans."""
        if not examples:
            raise Problem("score", "there are no texts to score.", "Give at least one labelled text.")
        rows = self.targets([e.target for e in examples], [e.where for e in examples])
        return self._multi_hot(rows) if self.multi else rows.flat

    def _choose(
        self, outcomes: NDArray[np.float32], gold: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], str]:
        """The labels that reach their threshold, [n, L], and where the thresholds come from."""
        assert self.thresholds is not None
        if bool(self.thresholds.isnan().any()):
            return outcomes >= reports.thresholds_for(outcomes, gold, self.headline), "these-texts"
        return outcomes >= self.thresholds.cpu().numpy(), "dev"


def _headline(config: Any, multi: bool) -> str:
    known = reports.MULTI_HEADLINES if multi else reports.SINGLE_HEADLINES
    if config.metric == "auto":
        return "macro_f1" if multi else "accuracy"
    if config.metric not in known:
        kind = "several labels per text" if multi else "one label per text"
        raise Problem(
            "task.metric", f"{config.metric} is not defined for {kind}.", suggest(config.metric, known)
        )
    return config.metric


def _demand(holds: bool, option: str, value: float, allowed: str) -> None:
    if not holds:
        raise Problem(f"task.{option}", f"{value:g} is outside its range.", f"Give {allowed}.")
