"""Pairs that are left out: counted, and nothing that was not asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textladder.text.lacking import Lack

if TYPE_CHECKING:
    from textladder.text.reading import DataConfig


class PairCleaning:
    """Which pairs of a file are left out, by `data.empty` and `data.max_ratio`. (By `data.duplicates` it is
    decided where files are split.) names: what the two texts, or three, are called in messages."""

    def __init__(self, config: DataConfig, names: Sequence[str]) -> None:
        self.names, self.most = names, config.max_ratio
        self.empty = Lack("empty", config.empty, "with an empty text", "have an empty text")
        much = f"{config.max_ratio:g} times the characters of the other"
        self.apart = Lack("max_ratio", "drop", f"whose longer text has more than {much}", "are that long")
        self.lacks = [self.empty, self.apart]

    def leaves_out(self, line: int, first: str, second: str, *more: str) -> bool:
        """Whether this pair is not to be used; counts it."""
        each = zip(self.names, (first, second, *more), strict=True)
        missing = next((name for name, text in each if not text.strip()), None)
        if missing is not None:
            return self.empty.leaves_out(line, missing)
        return 0 < self.most < ratio(first, second) and self.apart.leaves_out(line, "")


def ratio(first: str, second: str) -> float:
    """Characters of the longer text over those of the shorter, white space around them aside; neither is
    empty."""
    one, other = len(first.strip()), len(second.strip())
    return max(one, other) / min(one, other)
