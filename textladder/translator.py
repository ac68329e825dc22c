"""A translator in three lines of Python, with scikit-learn's conventions. Thin over `run` and
`translating`."""

# ruff: noqa: N803  X is what scikit-learn calls it
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from textladder import choosing, translating
from textladder.batch import Example
from textladder.ensembling import ensemble
from textladder.errors import Problem
from textladder.estimating import RungEstimator, several, warn_of
from textladder.loading import load_model
from textladder.text.corpus import Corpus
from textladder.text.overlong import CutReport
from textladder.translating import Alignment, Translation

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors


class Translator(RungEstimator):
    """A rung of the ladder that makes other text of a text: translation, dates, names, headlines.

    rung: a name from `textladder rungs --task translate`, or the path of a recipe file. units: what texts of
    both sides are cut into (None: the rung's own). settings: {"decoder.hidden_dim": 256, ...}, as `--set`.
    dev_share: share of the training texts held out to stop early. seed: of everything random. device: "auto",
    "cpu", ... vectors: WordVectors, or a file or folder of them, for the encoder's embedding. verbose: True
    prints progress on stderr.

    After fit: `model_` (textladder.model.Model), `history_` (dev scores).
    """

    task_name = "translate"

    def __init__(
        self,
        rung: str = "transformer",
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

    def fit(self, X: Sequence[str], y: Sequence[str]) -> Translator:
        """Train on texts X and what each of them becomes, y. Raises Problem for what is not text and for
        unequal lengths, ValueError where X is one text."""
        corpus = Corpus.of(several(X), None, "X", several(y, "y"))
        self._train(corpus, self._recipe(), classes=False)
        return self

    def predict(self, X: Sequence[str]) -> list[str]:
        """The best translation of each text."""
        check_is_fitted(self)
        cuts: list[CutReport] = []
        found = translating.translate(self.model_, several(X), cuts=cuts)
        warn_of(cuts, self.model_)
        return [best[0].text for best in found]

    def translate(
        self,
        text: str,
        *,
        n_best: int = 1,
        alignment: bool = False,
        per_token: bool = False,
        prefix: str | None = None,
        mbr: int = 0,
        rerank: RungEstimator | str | Path | None = None,
        rerank_weight: float | None = None,
        candidates: int | None = None,
        replace_unknown: bool = False,
        **options: Any,
    ) -> list[Translation]:
        """The `n_best` translations of one text. options: of the search, such as beam and length_penalty, or
        temperature to have them drawn (`search.SearchConfig`). per_token: with what the model gives for each
        unit (`Translation.tokens`). prefix: what they begin with.

        mbr: so many candidates, of which those are given that agree most with all. rerank: a fitted
        Translator of the other direction, or a LanguageModel, or the folder of one, that makes a choice among
        `candidates`, weighed by `rerank_weight` (see `choosing`). replace_unknown: words that the model does
        not know are those of the text that it looked at. Raises Problem for options that contradict
        each other."""
        check_is_fitted(self)
        asked: dict[str, Any] = {"mbr": mbr, "rerank": rerank is not None, "candidates": candidates}
        chosen = choosing.options_for(self.model_, n_best=n_best, **asked, **options)
        other = load_model(rerank) if isinstance(rerank, (str, Path)) else getattr(rerank, "model_", None)
        choose = choosing.choice(mbr=mbr, other=other, weight=rerank_weight, keep=n_best)
        prefixes = None if prefix is None else [prefix]
        given: dict[str, Any] = {"alignment": alignment, "prefixes": prefixes, "choose": choose}
        given["per_token"] = per_token
        given["replace_unknown"] = replace_unknown
        return translating.translate(self.model_, [text], chosen, **given)[0]

    def log_probabilities(self, X: Sequence[str], y: Sequence[str]) -> list[NDArray[np.float32]]:
        """What the model gives for given translations y: the nats of each unit, and of the end, of each."""
        check_is_fitted(self)
        return translating.log_probabilities(self.model_, _pairs(X, y))

    def align(self, X: Sequence[str], y: Sequence[str]) -> list[Alignment]:
        """Which word of each text the words of its given translation y look at: pairs (word of the text, word
        of the translation), counted from 0. Raises Problem for a model without attention."""
        check_is_fitted(self)
        translating.check_attends(self.model_)
        return translating.align(self.model_, _pairs(X, y))

    def score(self, X: Sequence[str], y: Sequence[str]) -> float:
        """The headline on these texts: BLEU, or what `task.metric` says."""
        check_is_fitted(self)
        examples = [Example(pair, (), f"X, text {number}") for number, pair in enumerate(_pairs(X, y), 1)]
        task = translating.task_of(self.model_)
        return task.score(self.model_.predict([e.texts[0] for e in examples]), examples).headline

    def together(self, *others: Translator) -> Translator:
        """One that says what the mean of the probabilities of all says; they may be of any rungs. Raises
        Problem where they cut texts into other units."""
        every = (self, *others)
        for one in every:
            check_is_fitted(one)
        return self._of(ensemble([one.model_ for one in every]))

    def save(self, folder: str | Path) -> None:
        """Write a model folder: what the command line and `load` read. Problem for several `together`."""
        if self.__sklearn_is_fitted__() and translating.task_of(self.model_).fellows:
            raise Problem("save", "this is several models.", "Save each, and load them with `ensemble`.")
        super().save(folder)

    @classmethod
    def load(
        cls, folder: str | Path, device: str = "auto", *, ensemble: Sequence[str | Path] = ()
    ) -> Translator:
        """A translator, ready to predict, from a model folder, a run folder or a compare folder (its pick).
        ensemble: folders of others that it writes together with. Problem also for a model of another task."""
        first, *others = (
            cls._open(one, device, "translator", "TextClassifier") for one in (folder, *ensemble)
        )
        return first.together(*others) if others else first


def _pairs(texts: Sequence[str], translations: Sequence[str]) -> list[tuple[str, str]]:
    """Problem for unequal lengths."""
    first, second = several(texts), several(translations, "y")
    if len(first) != len(second):
        raise Problem("y", f"{len(first)} texts, but {len(second)} translations.", "Give one for each text.")
    return list(zip(first, second, strict=True))
