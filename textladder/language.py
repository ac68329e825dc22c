"""A language model in three lines of Python, with scikit-learn's conventions. Thin over `run`, `scoring` and
`generating`."""

# ruff: noqa: N803  X is what scikit-learn calls it
from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from sklearn.utils.validation import check_is_fitted

from textladder import generating, run
from textladder.errors import Problem, suggest
from textladder.estimating import RungEstimator
from textladder.preparing import Data, Part
from textladder.scoring import Scored, language_model, scored
from textladder.search import SearchConfig
from textladder.terminal import Terminal
from textladder.text.corpus import Corpus
from textladder.text.documents import DocumentSource, GivenDocuments, open_documents
from textladder.text.splitting import split_documents

if TYPE_CHECKING:
    from textladder.text.reading import DataConfig
    from textladder.vectors.wordvectors import WordVectors

Texts: TypeAlias = str | Path | Iterable[str] | Sequence[Path]


class LanguageModel(RungEstimator):
    """A rung of the ladder as a model of text: it says how probable text is, and writes more.

    rung: a name from `textladder rungs --task language`, or the path of a recipe file. units: what a text is
    cut into (None: the rung's own). settings: {"encoder.hidden_dim": 256, ...}, as `--set`. dev_share: share
    of the training text held out to stop early, if fit is given no dev. seed: of everything random. device:
    "auto", "cpu", ... vectors: WordVectors, or a file or folder of them, for the embedding. verbose: True
    prints progress on stderr.

    Text is given in the same ways everywhere: the path of a file, or of a folder of files, as a string or
    Path; several Paths; or an iterable of strings, each of which is one document. (A string alone is a path;
    of one text give a list: [text].)

    After fit: `model_` (textladder.model.Model, or CountedModel), `history_` (dev scores).
    """

    task_name = "language"

    def __init__(
        self,
        rung: str = "lstm",
        *,
        units: str | None = None,
        settings: dict[str, Any] | None = None,
        dev_share: float = 0.05,
        seed: int = 1,
        device: str = "auto",
        vectors: str | Path | WordVectors | None = None,
        verbose: bool = False,
    ) -> None:
        self.rung, self.units, self.settings, self.dev_share = rung, units, settings, dev_share
        self.seed, self.device, self.vectors, self.verbose = seed, device, vectors, verbose

    def fit(
        self, X: Texts, y: Iterable[str] | None = None, *, dev: Texts | None = None, test: Texts | None = None
    ) -> LanguageModel:
        """Train on text X. y: a label for each text of an iterable, so that text can be written for a label.
        dev: text to stop early by (None: `dev_share` of X). test: text that is scored at the end, into
        `test_` (what `textladder score --json` prints). Raises Problem for what cannot be read or trained."""
        chosen = self._recipe({"data.dev_share": self.dev_share, "data.test_share": 0.0})
        with tempfile.TemporaryDirectory(prefix="textladder-") as work:
            given = {"train": _source(X, chosen.data, y)}
            if dev is not None:
                given["dev"] = _source(dev, chosen.data)
            data = _data(chosen.data, given, Path(work))
            if self.verbose:
                for note in data.notes:
                    Terminal().note(note)
            self.model_, self.history_ = run.train_model(
                chosen,
                data,
                Path(work),
                device=self.device,
                reporter=Terminal(units=True) if self.verbose else None,
                vectors=self._given_vectors(),
            )
        if test is not None:
            self.test_ = self.scores(test)
        return self

    # What text costs.

    def scores(self, X: Texts) -> dict[str, Any]:
        """Every figure of a text: what `textladder score --json` prints."""
        return self._scored(X)

    def bits_per_character(self, X: Texts) -> float:
        """Bits for each character of the text itself, whatever the units; lower is better. Infinite for a
        text to which the model gives no probability."""
        return self._figure("bits_per_character", X)

    def perplexity(self, X: Texts) -> float:
        """Per unit, ends of documents included: to be compared between models of the same units only."""
        return self._figure("perplexity", X)

    def score(self, X: Texts, y: Any = None) -> float:
        """Minus bits per character: higher is better, as scikit-learn's search wants it."""
        return -self.bits_per_character(X)

    def token_bits(self, X: Texts) -> list[tuple[str, float]]:
        """(unit as it stands in the text, bits) of every unit that is predicted; the end of a document is
        "</s>"."""
        check_is_fitted(self)
        with scored(self.model_, _source(X, self.model_.recipe.data)) as found:
            return [(unit.text or unit.unit, unit.bits) for unit in found.units()]

    # Text that it writes.

    def generate(
        self,
        prompt: str = "",
        length: int = 200,
        *,
        label: str | None = None,
        stop: str | Sequence[str] = (),
        **options: Any,
    ) -> str | list[str]:
        """What the model writes after the prompt, at most `length` units; a list of n texts if n is given.

        options: temperature, top_k, top_p, min_p, repetition_penalty, beam, length_penalty, n, seed, ...
        (`search.SearchConfig`); the same seed gives the same text. stop: text ends before any of these.
        label: text of this label is written. Raises Problem for options that contradict each other."""
        check_is_fitted(self)
        chosen = _options(length, options)
        (texts,) = generating.write(self.model_, [prompt], options=chosen, label=label, stop=_stops(stop))
        said = [text.text for text in texts]
        return said if "n" in options else said[0]

    def stream(
        self,
        prompt: str = "",
        length: int = 200,
        *,
        label: str | None = None,
        stop: str | Sequence[str] = (),
        **options: Any,
    ) -> Iterator[str]:
        """The same text piece by piece, as it is written."""
        check_is_fitted(self)
        chosen = _options(length, options)
        return generating.generate(self.model_, prompt, options=chosen, label=label, stop=_stops(stop))

    def next(self, prompt: str = "", top: int = 10, *, label: str | None = None) -> list[tuple[str, float]]:
        """The most probable units after the prompt with their probabilities, the most probable first."""
        check_is_fitted(self)
        return generating.next_units(self.model_, prompt, top, label)

    # Files.

    @classmethod
    def load(cls, folder: str | Path, device: str = "auto") -> LanguageModel:
        """A model, ready to use, from a model folder, a run folder or a compare folder (its pick)."""
        return cls._of(language_model(Path(folder), device), device=device)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags

    def _figure(self, name: str, X: Texts) -> float:
        found = self._scored(X)[name]
        return math.inf if found is None else float(found)

    def _scored(self, X: Texts) -> dict[str, Any]:
        check_is_fitted(self)
        found: Scored
        with scored(self.model_, _source(X, self.model_.recipe.data)) as found:
            return found.summary()


