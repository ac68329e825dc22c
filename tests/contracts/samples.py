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
from textladder.decoders import decoder_class
from textladder.tasks import task_class
from textladder.tasks.answering import Found
from textladder.tasks.tag import Said
from textladder.tasks.task import Task
from textladder.tasks.translated import Written
from textladder.text.tokenizing import END, SPECIAL, Tokenizer, TokenizerConfig

VOCABULARY = [*SPECIAL, "good", "bad", "fine", "awful", "film", "plot", "ends", "well"]
DIM = 16


@dataclass(frozen=True)
class Sample:
    """A task with options, lines that can be learned by heart (of pairs, two texts each), and the outcomes a
    perfect model would have. decoder: name and options, of a task that writes. best: the headline of a
    perfect model."""

    task: str
    texts: Sequence[str | tuple[str, ...]]
    targets: Sequence[Any]
    options: dict[str, Any] = field(default_factory=dict)
    decoder: tuple[str, dict[str, Any]] | None = None
    best: float = 1.0
    count: int | None = None  # what a score counts; None: the examples

    @property
    def examples(self) -> list[Example]:
        return [
            Example(
                (*((text,) if isinstance(text, str) else text), *([] if self.decoder is None else [target])),
                target if self.decoder is None else (),
                f"lines.csv:{number}",
            )
            for number, (text, target) in enumerate(zip(self.texts, self.targets, strict=True), start=2)
        ]

    @property
    def bare(self) -> list[Example]:
        """What is given to be predicted."""
        given = 1 if self.decoder is not None else None  # of a translation, the source alone
        return [Example(example.texts[:given], None, example.where) for example in self.examples]

    def build(self, dim: int = DIM, seed: int = 0) -> Task:
        kind = task_class(self.task)
        config = kind.Config(**self.options)
        torch.manual_seed(seed)
        labels = kind.learn(self.examples, config)
        if self.decoder is None:
            return kind(config, dim, labels)
        tokenizer = Tokenizer.of_vocabulary(VOCABULARY[len(SPECIAL) :], Words.config)
        task = kind(config, dim, kind.spelled(labels, tokenizer, [Ragged.of_strings(self.targets)]))
        writer = decoder_class(self.decoder[0])
        task.equip(writer(writer.Config(**self.decoder[1]), len(VOCABULARY), dim), tokenizer)
        return task


