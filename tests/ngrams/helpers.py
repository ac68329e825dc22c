"""Small corpora of ids, and the distributions that they were drawn from."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np

from tests.real import real
from textladder.batch import Ragged
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.model import NgramModel
from textladder.text.tokenizing import SPECIAL, Tokenizer, TokenizerConfig


def vocabulary(size: int) -> list[str]:
    return [*SPECIAL, *(f"w{number}" for number in range(len(SPECIAL), size))]


def drawn(number: int, size: int, seed: int = 0, longest: int = 12) -> list[list[int]]:
    """Texts whose units follow each other by habit: low ids are frequent, each has its usual followers."""
    draw = random.Random(seed)
    texts = []
    for _ in range(number):
        text, last = [], 4
        for _ in range(draw.randint(0, longest)):
            skewed = 4 + int((size - 4) * draw.random() ** 3)
            last = 4 + (7 * last + draw.randint(0, 2)) % (size - 4) if draw.random() < 0.6 else skewed
            text.append(last)
        texts.append(text)
    return texts


def chunks(texts: list[list[int]], size: int = 7) -> list[Ragged]:
    return [Ragged.of(texts[i : i + size], np.int32) for i in range(0, len(texts), size)]


def fitted(
    texts: list[list[int]], size: int, folder: Path, config: NgramConfig, **more: object
) -> NgramModel:
    return NgramModel.fit(chunks(texts), vocabulary(size), config, folder, **more)  # type: ignore[arg-type]


def tokenised(name: str, units: str, limit: int) -> tuple[Ragged, list[str]]:
    """The first lines of a real text as ids, and the vocabulary."""
    lines = real(name).read_text(encoding="utf-8").split("\n")[:limit]
    config = TokenizerConfig(units=units, min_count=2, lowercase=False)  # type: ignore[arg-type]
    tokenizer = Tokenizer.fit([lines], config)
    return tokenizer.encode(lines), tokenizer.vocabulary
