"""Two languages in one space: the vectors of one are rotated onto those of the other by a seed dictionary,
and words are translated by their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.text.opening import at, check_file, lines
from textladder.vectors.wordvectors import WordVectors

HUB = 10  # neighbours that tell how crowded a place is; K of Conneau et al. 2018
Pairs = Sequence[tuple[str, str]]


def procrustes(source: NDArray[np.float32], target: NDArray[np.float32]) -> NDArray[np.float32]:
    """The orthogonal W [D, E] for which source [N, D] @ W is nearest to target [N, E]: of the singular value
    decomposition U S V^T of source^T target, U V^T (Schoenemann 1966)."""
    left, _, right = np.linalg.svd(source.T.astype(np.float64) @ target, full_matrices=False)
    return (left @ right).astype(np.float32)


@dataclass(frozen=True)
class Alignment:
    """source @ rotation lies in the space of target, all vectors being of length 1 (Xing et al. 2015).

    used: pairs of the dictionary that both sides know; unknown: pairs that are left out.
    """

    source: WordVectors
    target: WordVectors
    rotation: NDArray[np.float32]  # [D, D]
    used: int
    unknown: int

    @cached_property
    def mapped(self) -> WordVectors:
        """The source's words in the space of the target, of length 1."""
        table = self.source.table
        matrix = self.source.get_normed_vectors() @ self.rotation
        return WordVectors.of(replace(table, matrix=matrix, subwords=None, own=None, output=None))

    def translate(
        self, words: str | Sequence[str], n: int = 5, method: str = "csls"
    ) -> list[list[tuple[str, float]]]:
        """The n best translations of each word, with their scores.

        method: "nearest", by cosine; or "csls" (Conneau et al. 2018, equation 3), twice the cosine less the
        mean cosines of both words with their ten nearest on the other side, so that a word that is near to
        everything is not the answer to everything. Raises UnknownWord for a word without a vector.
        """
        asked = [words] if isinstance(words, str) else list(words)
        vectors = np.stack([self.source.get_vector(word, norm=True) for word in asked]) @ self.rotation
        found, scores = self._nearest(vectors, n, method)
        return [
            [(self.target.words[place], score) for place, score in zip(places, values, strict=True)]
            for places, values in zip(found.tolist(), scores.tolist(), strict=True)
        ]

    def accuracy(self, dictionary: Pairs, method: str = "csls", n: int = 1) -> tuple[float, int]:
        """Share of the source words of a dictionary one of whose translations is among the n best; and how
        many words that is of: those that both sides know."""
        answers: dict[str, set[str]] = {}
        for word, translation in dictionary:
            if word in self.source and translation in self.target:
                answers.setdefault(word, set()).add(translation)
        if not answers:
            raise Problem("dictionary", "no pair of it is known on both sides.", "Give another dictionary.")
        found = self.translate(list(answers), n, method)
        right = [
            not known.isdisjoint(word for word, _ in said)
            for known, said in zip(answers.values(), found, strict=True)
        ]
        return float(np.mean(right)), len(right)

    def _nearest(
        self, vectors: NDArray[np.float32], n: int, method: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        search = self.target.neighbours
        if method == "nearest":
            return search.nearest_many(vectors, n)
        if method != "csls":
            raise Problem("method", f"there is no method {method!r}.", "Known: csls, nearest.")
        found, scores = search.nearest_many(vectors, n, self._crowding / 2)
        own = search.nearest_many(vectors, HUB)[1].mean(axis=1, keepdims=True)
        return found, 2 * scores - own

    @cached_property
    def _crowding(self) -> NDArray[np.float32]:
        """[V] of each target word, the mean cosine with its ten nearest source words."""
        near = self.mapped.neighbours.nearest_many(self.target.matrix, HUB)[1]
        return near.mean(axis=1)


def align(source: WordVectors, target: WordVectors, dictionary: Pairs | None = None) -> Alignment:
    """Align two sets of vectors of one width by pairs of words that mean the same; without a dictionary by
    the words that are spelt the same. Raises Problem when the widths differ or too few pairs are known."""
    if source.vector_size != target.vector_size:
        raise Problem(
            "align",
            f"the vectors are {source.vector_size} and {target.vector_size} wide.",
            "Learn both with the same --dim.",
        )
    pairs = [(word, word) for word in source.words if word in target] if dictionary is None else dictionary
    known = [
        (source.key_to_index[a], target.key_to_index[b]) for a, b in pairs if a in source and b in target
    ]
    if len(known) < 2:
        raise Problem(
            "align",
            f"{len(known)} of {len(pairs):,} pairs are known on both sides; some hundreds are needed.",
            "Give a dictionary of frequent words, in the spelling (and case) of the vectors.",
        )
    rows = np.array(known, np.int64)
    a, b = source.matrix[rows[:, 0]], target.matrix[rows[:, 1]]
    rotation = procrustes(_units(a), _units(b))
    return Alignment(source, target, rotation, len(known), len(pairs) - len(known))


def read_dictionary(path: Path | str) -> list[tuple[str, str]]:
    """Pairs from a file of two words on each line, cut at a tab or at blanks (as MUSE has them). Raises
    Problem that names a line with another number of words."""
    path = Path(path)
    check_file(path)
    pairs: list[tuple[str, str]] = []
    for number, line in lines(path):
        if not line.strip():
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) != 2 or not all(field.strip() for field in fields):
            raise Problem(
                at(path, number),
                f"{len(fields)} words stand here, not 2.",
                "Put a word and its translation on each line.",
            )
        pairs.append((fields[0].strip(), fields[1].strip()))
    return pairs


def _units(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-30)
