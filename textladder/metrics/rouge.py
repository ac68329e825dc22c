"""ROUGE of summaries and headlines: how much of what is wanted is said, in n-grams and in order.

Lin 2004, https://aclanthology.org/W04-1013: ROUGE-N (section 2) and ROUGE-L of one sentence (section 3.1)
with one reference, as the harmonic mean of precision and recall. Of a corpus it is the mean over texts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.scores import sign

NAMES = ("rouge_1", "rouge_2", "rouge_l")
WORD = re.compile(r"\w+")


def scores(said: Sequence[str], wanted: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """By name [n] of each text, 0 to 100."""
    rows = [_one(words(one), words(other)) for one, other in zip(said, wanted, strict=True)]
    table = np.array(rows, np.float64).reshape(-1, len(NAMES))
    return dict(zip(NAMES, table.T, strict=True))


def signature() -> str:
    return sign("rouge", measure="f1", words=WORD.pattern, case="lower", stems="no", mean="texts")


def words(text: str) -> list[str]:
    """Stretches of letters and digits, in lower case."""
    return WORD.findall(text.lower())


def _one(said: list[str], wanted: list[str]) -> tuple[float, ...]:
    found = []
    for n in (1, 2):
        mine, theirs = _grams(said, n), _grams(wanted, n)
        found.append(_f1((mine & theirs).total(), mine.total(), theirs.total()))
    return (*found, _f1(common(said, wanted), len(said), len(wanted)))


def _grams(text: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(text[start:] for start in range(n)), strict=False))


def _f1(both: int, said: int, wanted: int) -> float:
    """100 * 2PR / (P + R), with P = both / said and R = both / wanted."""
    return 200 * both / (said + wanted) if said + wanted else 0.0


def common(first: Sequence[str], second: Sequence[str]) -> int:
    """Words of the longest common subsequence. Bit i of `open_` is 0 where it grows with word i of `first`:
    a row of the usual table at a time (Hyyrö 2004, "Bit-parallel LCS-length computation revisited")."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    open_ = whole
    for word in second:
        matched = open_ & places.get(word, 0)
        open_ = ((open_ + matched) | (open_ - matched)) & whole
    return len(first) - open_.bit_count()
