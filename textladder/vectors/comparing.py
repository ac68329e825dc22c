"""Two sets of word vectors (two corpora, two methods, two seeds): which words have other neighbours.

The overlap of a word's neighbours needs no common space (Gonen et al. 2020,
https://aclanthology.org/2020.acl-main.51); its cosine does: the first set is rotated onto the second by
orthogonal Procrustes (Hamilton et al. 2016, https://aclanthology.org/P16-1141). Both are noisy for rare
words: two trainings on one text differ too, so compare with those before believing a small difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.vectors.aligning import procrustes
from textladder.vectors.evaluating import unit_rows
from textladder.vectors.mapping import nearest


@dataclass(frozen=True)
class Shift:
    """A word in both sets. overlap: share of its neighbours that are the same; cosine: of its two vectors
    after alignment; first and second: its neighbours in each set, nearest first."""

    word: str
    overlap: float
    cosine: float
    first: list[str]
    second: list[str]


@dataclass(frozen=True)
class Comparison:
    """shifts: of the words compared, what differs most first. overlap and cosine: their means over these.
    common: words in both; only_first, only_second: words in one."""

    shifts: list[Shift]
    overlap: float
    cosine: float
    common: int
    only_first: int
    only_second: int

    def to_dict(self, most: int) -> dict[str, Any]:
        return {
            "compared": len(self.shifts),
            "common": self.common,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "mean_overlap": self.overlap,
            "mean_cosine": self.cosine,
            "differ": [vars(shift) for shift in self.shifts[:most]],
            "agree": [vars(shift) for shift in self.shifts[::-1][:most]],
        }


def compare(
    first: tuple[Sequence[str], NDArray[Any]],
    second: tuple[Sequence[str], NDArray[Any]],
    *,
    neighbours: int = 10,
    most: int = 10_000,
) -> Comparison:
    """Compare two sets, each words [V] (most frequent first) and vectors [V, D]; widths may differ.

    The `most` common words that are most frequent in both (by the sum of their ranks) are compared, and
    neighbours are looked for among them. Raises Problem when fewer than neighbours + 1 words are common.
    """
    places = {word: row for row, word in enumerate(second[0])}
    common = [(row + places[word], row, places[word]) for row, word in enumerate(first[0]) if word in places]
    if len(common) <= neighbours:
        raise Problem(
            "compare",
            f"the two sets have {len(common):,} words in common; more than {neighbours} are needed.",
            "Give two sets of one language and of one treatment of upper and lower case.",
        )
    chosen = np.array(sorted(common)[:most], np.int64)
    words = [first[0][row] for row in chosen[:, 1]]
    a, b = unit_rows(first[1][chosen[:, 1]]), unit_rows(second[1][chosen[:, 2]])
    near_a, near_b = nearest(a, neighbours)[0], nearest(b, neighbours)[0]
    overlap = (near_a[:, :, None] == near_b[:, None, :]).any(axis=2).mean(axis=1)  # [N]
    cosine = np.einsum("nd,nd->n", unit_rows(a @ procrustes(a, b)), b)
    shifts = [
        Shift(
            words[i],
            float(overlap[i]),
            float(cosine[i]),
            [words[j] for j in near_a[i]],
            [words[j] for j in near_b[i]],
        )
        for i in np.lexsort((cosine, overlap))
    ]
    return Comparison(
        shifts,
        float(overlap.mean()),
        float(cosine.mean()),
        len(common),
        len(first[0]) - len(common),
        len(second[0]) - len(common),
    )
