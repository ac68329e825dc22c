"""How good word vectors are: word similarity (Spearman) and analogies (3CosAdd, 3CosMul), with coverage.

Pairs and questions with a word that has no vector are left out and counted: read a score only beside its
coverage. Intervals (95 %) are bootstraps over pairs or questions. Upper and lower case are one unless asked
otherwise; of several spellings the more frequent one stands for all, as in gensim.

Sources: Mikolov et al. 2013, https://aclanthology.org/N13-1090 (3CosAdd); Levy and Goldberg 2014,
https://aclanthology.org/W14-1618 (3CosMul).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics.correlation import spearman_interval
from textladder.metrics.intervals import Interval, bootstrap
from textladder.metrics.statistic import Statistic
from textladder.vectors.judgements import Pairs, Questions

Matrix = NDArray[np.float32]
Compose = Callable[[str], NDArray[Any] | None]  # a vector [D] for a word that has none in the matrix
SYNTACTIC = "gram"  # how the names of Google's syntactic sections begin
UNKNOWN_SHOWN = 10


@dataclass(frozen=True)
class Similarity:
    """One similarity set. rho: Spearman with its interval, None where fewer than 3 pairs are known.
    unknown: the first words without a vector; composed: how many got one from their character n-grams."""

    name: str
    rho: Interval | None
    found: int
    total: int
    composed: int
    unknown: list[str]

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "spearman": None if self.rho is None else self.rho.value,
            "interval": _bounds(self.rho),
            "pairs": self.total,
            "covered": self.found,
            "coverage": self.found / self.total,
            "composed": self.composed,
            "unknown": self.unknown,
        }


@dataclass(frozen=True)
class Section:
    """Accuracy of both methods over the questions whose four words have vectors (None: there is none)."""

    name: str
    cosadd: Interval | None
    cosmul: Interval | None
    found: int
    total: int

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "cosadd": None if self.cosadd is None else self.cosadd.value,
            "cosadd_interval": _bounds(self.cosadd),
            "cosmul": None if self.cosmul is None else self.cosmul.value,
            "cosmul_interval": _bounds(self.cosmul),
            "questions": self.total,
            "covered": self.found,
            "coverage": self.found / max(self.total, 1),
        }


class Judge:
    """Words [V] (most frequent first) and their vectors [V, D], made ready once for any number of sets.

    A vector of length 0 has no direction: its cosine with everything is 0. compose: for words that are not in
    the list (fastText); it serves similarity alone, since the answer to an analogy is a word of the list.
    """

    def __init__(
        self,
        words: Sequence[str],
        matrix: NDArray[Any],
        *,
        case_sensitive: bool = False,
        compose: Compose | None = None,
    ) -> None:
        if len(words) == 0:
            raise Problem("evaluate", "there are no word vectors.", "Give vectors of at least one word.")
        self.compose = compose
        # str.upper and not casefold, because gensim does it so: scores are the same to the last question.
        self.key: Callable[[str], str] = str if case_sensitive else str.upper
        rows: dict[str, int] = {}
        for row, word in enumerate(words):
            rows.setdefault(self.key(word), row)
        self.kept = None if len(rows) == len(words) else np.fromiter(rows.values(), np.int64, len(rows))
        self.places = {word: place for place, word in enumerate(rows)}
        self.unit = unit_rows(matrix if self.kept is None else matrix[self.kept])  # [K, D]

    def similarity(self, pairs: Pairs, *, resamples: int = 1000) -> Similarity:
        """Spearman correlation of cosines with the scores of people."""
        vectors: dict[str, NDArray[Any] | None] = {}
        composed: set[str] = set()
        for word in {word for pair in pairs.words for word in pair}:
            place = self.places.get(self.key(word))
            if place is not None:
                vectors[word] = self.unit[place]
                continue
            found = None if self.compose is None else self.compose(word)
            vectors[word] = None if found is None else unit_rows(found[None])[0]
            if found is not None:
                composed.add(word)
        cosines, scores = [], []
        for (first, second), score in zip(pairs.words, pairs.scores, strict=True):
            a, b = vectors[first], vectors[second]
            if a is not None and b is not None:
                cosines.append(float(a @ b))
                scores.append(score)
        unknown = dict.fromkeys(word for pair in pairs.words for word in pair if vectors[word] is None)
        return Similarity(
            pairs.name,
            spearman_interval(cosines, scores, resamples=resamples) if len(scores) >= 3 else None,
            len(scores),
            len(pairs.words),
            len(composed),
            list(unknown)[:UNKNOWN_SHOWN],
        )

    def analogies(self, questions: Questions, *, resamples: int = 1000) -> list[Section]:
        """One Section per section of the file; then, where the file has both kinds, "semantic" and
        "syntactic"; then "total"."""
        from textladder.vectors.analogies import answer

        known = {
            name: [row for row in map(self._places_of, asked) if row is not None]
            for name, asked in questions.sections.items()
        }
        rows = np.array([row for part in known.values() for row in part], np.int64).reshape(-1, 4)
        answers = answer(self.unit, rows[:, :3])  # [2, Q]: by 3CosAdd, by 3CosMul
        right = answers == rows[:, 3]
        ends = np.cumsum([len(part) for part in known.values()])
        of = {name: right[:, end - len(known[name]) : end] for name, end in zip(known, ends, strict=True)}
        totals = {name: len(listed) for name, listed in questions.sections.items()}
        kinds = {name: "syntactic" if name.startswith(SYNTACTIC) else "semantic" for name in known}
        groups = {name: [name] for name in known}
        if len(set(kinds.values())) == 2:
            groups |= {kind: [n for n in known if kinds[n] == kind] for kind in ("semantic", "syntactic")}
        if len(known) > 1:
            groups["total"] = list(known)
        sections = []
        for name, parts in groups.items():
            joined = np.concatenate([of[part] for part in parts], axis=1)  # [2, questions]
            cosadd, cosmul = (_accuracy(row, resamples) for row in joined)
            asked = sum(totals[part] for part in parts)
            sections.append(Section(name, cosadd, cosmul, joined.shape[1], asked))
        return sections

    def _places_of(self, question: Sequence[str]) -> list[int] | None:
        found = [self.places.get(self.key(word)) for word in question]
        return None if any(place is None for place in found) else [p for p in found if p is not None]


def mean_similarity(results: Sequence[Similarity]) -> float | None:
    """The mean Spearman over the sets that have one: one number to choose vectors by."""
    values = [result.rho.value for result in results if result.rho is not None]
    return sum(values) / len(values) if values else None


def unit_rows(matrix: NDArray[Any]) -> Matrix:
    """[V, D] with rows of length 1, as float32, in memory of its own; rows of zeros stay zeros."""
    unit = np.array(matrix, np.float32, order="C")
    lengths = np.sqrt(np.einsum("vd,vd->v", unit, unit))
    unit /= np.where(lengths > 0, lengths, 1)[:, None]
    return unit


def _accuracy(right: NDArray[np.bool_], resamples: int) -> Interval | None:
    return bootstrap(Statistic.mean(right), resamples=resamples) if len(right) else None


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