TWO = ("good film", "bad film", "fine plot", "awful plot ends", "ends well", "bad awful")
ASKED = (
    ("good film", "good ends"),
    ("bad film fine", "fine film"),
    ("good plot", "plot well"),
    ("awful plot ends", "awful good"),
    ("ends well fine", "well fine"),
    ("bad awful plot", "bad ends plot"),
)
PAIRS = (
    ("good film", "fine film"),
    ("good film", "bad film"),
    ("fine plot", "good plot ends"),
    ("awful plot ends", "ends well"),
    ("bad", "awful"),
    ("bad film", "fine film"),
)
SAME = [("yes",), ("no",), ("yes",), ("no",), ("yes",), ("no",)]
FOUND = (
    ("good film", "good plot"),
    ("bad film ends", "bad"),
    ("fine", "fine plot well"),
    ("awful plot", "awful ends"),
    ("ends well", "well"),
    ("film", "plot film"),
)
NEAR = [("4.5",), ("1.0",), ("4.0",), ("3.5",), ("5.0",), ("0.5",)]
SAMPLES = {
    "pair towers": Sample("pair", PAIRS, SAME),
    "pair decomposable": Sample(
        "pair", PAIRS, SAME, {"matching": "decomposable", "matching_dim": 16, "matching_dropout": 0.0}
    ),
    "pair esim": Sample(
        "pair",
        PAIRS,
        [("a",), ("b",), ("c",), ("a",), ("b",), ("c",)],
        {"matching": "esim", "matching_dim": 8, "matching_dropout": 0.0, "head": "linear"},
    ),
    "pair score": Sample("pair", PAIRS, NEAR, {"loss": "huber", "overlap": True}),
    "pair cosine": Sample("pair", PAIRS, NEAR, {"loss": "cosine"}),
    "pair score, esim": Sample(
        "pair",
        PAIRS,
        NEAR,
        {
            "matching": "esim",
            "matching_dim": 8,
            "matching_dropout": 0.0,
            "loss": "l1",
            "metric": "spearman",
        },
    ),
    "embed": Sample("embed", FOUND, [()] * 6),
    "embed, projected, triplet": Sample(
        "embed", FOUND, [()] * 6, {"loss": "triplet", "projection_dim": 8, "margin": 1.0}
    ),
    "embed, negatives": Sample(
        "embed",
        tuple((*texts, FOUND[n - 1][1]) for n, texts in enumerate(FOUND)),
        [("same",)] * 5 + [("other",)],
        {"metric": "map", "symmetric": False, "remove_components": 1},
        count=5,
    ),
    "embed, cosine of labels": Sample(
        "embed", FOUND, [("1",), ("1",), ("0",), ("1",), ("0",), ("1",)], {"loss": "cosine"}, count=4
    ),
    "embed, scores": Sample("embed", PAIRS, NEAR, {"metric": "pearson"}),
    "embed, scores, searched": Sample(
        "embed", FOUND, NEAR, {"metric": "recall_at_1", "loss": "info-nce", "close_share": 0.6}, count=4
    ),
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
    "tag spans": Sample(
        "tag",
        TWO,
        # What a word means does not depend on its neighbours, so that a mean of words can learn it.
        [((0, 4, "A"),), ((0, 3, "B"),), ((0, 4, "A"),), ((11, 15, "A"),), ((0, 9, "A"),), ((0, 3, "B"),)],
    ),
    "tag tags": Sample(
        "tag",
        TWO,
        [
            ((0, 4, "ADJ"), (5, 9, "NOUN")),
            ((0, 3, "ADJ"), (4, 8, "NOUN")),
            ((0, 4, "ADJ"), (5, 9, "NOUN")),
            ((0, 5, "ADJ"), (6, 10, "NOUN"), (11, 15, "VERB")),
            ((0, 4, "VERB"), (5, 9, "ADV")),
            ((0, 3, "ADJ"), (4, 9, "ADJ")),
        ],
        {"head": "mlp", "label_smoothing": 0.02},
    ),
    "tag crf": Sample(
        "tag",
        TWO,
        [((0, 4, "A"),), ((0, 3, "B"),), ((0, 9, "A"),), ((0, 10, "B"), (11, 15, "A")), (), ((4, 9, "B"),)],
        {"output": "crf", "scheme": "BIOES"},
    ),
    "tag crf, IOB1": Sample(
        "tag",
        TWO,
        [((0, 4, "A"), (5, 9, "A")), (), ((0, 9, "A"),), ((0, 5, "A"), (6, 10, "A")), (), ((4, 9, "A"),)],
        {"output": "crf", "scheme": "IOB1", "metric": "sentence_accuracy"},
    ),
    "translate": Sample(
        "translate",
        TWO,
        ("film good", "film bad", "plot fine", "ends awful plot", "well ends", "awful bad"),
        {"metric": "exact_match", "label_smoothing": 0.02, "beam": 2, "length_extra": 4},
        ("rnn", {"embedding_dim": DIM, "hidden_dim": DIM, "attention_dim": 8, "dropout": 0.0}),
    ),
    "translate, Transformer": Sample(
        "translate",
        TWO,
        ("good", "bad", "fine", "awful", "ends", "bad"),
        {"metric": "chrf", "label_smoothing": 0.0, "beam": 1, "length_extra": 4},
        (
            "attention",
            {
                "embedding_dim": DIM,
                "feedforward_dim": 32,
                "num_layers": 1,
                "dropout": 0.0,
                "input_dropout": 0.0,
            },
        ),
        best=100.0,
    ),
    "translate, pointer": Sample(
        "translate",
        TWO,
        ("film good", "film bad", "plot fine", "ends awful plot", "well ends", "awful bad"),
        {
            "metric": "exact_match",
            "label_smoothing": 0.02,
            "copying": True,
            "coverage": 0.1,
            "beam": 2,
            "length_extra": 4,
        },
        (
            "conv",
            {"embedding_dim": DIM, "hidden_dim": DIM, "num_layers": 1, "dropout": 0.0, "input_dropout": 0.0},
        ),
    ),
    "span": Sample(
        "span",
        ASKED,
        [((0, 4),), ((9, 13),), ((5, 9), (5, 9), (0, 9)), ((0, 10),), ((10, 14),), ((4, 14),)],
        {"dropout": 0.0, "modelling_dim": 8},
    ),
    "span, some none": Sample(
        "span",
        ASKED,
        [((0, 4),), (), ((5, 9),), ((0, 10), (0, 5)), (), ((4, 14),)],
        {"dropout": 0.0, "modelling": "convolution", "modelling_dim": 8, "metric": "exact_match"},
    ),
    "classify several, some none": Sample(
        "classify", TWO, [("x", "y"), (), ("y",), (), ("x",), ("y",)], {"kind": "multi", "loss": "focal"}
    ),
}


