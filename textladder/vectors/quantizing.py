"""Smaller files of word vectors, and what they cost in quality."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem, suggest
from textladder.vectors.formats.table import Table
from textladder.vectors.neighbours import Neighbours
from textladder.vectors.packing import Packed, to_bytes, to_products
from textladder.vectors.wordvectors import WordVectors

KINDS = ("int8", "pq")
NEAREST = 10
ASKED = 1000  # words whose neighbours are compared
PAIRS = 20_000  # of words, whose similarities are compared


@dataclass(frozen=True)
class Loss:
    """What is left of the vectors. bytes_before, bytes_after: of the numbers. overlap: share of the ten
    nearest words that are the same, over a sample of words; correlation: Spearman, of the cosines of random
    pairs before and after; cosine: mean, of a word's vector before and after."""

    kind: str
    bytes_before: int
    bytes_after: int
    overlap: float
    correlation: float
    cosine: float

    def line(self) -> str:
        ratio = self.bytes_before / max(self.bytes_after, 1)
        before, after = f"{self.bytes_before / 1e6:,.1f}", f"{self.bytes_after / 1e6:,.1f}"
        return (
            f"{self.kind}: {before} MB to {after} MB ({ratio:.1f} times smaller); {self.overlap:.1%} of the "
            f"{NEAREST} nearest words are the same, similarities correlate by {self.correlation:.4f} "
            f"(Spearman), mean cosine {self.cosine:.4f}"
        )


def quantize(
    vectors: WordVectors, kind: str = "int8", *, group: int = 4, seed: int = 0
) -> tuple[WordVectors, Loss]:
    """The vectors rounded, and what was lost by it. Saved in our own format they take that much less on disk;
    in memory they are float32, as all vectors are.

    kind: "int8", a byte for each number (4 times smaller), or "pq", product quantisation, a byte for each
    `group` of numbers (4 * group times smaller, and the centroids). Subwords are packed the same way. What
    only training needs is left out. Raises Problem for another kind.
    """
    if kind not in KINDS:
        raise Problem("kind", f"there is no quantisation {kind!r}.", suggest(kind, KINDS))
    if not len(vectors):
        raise Problem("quantize", "there are no word vectors.", "Call fit or load first.")

    def pack(matrix: NDArray[np.float32]) -> Packed:
        return to_bytes(matrix) if kind == "int8" else to_products(matrix, group, seed)

    table, packed = vectors.table, pack(vectors.matrix)
    before, after = table.matrix.nbytes, packed.nbytes
    packs = {"vectors": packed}
    subwords = table.subwords
    if subwords is not None:
        packs["subwords"] = pack(subwords.rows)
        before, after = before + subwords.rows.nbytes, after + packs["subwords"].nbytes
        subwords = replace(subwords, rows=packs["subwords"].rows())
    small = Table(
        table.words,
        packed.rows(),
        table.counts,
        subwords,
        config=table.config,
        notes=table.notes,
        packed=packs,
    )
    return WordVectors.of(small), Loss(kind, before, after, *_compare(table.matrix, small.matrix, seed))


def _compare(before: Any, after: Any, seed: int) -> tuple[float, float, float]:
    """(overlap, correlation, cosine) of two matrices [V, D]."""
    rng = np.random.default_rng(seed)
    count = len(before)
    rows = np.sort(rng.choice(count, min(ASKED, count), replace=False))
    old, new = Neighbours(before), Neighbours(after)
    n = min(NEAREST + 1, count)
    found = [neighbours.nearest_many(neighbours.matrix[rows], n)[0] for neighbours in (old, new)]
    shares = []
    for row, one, other in zip(rows, *found, strict=True):
        same = np.setdiff1d(one, [row])[:NEAREST]
        shares.append(np.isin(same, other).mean() if len(same) else 1.0)
    pairs = rng.integers(0, count, (PAIRS, 2))
    cosines = [_cosines(matrix[pairs[:, 0]], matrix[pairs[:, 1]]) for matrix in (before, after)]
    ranks = [np.argsort(np.argsort(values)) for values in cosines]
    correlation = float(np.corrcoef(ranks[0], ranks[1])[0, 1]) if count > 2 else 1.0
    return float(np.mean(shares)), correlation, float(_cosines(before[rows], after[rows]).mean())


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.einsum("nd,nd->n", a, b) / np.maximum(lengths, 1e-30)
