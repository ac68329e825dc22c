"""A few examples per task for the contract suite. A new task adds its entry here and is then held to every
promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from textladder.batch import Batch, Encoded, Example, Ragged, Tokens
from textladder.tasks import task_class
from textladder.tasks.task import Task

VOCABULARY = ["<pad>", "<unk>", "good", "bad", "fine", "awful", "film", "plot", "ends", "well"]
DIM = 16


@dataclass(frozen=True)
class Sample:
    """A task with options, lines that can be learned by heart, and the outcomes a perfect model would
    have."""

    task: str
    texts: Sequence[str]
    targets: Sequence[Any]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def examples(self) -> list[Example]:
        return [
            Example((text,), target, f"lines.csv:{number}")
            for number, (text, target) in enumerate(zip(self.texts, self.targets, strict=True), start=2)
        ]

    def build(self, dim: int = DIM, seed: int = 0) -> Task:
        kind = task_class(self.task)
        config = kind.Config(**self.options)
        torch.manual_seed(seed)
        return kind(config, dim, kind.learn(self.examples, config))


TWO = ("good film", "bad film", "fine plot", "awful plot ends", "ends well", "bad awful")
SAMPLES = {
    "classify two": Sample("classify", TWO, [("pos",), ("neg",), ("pos",), ("neg",), ("pos",), ("neg",)]),
    "classify three": Sample(
        "classify",
        TWO,
        [("a",), ("b",), ("c",), ("a",), ("b",), ("c",)],
        {"head": "mlp", "label_smoothing": 0.05},
    ),
    "classify weighted": Sample(
        "classify",
        TWO,
        [("a",), ("a",), ("a",), ("a",), ("b",), ("a",)],
        {"class_weights": "balanced", "loss": "focal", "metric": "macro_f1"},
    ),
    "classify several": Sample("classify", TWO, [("x", "y"), ("x",), ("y", "z"), ("z",), ("x", "z"), ("y",)]),
    "classify several, some none": Sample(
        "classify", TWO, [("x", "y"), (), ("y",), (), ("x",), ("y",)], {"kind": "multi", "loss": "focal"}
    ),
}


def perfect(sample: Sample, task: Task) -> Any:
    """Outcomes that say exactly what is gold."""
    outcomes = np.zeros((len(sample.texts), len(task.labels["labels"])), np.float32)
    for row, target in zip(outcomes, sample.targets, strict=True):
        row[[task.labels["labels"].index(label) for label in target]] = 1
    return outcomes


class Words:
    """The least that a task needs of a tokenizer: words of VOCABULARY to their ids."""

    def encode(self, texts: Sequence[str]) -> Ragged:
        return Ragged.of(
            [[VOCABULARY.index(word) if word in VOCABULARY else 1 for word in text.split()] for text in texts]
        )


class Mean(nn.Module):
    """The least that a task needs of an encoder: the mean of word vectors."""

    def __init__(self, dim: int = DIM, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.embedding = nn.Embedding(len(VOCABULARY), dim)

    def forward(self, tokens: Tokens) -> Encoded:
        states: Tensor = self.embedding(tokens.ids) * tokens.mask[..., None]  # [B, T, D]
        return Encoded(states.sum(1) / tokens.lengths.clamp(min=1)[:, None], tokens.mask, states)


def batch_of(task: Task, examples: Sequence[Example]) -> Batch:
    return task.collate(task.columns(examples, Words()))  # type: ignore[arg-type]
