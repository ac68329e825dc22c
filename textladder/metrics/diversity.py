"""How varied texts are: the share of their n-grams that are different (Li et al. 2016,
https://aclanthology.org/N16-1014). Replies that are always the same have a small one."""

from __future__ import annotations

from collections.abc import Sequence

from textladder.metrics.scores import sign


def distinct(texts: Sequence[str]) -> dict[str, float]:
    """distinct_1 and distinct_2 of all texts together: different words, and pairs of words side by side, over
    all of them; words are what stands between white space. 0 where there are none. It falls with the number
    of texts: compare systems on the same ones."""
    found = {}
    for n in (1, 2):
        grams: set[tuple[str, ...]] = set()
        total = 0
        for text in texts:
            words = text.split()
            mine = list(zip(*(words[start:] for start in range(n)), strict=False))
            grams.update(mine)
            total += len(mine)
        found[f"distinct_{n}"] = len(grams) / max(total, 1)
    return found


def signature() -> str:
    return sign("distinct", of="n-grams", words="white_space", texts="together")