def _source(texts: Texts, config: DataConfig, labels: Iterable[str] | None = None) -> DocumentSource:
    """Texts as they were given; ValueError, as scikit-learn's users expect, for what they cannot be."""
    if isinstance(texts, bytes):
        raise ValueError("X is bytes; give the path of a file, or strings.")
    if isinstance(texts, (str, Path)):
        return _files(texts, config, labels)
    if not isinstance(texts, Iterable):
        raise ValueError(f"X must be a path or strings, not a {type(texts).__name__}.")
    if isinstance(texts, Sequence) and texts and all(isinstance(text, Path) for text in texts):
        return _files(texts, config, labels)
    if isinstance(texts, Sequence) and texts and all(map(_names_a_file, texts)):
        raise ValueError(
            f"X is strings, which are texts, but {texts[0]!r} is a file; give Paths to read files."
        )
    given = cast(Iterable[str], texts)
    return GivenDocuments(given, None if labels is None else ((str(label),) for label in labels), "X")


def _names_a_file(text: Any) -> bool:
    return isinstance(text, str) and os.path.isfile(text)


def _files(paths: Any, config: DataConfig, labels: Iterable[str] | None) -> DocumentSource:
    if labels is not None:
        raise ValueError("y goes with a list of texts; the labels of a file stand in it (data.label).")
    return open_documents(paths, config)


def _data(config: DataConfig, given: dict[str, DocumentSource], work: Path) -> Data:
    """The parts to train on; what is tested on is the caller's."""
    corpora = {name: Corpus.read(source, work / name) for name, source in given.items()}
    whole, dev = corpora["train"], corpora.get("dev")
    made = split_documents(whole, 0.0 if dev else config.dev_share, 0.0, config.split_seed)
    held_out = Part(whole, made.dev) if dev is None else Part(dev, np.arange(len(dev)))
    if not len(held_out):
        raise Problem("dev_share", "no text is left to stop by.", "Give more texts, or some with dev=...")
    notes = [note for corpus in corpora.values() for note in corpus.notes] + made.notes
    return Data(Part(whole, made.train), held_out, None, notes)


def _options(length: int, options: dict[str, Any]) -> SearchConfig:
    known = [field.name for field in fields(SearchConfig)]
    for name in options:
        if name not in known:
            raise Problem(f"generate({name}=...)", "there is no such option.", suggest(name, known))
    return SearchConfig(length=length, **options)


def _stops(stop: str | Sequence[str]) -> Sequence[str]:
    return [stop] if isinstance(stop, str) else stop
