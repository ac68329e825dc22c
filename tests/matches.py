"""Pairs of texts that belong together, for the tests of sentence vectors."""

from __future__ import annotations

import random
from typing import Any

# A text and what belongs to it share no word: what they have in common must be learned.
WORDS = {
    "dog": "Hund", "cat": "Katze", "bird": "Vogel", "horse": "Pferd", "sleeps": "schläft", "runs": "rennt",
    "eats": "frisst", "sings": "singt", "here": "hier", "there": "dort", "inside": "drinnen",
    "outside": "draußen",
}  # fmt: skip
PLACES = list(WORDS)[:4], list(WORDS)[4:8], list(WORDS)[8:]
SETTINGS: dict[str, Any] = {
    "training.max_steps": 150,
    "training.min_steps": 0,
    "training.epochs": 60,
    "training.learning_rate": 0.01,
    "training.batch_texts": 32,
}


def facts(number: int, seed: int = 0) -> list[tuple[str, str]]:
    draw = random.Random(seed)
    rows = [[draw.choice(words) for words in PLACES] for _ in range(number)]
    return [(" ".join(row), " ".join(WORDS[word] for word in row)) for row in rows]


def labelled(number: int, seed: int = 0) -> list[dict[str, Any]]:
    """Every second pair belongs together; the score says how many words mean the same."""
    draw, rows = random.Random(seed), []
    for n, (first, second) in enumerate(facts(number, seed)):
        other = second if n % 2 else facts(1, draw.randrange(10**6))[0][1]
        shared = sum(a == b for a, b in zip(second.split(), other.split(), strict=True))
        label = "entailment" if shared == 3 else "neutral"
        rows.append({"text_a": f"{first} {n}", "text_b": other, "label": label, "score": shared + 0.5})
    return rows
