"""scikit-learn estimators of two texts: a label for each pair, or a number. Thin over `run` and `model`.

X is a sequence of pairs of strings: [("one text", "another"), ...].
"""

# ruff: noqa: N803  X is what scikit-learn calls it
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from textladder.estimating import RungEstimator, check_sides, outcomes_of
from textladder.estimators import TextClassifier
from textladder.text.corpus import Corpus

if TYPE_CHECKING:
    from textladder.recipe import Recipe
    from textladder.vectors.wordvectors import WordVectors


class PairClassifier(TextClassifier):
    """A rung of the ladder as a classifier of pairs of strings: entailment, paraphrase.

    rung: a name from `textladder rungs --task pair`, or the path of a recipe file; all else as of
    `TextClassifier`.
    """

    task_name = "pair"
    _decided: ClassVar[dict[str, Any]] = {"task.kind": "labels"}

    def __init__(
        self,
        rung: str = "decomposable",
        *,
        units: str | None = None,
        settings: dict[str, Any] | None = None,
        dev_share: float = 0.1,
        seed: int = 1,
        device: str = "auto",
        vectors: str | Path | WordVectors | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(
            rung,
            units=units,
            settings=settings,
            dev_share=dev_share,
            seed=seed,
            device=device,
            vectors=vectors,
            verbose=verbose,
        )

    @staticmethod
    def _inputs(X: Any) -> list[Any]:
        return _pairs(X)

    @staticmethod
    def _corpus(texts: list[Any], names: list[tuple[str, ...]], chosen: Recipe) -> Corpus:
        return _corpus(texts, names, chosen)


class PairRegressor(RegressorMixin, RungEstimator):
    """A rung of the ladder that says a number of a pair of strings: similarity, relatedness.

    rung: a name from `textladder rungs --task pair`, or the path of a recipe file; settings may name the loss
    (`{"task.loss": "cosine"}`). dev_share: share of the training pairs held out to stop early. All else as of
    `TextClassifier`. Numbers are within the scale of the training labels. `score` is R squared, as of all of
    scikit-learn's regressors.

    After fit: `model_` (textladder.model.Model), `history_` (dev scores: Pearson's correlation).
    """

    task_name = "pair"

    def __init__(
        self,
        rung: str = "decomposable",
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

    def fit(self, X: Sequence[tuple[str, str]], y: Sequence[float]) -> PairRegressor:
        """Train on pairs X and their numbers y. Raises ValueError for what is not that and for empty texts,
        Problem for what the rung cannot do."""
        texts = _pairs(X)
        numbers = np.asarray(y, np.float64)
        if numbers.shape != (len(texts),) or not np.isfinite(numbers).all():
            raise ValueError(f"y must be a finite number for each of the {len(texts)} pairs.")
        labels: list[tuple[str, ...]] = [(repr(number),) for number in numbers.tolist()]
        chosen = self._recipe({"task.kind": "score"})
        self._train(_corpus(texts, labels, chosen), chosen, classes=False, stratified=False)
        return self

    def predict(self, X: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """[n] numbers."""
        check_is_fitted(self)
        return np.asarray(outcomes_of(self.model_, _pairs(X)), np.float64)

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> PairRegressor:
        """An estimator, ready to predict, from a model folder, a run folder or a compare folder (its pick).
        Problem also for a model of another task."""
        return cls._open(folder, device, "model of pairs", "TextClassifier")


def _corpus(texts: list[tuple[str, str]], labels: list[tuple[str, ...]], chosen: Recipe) -> Corpus:
    check_sides(texts, chosen.data.empty)
    return Corpus.of([a for a, _ in texts], labels, seconds=[b for _, b in texts])


def _pairs(X: Any) -> list[tuple[str, str]]:
    """X as a list of pairs; ValueError, as scikit-learn's users expect, for anything else."""
    if isinstance(X, (str, bytes)):
        raise ValueError("X is one text; give a list of pairs, such as [(text, other)].")
    rows = X.tolist() if hasattr(X, "tolist") else list(X)
    if not rows:
        raise ValueError("X holds no pair: at least one is needed (found array with 0 sample(s)).")
    for number, row in enumerate(rows):
        if not isinstance(row, (list, tuple)) or len(row) != 2 or not all(isinstance(t, str) for t in row):
            raise ValueError(f"X must hold pairs of strings; X[{number}] is {str(row)[:60]!r}.")
    return [(first, second) for first, second in rows]
