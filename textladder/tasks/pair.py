"""Two texts: which label they have (entailment, paraphrase), or how much (similarity).

What is said of labels is in `labelled`, what is said of numbers in `scored`, how texts are set against each
other in `layers.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from textladder.batch import Batch, Example, Loss, Ragged, Tokens
from textladder.errors import Problem
from textladder.layers.matching import MatchingName, make_matching, sides
from textladder.layers.overlap import FEATURES, overlap
from textladder.metrics.scores import Scores
from textladder.metrics.statistic import Statistic
from textladder.ragged import Pairs
from textladder.ranges import Share, Size
from textladder.tasks import several
from textladder.tasks.labelled import Labelled
from textladder.tasks.labels import labels_of, learn_labels
from textladder.tasks.scored import LOSSES, Scored, learn_scale
from textladder.tasks.task import Encode, Rows, Task
from textladder.text.scores import are_scores

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer

SPREAD = 8.0  # shares that differ by a tenth or so are made to differ as much as what stands in vectors


class Pair(Task):
    """Both texts through one encoder, one against the other, and `answer`: labels or a number.

    The columns are those of `several`.
    """

    @dataclass(frozen=True)
    class Config(Labelled.Config):
        # score: labels are numbers of which near ones are nearly right; auto: where they have decimals.
        kind: Literal["auto", "labels", "score"] = "auto"
        matching: MatchingName = "towers"  # of the two vectors, or of each unit with those of the other text
        matching_dim: Size = 128  # decomposable, esim: width of the nets between the texts
        matching_dropout: Share = 0.2  # decomposable, esim
        overlap: bool = False  # what both texts have in common, counted, stands beside their vectors
        metric: Literal["auto", "accuracy", "macro_f1", "micro_f1", "weighted_f1", "pearson", "spearman"] = (
            "auto"
        )
        # auto: cross-entropy of labels, l2 of scores. cosine: the cosine of the two vectors is the score.
        loss: Literal["auto", "cross-entropy", "focal", "l1", "l2", "huber", "cosine"] = "auto"
        head: Literal["linear", "mlp"] = "mlp"

    reads = "pairs"
    texts_a_row = 2

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        kind = Scored if labels["kind"] == "score" else Labelled
        if config.loss != "auto" and (config.loss in LOSSES) != (kind is Scored):
            what = "numbers" if kind is Scored else "classes"
            raise Problem(
                "task.loss",
                f"{config.loss} is no loss of labels that are {what}.",
                "Leave it out, or say what labels are with --set task.kind=labels or task.kind=score",
            )
        self.cosine = config.loss == "cosine"
        if self.cosine and config.matching != "towers":
            raise Problem(
                "task.loss",
                "cosine is of two vectors that do not see each other.",
                "Set task.matching=towers.",
            )
        self.matching = make_matching(config.matching, dim, config.matching_dim, config.matching_dropout)
        if self.cosine and config.overlap:
            what = "cosine is of two vectors, and knows of nothing beside them."
            raise Problem("task.overlap", what, "Leave it out, or choose another task.loss.")
        self.overlap = config.overlap
        width = self.matching.dim + (FEATURES if config.overlap else 0)
        self.answer: Labelled | Scored = kind(config, width, labels)
        self.headline = self.answer.headline

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """What `learn_labels` or `learn_scale` says of the training pairs."""
        listed = list(examples)
        kind = config.kind
        if kind == "auto":
            known = {label for example in listed for label in labels_of(example.target) or ()}
            kind = "score" if are_scores(known) else "labels"
        return learn_scale(listed, times) if kind == "score" else learn_labels(listed, "single", times)

    def read(self, texts: Any) -> Pairs:
        return several.read_pairs(texts, (2,))

    def rows(self, texts: Any, tokenizer: Tokenizer, where: str | Sequence[str] = "text") -> Rows:
        pairs = self.read(texts)
        columns, cut = several.rows_of([pairs.first, pairs.second], tokenizer, where)
        return Rows(columns, np.arange(len(pairs)), cut)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        """Those of `several`; "label", missing when no pair has a label."""
        columns = several.joined([tokenizer.encode([e.texts[side] for e in examples]) for side in (0, 1)])
        if any(map(self.answer.has_target, examples)):
            columns["label"] = self.targets([e.target for e in examples], [e.where for e in examples])
        return columns

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """One input of 2B texts, those of a pair one after the other (`layers.matching`)."""
        labels, count = columns.get("label"), len(columns["text"])
        tokens = Tokens.of(several.texts_of(columns))
        return Batch((tokens,), None if labels is None else self.answer.target_of(labels), count)

    def vectors(self, encode: Encode, batch: Batch) -> Tensor:
        """[B, F] of pairs; of the loss cosine [B, 1]."""
        (tokens,) = batch.inputs
        encoded = encode(tokens)
        if not self.cosine:
            found: Tensor = self.matching(encoded, tokens)
            return torch.cat([found, SPREAD * (overlap(tokens) - 0.5)], -1) if self.overlap else found
        return F.cosine_similarity(*sides(encoded.pooled.float()), dim=-1)[:, None]

    def looked_at(self, encode: Encode, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """[B, T, T] twice: of each unit of the first texts its shares in the second, and the other way round;
        None where they do not see each other (`layers.matching`)."""
        (tokens,) = batch.inputs
        return None if self.cosine else self.matching.shares(encode(tokens), tokens)

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        """Summed over pairs."""
        return self.answer.loss_of(self.vectors(encode, batch), batch.target, batch.count)

    def predict(self, encode: Encode, batch: Batch) -> NDArray[np.float32]:
        """[B, L] probabilities of labels, or [B] numbers."""
        return self.answer.outcomes_of(self.vectors(encode, batch))

    # What the answer says.

    def targets(self, targets: Sequence[Any], wheres: Sequence[str]) -> Ragged:
        return self.answer.targets(targets, wheres)

    def score(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Scores:
        return self.answer.score(outcomes, examples)

    def finish(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> None:
        self.answer.finish(outcomes, examples)

    def present(self, outcomes: NDArray[np.float32], texts: Any = ()) -> list[dict[str, Any]]:
        return self.answer.present(outcomes)

    def judged(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> list[dict[str, Any]]:
        return self.answer.judged(outcomes, examples)

    def statistic(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> Statistic:
        return self.answer.statistic(outcomes, examples)

    def item_losses(self, outcomes: NDArray[np.float32], examples: Sequence[Example]) -> NDArray[np.float64]:
        return self.answer.item_losses(outcomes, examples)
