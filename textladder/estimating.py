"""What the estimators of all tasks share: a rung's recipe, two parts of the texts, model folders.

Each has an `__init__` of its own, as scikit-learn reads parameters and their defaults there.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from textladder import recipe, run
from textladder.counted import CountedModel
from textladder.errors import Problem
from textladder.loading import load_model
from textladder.model import Model
from textladder.preparing import Data, Part
from textladder.recipe import Recipe
from textladder.tasks import task_class
from textladder.terminal import Terminal
from textladder.text.corpus import Corpus
from textladder.text.lacking import IN_PYTHON
from textladder.text.overlong import CutReport
from textladder.text.splitting import split
from textladder.training.devices import pick_device

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors


T = TypeVar("T")


class RungEstimator(BaseEstimator):
    """A rung of the ladder for the task `task_name`."""

    task_name: ClassVar[str]

    rung: str
    units: str | None
    settings: dict[str, Any] | None
    dev_share: float
    seed: int
    device: str
    vectors: str | Path | WordVectors | None
    verbose: bool
    model_: Any
    history_: list[dict[str, Any]]

    def save(self, folder: str | Path) -> None:
        """Write a model folder: what the command line and `load` read."""
        check_is_fitted(self)
        self.model_.save(Path(folder))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    @classmethod
    def _open(cls, folder: str | Path, device: str, called: str, other: str) -> Self:
        """From a model, run or compare folder. Problem for a model of another task: it is no `called`, and
        the class `other` loads some of those."""
        model = load_model(folder, str(pick_device(device)))
        if not isinstance(model, Model) or model.recipe.task_name != cls.task_name:
            what = f"this is a model for the task {model.recipe.task_name}, not a {called}."
            raise Problem(str(folder), what, f"Load it with the class of its task, such as {other}.")
        return cls._of(model)

    @classmethod
    def _of(cls, model: Model | CountedModel, **options: Any) -> Self:
        """An estimator whose model is there already."""
        chosen = model.recipe
        loaded = cls(chosen.rung, units=chosen.tokenizer.units, seed=chosen.training.seed, **options)
        loaded.model_, loaded.history_ = model, []
        return loaded

    def _recipe(self, more: dict[str, Any] | None = None) -> Recipe:
        """more: values that the estimator decides; what `settings` says comes last."""
        given = {"training.seed": self.seed} | (more or {})
        if self.units:
            given["tokenizer.units"] = self.units
        return recipe.rung(self.rung, self.task_name).with_values(given | (self.settings or {}))

    def _given_vectors(self) -> Path | WordVectors | None:
        return Path(self.vectors) if isinstance(self.vectors, str) else self.vectors

    def _check_dev_share(self) -> None:
        if not 0 <= self.dev_share < 1:
            raise ValueError(f"dev_share is a share from 0 to below 1, not {self.dev_share}.")

    def _train(self, corpus: Corpus, chosen: Recipe, **how: bool) -> None:
        """Sets `model_` and `history_`. how: of `split`."""
        self._check_dev_share()
        with tempfile.TemporaryDirectory(prefix="textladder-") as work:
            model, self.history_ = run.train_model(
                chosen,
                self._parts(corpus, chosen.data.split_seed, **how),
                Path(work),
                device=self.device,
                reporter=Terminal() if self.verbose else None,
                vectors=self._given_vectors(),
            )
        assert isinstance(model, Model), "what is counted is no such model"
        self.model_ = model

    def _parts(self, corpus: Corpus, seed: int, *, classes: bool = True, stratified: bool = True) -> Data:
        """Train and dev parts; with too few texts for a dev part, dev is the training texts themselves."""
        made = split(corpus, self.dev_share, 0.0, seed, rare="keep", classes=classes, stratified=stratified)
        searched = task_class(self.task_name).reads == "matches"
        train, dev = (Part(corpus, rows, searched) for rows in (made.train, made.dev))
        return Data(train, dev if len(dev) else train, None, corpus.notes + made.notes)


def outcomes_of(model: Model, inputs: Sequence[Any]) -> Any:
    """What a model says of what a user gave as X, with a warning of what it did not read as it stands. For
    methods that users call: it is their line that the warning names."""
    before, cuts = model.tokenizer.replaced, list[CutReport]()
    found = model.predict(inputs, cuts)
    if replaced := model.tokenizer.replaced - before:
        said = f"{replaced:,} half characters (lone surrogates) in X were read as U+FFFD."
        warnings.warn(said, UserWarning, stacklevel=3)
    warn_of(cuts, model, stacklevel=4)
    return found


def warn_of(cuts: Sequence[CutReport], model: Model, stacklevel: int = 3) -> None:
    """A warning of what no model sees of over-long texts."""
    if (cut := sum(cuts, CutReport())).units_cut:
        warnings.warn(cut.notes(model.recipe.tokenizer)[0], UserWarning, stacklevel=stacklevel)


def check_sides(rows: Sequence[Sequence[str]], empty: str) -> None:
    """ValueError for pairs to be trained on, or triples, with an empty text, as files of them are refused.
    empty: `data.empty`."""
    wrong = [n for n, row in enumerate(rows) if not all(map(str.strip, row))] if empty != "keep" else []
    if wrong:
        row, count = wrong[0], f"{len(wrong):,} of {len(rows):,}"
        texts = zip(("first", "second", "third"), rows[row], strict=False)
        which = next(name for name, text in texts if not text.strip())
        raise ValueError(
            f"the {which} text of X[{row}] is empty; {count} pairs have an empty text. "
            f"Leave them out, or train on them with {IN_PYTHON.format('empty', 'keep')}."
        )


def several(texts: Sequence[T], name: str = "X") -> list[T]:
    """The texts that the user gave as `name`, as a list; ValueError for one text and for none."""
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"{name} is one text; give a list of texts, such as [text].")
    listed: list[T] = texts.tolist() if hasattr(texts, "tolist") else list(texts)
    if not listed:
        raise ValueError(f"{name} holds no text: at least one is needed.")
    return listed
