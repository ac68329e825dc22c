"""Sentence vectors in three lines of Python, with scikit-learn's conventions. Thin over `run` and
`retrieving`."""

# ruff: noqa: N803  X is what scikit-learn calls it
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from textladder.estimating import RungEstimator, check_sides, several, warn_of
from textladder.retrieving import Index, Match, dim_of, vectors_of
from textladder.text.corpus import Corpus
from textladder.text.overlong import CutReport

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors


class TextEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, RungEstimator):
    """A rung of the ladder as a transformer of strings to vectors of length 1: texts that belong together are
    near each other.

    rung: a name from `textladder rungs --task embed`, or the path of a recipe file. units: what texts are cut
    into (None: the rung's own). settings: {"task.loss": "triplet", ...}, as `--set`. dev_share: share of the
    training pairs held out to stop early. seed: of everything random. device: "auto", "cpu", ... vectors:
    WordVectors, or a file or folder of them, for the embedding. verbose: True prints progress on stderr.

    After fit: `model_` (textladder.model.Model), `history_` (dev scores).
    """

    task_name = "embed"

    def __init__(
        self,
        rung: str = "average",
        *,
        units: str | None = None,
        settings: dict[str, Any] | None = None,
        dev_share: float = 0.1,
        seed: int = 1,
        device: str = "auto",
        vectors: str | Path | WordVectors | None = None,
        verbose: bool = False,
    ) -> None:
        self.rung, self.units, self.settings, self.dev_share = rung, units, settings, dev_share
        self.seed, self.device, self.vectors, self.verbose = seed, device, vectors, verbose

    def fit(self, X: Sequence[Any], y: Sequence[Any] | None = None) -> TextEncoder:
        """Train on texts X and what belongs to each of them, y; or on pairs X, [(text, other), ...] or
        [(text, other, negative), ...], with a label or a score for each of them in y, or without. Raises
        ValueError for other things and for empty texts, Problem for labels that do not say what belongs
        together."""
        rows = several(X)
        targets: list[tuple[str, ...]] | None = None
        if all(isinstance(row, str) for row in rows):
            if y is None:
                raise ValueError("X are texts: y must be what belongs to each of them, a text.")
            rows = list(zip(rows, several(y, "y"), strict=True))
        elif y is not None:
            targets = [(_label(value),) for value in several(y, "y")]
        columns, chosen = _columns(rows), self._recipe()
        check_sides(rows, chosen.data.empty)
        corpus = Corpus.of(columns[0], targets, "X", *columns[1:])
        self._train(corpus, chosen, classes=False, stratified=False)
        return self

    def transform(self, X: Sequence[str]) -> NDArray[np.float32]:
        """[n, D] the vectors of texts."""
        check_is_fitted(self)
        cuts: list[CutReport] = []
        found = vectors_of(self.model_, _texts(X), cuts)
        warn_of(cuts, self.model_)
        return found

    def search(self, queries: Sequence[str], corpus: Sequence[str], top: int = 10) -> list[list[Match]]:
        """The `top` texts of `corpus` nearest to each query: Match(rank, score, line, text), line being the
        place in `corpus`, from 1."""
        check_is_fitted(self)
        if top < 1:
            raise ValueError(f"top is {top}; give 1 or more.")
        asked, texts = _texts(queries, "queries"), _texts(corpus, "corpus")
        return Index.of(self.model_, texts).search(vectors_of(self.model_, asked), top)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True  # of texts; pairs need none
        return tags

    @property
    def _n_features_out(self) -> int:
        return dim_of(self.model_)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> TextEncoder:
        """An encoder, ready to transform, from a model folder, a run folder or a compare folder (its pick).
        Problem also for a model of another task."""
        return cls._open(folder, device, "encoder of texts", "TextClassifier")


def _texts(X: Sequence[str], name: str = "X") -> list[str]:
    texts = several(X, name)
    wrong = next((n for n, text in enumerate(texts) if not isinstance(text, str)), None)
    if wrong is not None:
        raise ValueError(f"{name} must hold strings; {name}[{wrong}] is {str(texts[wrong])[:60]!r}.")
    return texts


def _columns(rows: Sequence[Any]) -> list[list[str]]:
    """Pairs, or triples, as columns."""
    width = len(rows[0]) if isinstance(rows[0], (list, tuple)) else 0
    for number, row in enumerate(rows):
        fits = isinstance(row, (list, tuple)) and len(row) == width and all(isinstance(t, str) for t in row)
        if width not in (2, 3) or not fits:
            raise ValueError(f"X must hold texts, or pairs of strings; X[{number}] is {str(row)[:60]!r}.")
    return [list(column) for column in zip(*rows, strict=True)]


def _label(value: Any) -> str:
    return value if isinstance(value, str) else repr(value.item() if hasattr(value, "item") else value)
