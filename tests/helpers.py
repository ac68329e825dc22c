"""Small texts, small models and small runs that many tests share."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from textladder import measuring, recipe, run
from textladder.batch import Ragged
from textladder.preparing import Data, Part, prepare
from textladder.recipe import Recipe
from textladder.text.corpus import Corpus
from textladder.text.tokenizing import TokenizerConfig
from textladder.trainer import Trainer

FILMS = Path(__file__).parent / "data" / "films.csv"

SMALL = {
    "dim": 8,
    "embedding_dim": 8,
    "hidden_dim": 8,
    "hidden_dims": [8],
    "feedforward_dim": 16,
    "num_layers": 1,
    "num_heads": 2,
    "num_filters": 4,
    "channels": 8,
    "attention_dim": 8,
    "matching_dim": 8,
    "modelling_dim": 8,
}


def films(number: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of 1 to 12 words whose label follows from one of them."""
    draw = random.Random(seed)
    words = ["the", "a", "film", "plot", "actor", "scene", "music", "story", "of", "and", "in", "with"]
    telling = {"good": ["great", "fine", "lovely", "superb"], "bad": ["awful", "poor", "dull", "stupid"]}
    labels = ["good" if n % 2 else "bad" for n in range(number)]
    texts = [
        " ".join([*draw.choices(words, k=draw.randint(0, 11)), draw.choice(telling[label])])
        for label in labels
    ]
    return texts, labels


def small(rung: str, task: str = "classify", *, dropout: bool = False, **settings: Any) -> Recipe:
    """The recipe of a rung, with a few hundred parameters. settings: table__key=value."""
    chosen, values = recipe.rung(rung, task), dict[str, Any]()
    for table in ("encoder", "decoder", "task"):
        config = getattr(chosen, table)
        for field in fields(config) if config is not None else ():
            if field.name in SMALL and getattr(config, field.name):
                values[f"{table}.{field.name}"] = SMALL[field.name]
            elif field.name.endswith("dropout") and not dropout:
                values[f"{table}.{field.name}"] = 0.0
    values |= {"tokenizer.min_count": 1, "training.batch_texts": 8, "training.epochs": 2}
    values |= {"training.precision": "float32", "training.log_every": 1}
    return chosen.with_values(values | {key.replace("__", "."): value for key, value in settings.items()})


def data_of(number: int = 48, dev: int = 16, test: int | None = None) -> Data:
    """Invented films in memory; test texts only if asked for."""

    def part(count: int, seed: int) -> Part:
        texts, labels = films(count, seed)
        return Part(Corpus.of(texts, [(label,) for label in labels], "films"), np.arange(count))

    return Data(part(number, 1), part(dev, 2), None if test is None else part(test, 3))


def trainer_of(chosen: Recipe, work: Path, out: Path | None = None, data: Data | None = None) -> Trainer:
    data = data or data_of()
    return Trainer(chosen, data, prepare(chosen, data, work), out, device="cpu")


def trained(chosen: Recipe, out: Path, data: Data | None = None, **options: Any) -> dict[str, Any]:
    """A whole run in `out`; returns its scores. Its speed is hardly measured, which would take a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "MANY_SECONDS", 0.0)
        patch.setattr(measuring, "ONE_TEXTS", 1)
        return run.train(chosen, data or data_of(test=16), out, device="cpu", **options)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "weights.safetensors")


def environment() -> dict[str, str]:
    """That of a subprocess: this package, one thread."""
    root = str(Path(__file__).parent.parent)
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}


def textladder(*words: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """A command line in a process of its own."""
    command = [sys.executable, "-m", "textladder", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(), timeout=timeout, check=False
    )


def settings(values: dict[str, Any]) -> list[str]:
    """{"table.key": value} as words of a command line."""
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


def random_ids(number: int, most: int, vocabulary: int, seed: int = 0) -> Ragged:
    draw = np.random.default_rng(seed)
    rows = [draw.integers(2, vocabulary, draw.integers(1, most + 1)) for _ in range(number)]
    return Ragged.of(rows, np.int32)


def tokenizer_config(**values: Any) -> TokenizerConfig:
    return TokenizerConfig(**{"min_count": 1, **values})
