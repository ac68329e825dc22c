"""Classification: one label per text (two labels or many), or any number of labels per text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from textladder.batch import Batch, Example, Loss, Ragged, Tokens
from textladder.tasks.labelled import Labelled
from textladder.tasks.labels import learn_labels
from textladder.tasks.task import Encode

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer


class Classify(Labelled):
    """The encoder's vector of a text, and what `Labelled` makes of it."""

    @dataclass(frozen=True)
    class Config(Labelled.Config):
        kind: Literal["auto", "single", "multi"] = "auto"  # auto: multi when a text has several labels
        metric: Literal["auto", "accuracy", "macro_f1", "micro_f1", "weighted_f1", "subset_accuracy"] = "auto"
        # perceptron: only mistakes count; with training.optimizer=sgd the rung bow is then a perceptron
        loss: Literal["cross-entropy", "focal", "perceptron"] = "cross-entropy"
        head: Literal["linear", "mlp", "none"] = "linear"  # none: the pooled vector is the logits

    labels_texts = True

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """Kind, labels and counts of the training texts; see `learn_labels`."""
        return learn_labels(examples, config.kind, times)

    def columns(self, examples: Sequence[Example], tokenizer: Tokenizer) -> dict[str, Ragged]:
        """ "text": unit ids; "label": label ids, missing when no text has a label."""
        columns = {"text": tokenizer.encode([example.texts[0] for example in examples])}
        if any(map(self.has_target, examples)):
            columns["label"] = self.targets([e.target for e in examples], [e.where for e in examples])
        return columns

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """target: see `target_of`; None without a column "label"."""
        labels = columns.get("label")
        target = None if labels is None else self.target_of(labels)
        return Batch((Tokens.of(columns["text"]),), target, len(columns["text"]))

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        return self.loss_of(encode(batch.inputs[0]).pooled, batch.target, batch.count)

    def predict(self, encode: Encode, batch: Batch) -> NDArray[np.float32]:
        return self.outcomes_of(encode(batch.inputs[0]).pooled)
