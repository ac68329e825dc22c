"""A model of text from a known distribution comes near its entropy, and never below it."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from textladder import LanguageModel

# What follows each letter, with what chance.
NEXT = {
    "a": {"a": 0.1, "b": 0.7, "c": 0.1, "d": 0.1},
    "b": {"a": 0.05, "b": 0.05, "c": 0.6, "d": 0.3},
    "c": {"a": 0.5, "b": 0.25, "c": 0.125, "d": 0.125},
    "d": {"a": 0.9, "b": 0.02, "c": 0.04, "d": 0.04},
}
RUNGS: dict[str, dict[str, Any]] = {
    "ngram": {"encoder.order": 2},
    "lstm": {"encoder.embedding_dim": 16, "encoder.hidden_dim": 16, "encoder.num_layers": 1},
    "gpt": {
        "encoder.embedding_dim": 16,
        "encoder.feedforward_dim": 32,
        "encoder.num_layers": 1,
        "encoder.num_heads": 2,
    },
}

TRAINED = {
    "tokenizer.max_length": 32,
    "training.batch_texts": 8,
    "training.epochs": 2,
    "training.learning_rate": 0.01,
}


def written(seed: int, length: int) -> str:
    draw, letters = random.Random(seed), ["a"]
    while len(letters) < length:
        chances = NEXT[letters[-1]]
        letters += draw.choices(list(chances), list(chances.values()))
    return "".join(letters)


@pytest.mark.parametrize("rung", RUNGS)
def test_bits_approach_the_entropy(rung: str, tmp_path: Path) -> None:
    train, held_out = tmp_path / "train.txt", written(2, 4_000)
    train.write_text(written(1, 24_000), encoding="utf-8")
    settings = {} if rung == "ngram" else TRAINED
    lm = LanguageModel(rung, units="character", settings=settings | RUNGS[rung]).fit(train)
    least = -sum(math.log2(NEXT[one][other]) for one, other in pairwise(held_out)) / len(held_out)
    bits = lm.bits_per_character([held_out])
    assert least - 0.005 < bits < least + 0.03