def perfect(sample: Sample, task: Task) -> Any:
    """Outcomes that say exactly what is gold."""
    if sample.task == "translate":
        labels = [task.columns([example], task.tokenizer)["label"].flat for example in sample.examples]  # type: ignore[arg-type]
        assert all(row[-1] == END for row in labels)
        return [Written(np.array(row, np.int64), np.zeros(1, np.float32)) for row in labels]
    if sample.task == "tag":
        tags = [task.columns([example], Words())["label"].flat for example in sample.examples]  # type: ignore[arg-type]
        return [Said(each, np.ones(len(each), np.float32)) for each in tags]
    if sample.task == "span":
        return [found_of(target, task.answerable) for target in sample.targets]  # type: ignore[arg-type]
    if sample.task == "embed":
        return vectors_of(sample, task)
    if task.labels["kind"] == "score":
        return np.array([float(label) for (label,) in sample.targets], np.float32)
    outcomes = np.zeros((len(sample.texts), len(task.labels["labels"])), np.float32)
    for row, target in zip(outcomes, sample.targets, strict=True):
        row[[task.labels["labels"].index(label) for label in target]] = 1
    return outcomes


def vectors_of(sample: Sample, task: Task) -> np.ndarray:
    """Orthogonal first texts, and second ones at the cosine that the target asks for."""
    numbers = task.targets(sample.targets, [""] * len(sample.targets)).flat.astype(np.float64)
    if task.labels["kind"] == "score":
        numbers = (numbers - task.labels["low"]) / (task.labels["high"] - task.labels["low"])
    rows = np.arange(len(numbers))
    found = np.zeros((len(rows), 2, 2 * len(rows)), np.float32)
    found[rows, 0, rows] = 1
    found[rows, 1, rows], found[rows, 1, len(rows) + rows] = numbers, np.sqrt(1 - numbers**2)
    return found


def found_of(target: Sequence[tuple[int, int]], answerable: bool | Tensor) -> Found:
    """The first of these answers, or none, and next to nothing else."""
    score, none = (0.0, -1e9) if target else (-1e9, 0.0)
    spans = np.array(target[:1] or [(0, 1)], np.int64)
    scores = np.array([score], np.float32)
    return Found(spans, scores, scores, np.array([] if answerable else [none], np.float32))


class Words:
    """The least that a task needs of a tokenizer: words of VOCABULARY to their ids."""

    config = TokenizerConfig(units="whitespace")

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


def same(one: Any, other: Any, tolerance: float = 0.0) -> bool:
    """Whether two outcomes say the same: arrays, or lists of tuples of arrays and of texts."""
    if one is None or isinstance(one, str):
        return one == other
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.allclose(one, other, rtol=0, atol=tolerance)
    return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))


def numbers(outcomes: Any) -> np.ndarray:
    """All numbers in outcomes, end to end."""
    if isinstance(outcomes, np.ndarray):
        return outcomes.ravel().astype(np.float64)
    if outcomes is None or isinstance(outcomes, str):
        return np.zeros(0)
    return np.concatenate([np.zeros(0), *map(numbers, outcomes)])


def batch_of(task: Task, examples: Sequence[Example]) -> Batch:
    return task.collate(task.columns(examples, getattr(task, "tokenizer", Words())))  # type: ignore[arg-type]
