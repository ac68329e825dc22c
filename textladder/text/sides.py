"""What `textladder look` says of files with two texts on a row: each side, and one beside the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textladder.text.cleaning import ratio
from textladder.text.corpus import Corpus
from textladder.text.leakage import Leakage

NAMES = ("first", "second")
RATIOS = (2, 3, 5, 9)  # how many pairs lie above each is said
FIRST = 5  # places that are named of each kind


@dataclass(frozen=True)
class Places:
    """How many rows are of a kind, and where the first of them stand."""

    count: int
    first: list[str]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.first) else ""
        return f"{self.count:,} ({', '.join(self.first)}{more})" if self.count else "none"

    @classmethod
    def of(cls, corpus: Corpus, rows: Sequence[int]) -> Places:
        return cls(len(rows), [corpus[int(row)].where for row in rows[:FIRST]])


@dataclass(frozen=True)
class Sides:
    """Lengths are those of texts that are not empty. A ratio is that of the longer text's characters to the
    shorter one's."""

    characters: dict[str, list[int]]  # by name of the side: shortest, median, 95 %, longest
    words: dict[str, list[int]]
    ratio: list[float]  # median, 95 %, 99 %, largest
    apart: dict[str, int]  # "3": pairs whose ratio is above 3
    farthest: Places  # those of the largest ratios, of all that lie above the smallest of RATIOS
    empty: dict[str, Places]
    same: Places  # both texts are the same
    repeated: Places  # the pair stood there before, case and white space aside

    def to_dict(self) -> dict[str, Any]:
        """As JSON writes it."""
        plain = {"farthest": vars(self.farthest), "same": vars(self.same), "repeated": vars(self.repeated)}
        return {**vars(self), **plain, "empty": {name: vars(found) for name, found in self.empty.items()}}

    def lines(self) -> list[str]:
        """The report as plain text."""
        heads = ("shortest", "median", "95 %", "longest")
        said = ["both sides        " + "".join(f"{head:>10}" for head in heads)]
        for what, table in (("characters", self.characters), ("words", self.words)):
            for name, values in table.items():
                said.append(f"{what + ', ' + name:<18}" + "".join(f"{value:>10,}" for value in values))
        middle, high, higher, most = self.ratio
        above = ", ".join(f"{number:,} above {value}" for value, number in self.apart.items())
        said += [
            f"length ratio: median {middle:.2f}, 95 % {high:.2f}, 99 % {higher:.2f}, largest {most:.2f}; "
            f"pairs {above} (data.max_ratio)",
            *([f"  the farthest apart: {', '.join(self.farthest.first)}"] if self.farthest.count else []),
            *(f"empty {name}: {found} (data.empty)" for name, found in self.empty.items()),
            f"repeated pairs: {self.repeated} (data.duplicates)",
            f"both texts the same: {self.same}",
        ]
        return said


def look_at_sides(corpus: Corpus, copies: Leakage) -> Sides:
    """Of a corpus with two texts on each row."""
    lengths: list[list[tuple[int, int]]] = [[], []]
    ratios, same, empty = [], [], ([], [])  # type: tuple[list[float], list[int], tuple[list[int], list[int]]]
    for numbers, taken in corpus.taken(names=["text", "second"]):
        columns = list(taken.values())
        for i, row in enumerate(numbers.tolist()):
            pair = [texts.string(i) for texts in columns]
            for side, text in enumerate(pair):
                if text.strip():
                    lengths[side].append((len(text.strip()), len(text.split())))
                else:
                    empty[side].append(row)
            whole = all(text.strip() for text in pair)
            ratios.append(ratio(*pair) if whole else 0.0)
            if whole and pair[0].split() == pair[1].split():
                same.append(row)
    table, far = [np.array(some or [(0, 0)]) for some in lengths], np.array(ratios or [0.0])
    order = np.argsort(-far, kind="stable")
    known = far[far > 0] if (far > 0).any() else np.zeros(1)
    return Sides(
        characters=dict(zip(NAMES, (_quantiles(side[:, 0]) for side in table), strict=True)),
        words=dict(zip(NAMES, (_quantiles(side[:, 1]) for side in table), strict=True)),
        ratio=[round(float(value), 4) for value in np.quantile(known, (0.5, 0.95, 0.99, 1.0))],
        apart={str(value): int((far > value).sum()) for value in RATIOS},
        farthest=Places.of(corpus, order[: int((far > RATIOS[0]).sum())].tolist()),
        empty={name: Places.of(corpus, rows) for name, rows in zip(NAMES, empty, strict=True)},
        same=Places.of(corpus, same),
        repeated=Places.of(corpus, copies.exact_rows.tolist()),
    )


def _quantiles(values: Any) -> list[int]:
    return [int(value) for value in np.quantile(values, (0, 0.5, 0.95, 1.0), method="lower")]
