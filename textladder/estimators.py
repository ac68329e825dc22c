"""scikit-learn estimators: three lines of Python to a trained model. Thin over `run` and `model`.

They follow scikit-learn's conventions (get_params, clone, Pipeline, GridSearchCV, cross_val_score). X is a
sequence of strings, not a matrix.
"""

# ruff: noqa: N803  X is what scikit-learn calls it
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from textladder.estimating import RungEstimator, outcomes_of
from textladder.tasks.labelled import Labelled
from textladder.tasks.pair import Pair
from textladder.text.corpus import Corpus

if TYPE_CHECKING:
    from textladder.recipe import Recipe
    from textladder.vectors.wordvectors import WordVectors


class TextClassifier(ClassifierMixin, RungEstimator):
    """A rung of the ladder as a classifier of strings.

    rung: a name from `textladder rungs`, or the path of a recipe file. units: what a text is cut into (None:
    the rung's own). settings: {"encoder.hidden_dim": 256, ...}, as `--set`. dev_share: share of the training
    texts held out to stop early and to calibrate. seed: of everything random. device: "auto", "cpu", ...
    vectors: WordVectors, or a file or folder of them, for the embedding. verbose: True prints progress on
    stderr.

    After fit: `classes_` (labels, sorted), `model_` (textladder.model.Model), `history_` (dev scores). For
    several labels per text give y as a sequence of sequences of strings; predict returns lists of labels.
    """

    task_name = "classify"

    def __init__(
        self,
        rung: str = "bow",
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

    def fit(self, X: Sequence[str], y: Sequence[Any]) -> TextClassifier:
        """Train on texts X and their labels y: strings or numbers, or a list of labels for each text. Raises
        ValueError for what is not that and for one class only, Problem for what the rung cannot do."""
        texts = self._inputs(X)
        names = self._learn_classes(y, len(texts))
        chosen = self._recipe(self._decided)
        self._train(self._corpus(texts, names, chosen), chosen)
        return self

    def predict(self, X: Sequence[str]) -> Any:
        """Labels, one per text; for several labels per text a list of lists."""
        check_is_fitted(self)
        probabilities = outcomes_of(self.model_, self._inputs(X))
        task = self.model_.task
        labelled = task.answer if isinstance(task, Pair) else task
        assert isinstance(labelled, Labelled)
        said = labelled.decide(probabilities)
        if labelled.multi:
            return [list(labels) for labels in said]
        return self.classes_[[self._index[str(label)] for label in said]]

    def predict_proba(self, X: Sequence[str]) -> NDArray[np.float64]:
        """[n, labels] calibrated probabilities, columns in the order of `classes_`."""
        check_is_fitted(self)
        probabilities: NDArray[np.float32] = outcomes_of(self.model_, self._inputs(X))
        return probabilities[:, self._columns].astype(np.float64)

    def score(self, X: Sequence[str], y: Sequence[Any], sample_weight: Any = None) -> float:
        """Accuracy; for several labels per text the share of texts whose labels are all right."""
        check_is_fitted(self)
        if not self._multi:
            return float(super().score(X, y, sample_weight))
        right = [set(said) == set(map(str, gold)) for said, gold in zip(self.predict(X), y, strict=True)]
        return float(np.average(right, weights=sample_weight))

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> TextClassifier:
        """An estimator, ready to predict, from a model folder, a run folder or a compare folder (its
        pick). Problem also for a model of another task."""
        loaded = cls._open(folder, device, "classifier", "LanguageModel")
        loaded._set_classes(np.array(loaded.model_.labels["labels"]))
        return loaded

    _decided: ClassVar[dict[str, Any]] = {}  # values of the recipe that the class itself means

    @staticmethod
    def _inputs(X: Any) -> list[Any]:
        """X as a list; ValueError, as scikit-learn's users expect, for what is none."""
        return _texts(X)

    @staticmethod
    def _corpus(texts: list[Any], names: list[tuple[str, ...]], chosen: Recipe) -> Corpus:
        return Corpus.of(texts, names)

    # What scikit-learn asks for.

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.classifier_tags.multi_label = False  # in scikit-learn's sense: an indicator matrix
        tags.target_tags.one_d_labels = True
        return tags

    def _learn_classes(self, y: Sequence[Any], count: int) -> list[tuple[str, ...]]:
        """Set `classes_`; returns the labels of each text as strings."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None.")
        if len(y) != count:
            raise ValueError(f"X has {count} texts, y has {len(y)} labels.")
        if isinstance(next(iter(y)), (list, tuple, set, frozenset)):
            names = [tuple(map(str, labels)) for labels in y]
            self._set_classes(np.array(sorted({label for labels in names for label in labels})))
            return names
        values = column_or_1d(y, warn=True)
        check_classification_targets(values)
        self._set_classes(np.unique(values))
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only: {self.classes_[0]!r}. Give texts of at least two classes."
            )
        return [(str(value),) for value in values.tolist()]

    def _set_classes(self, classes: NDArray[Any]) -> None:
        self.classes_ = classes
        self._index = {str(value): number for number, value in enumerate(classes.tolist())}

    @property
    def _multi(self) -> bool:
        return bool(self.model_.labels["kind"] == "multi")

    @property
    def _columns(self) -> NDArray[np.int64]:
        """For each class the column of the model's own order of labels."""
        places = {label: number for number, label in enumerate(self.model_.labels["labels"])}
        return np.array([places[str(value)] for value in self.classes_.tolist()])


def _texts(X: Any) -> list[str]:
    """X as a list of strings; ValueError, as scikit-learn's users expect, for anything else."""
    if isinstance(X, (str, bytes)):
        raise ValueError("X is one text; give a list of strings, such as [text].")
    if getattr(X, "ndim", 1) != 1:
        raise ValueError(f"X must be one column of strings; it has the shape {X.shape}. Expected 1D array.")
    texts = X.tolist() if hasattr(X, "tolist") else list(X)
    if not texts:
        raise ValueError("X holds no text: at least one is needed (found array with 0 sample(s)).")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X must hold strings; X[{number}] is a {type(text).__name__}.")
    return texts
