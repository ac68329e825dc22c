"""A language model on text that it has not seen: what the text costs, whole and unit by unit."""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textladder.builtin import BUILTIN
from textladder.errors import Problem
from textladder.files import writing
from textladder.loading import load_model
from textladder.preparing import Part, builtin_corpora
from textladder.run import score_summary
from textladder.streams import part_starts, store_stream
from textladder.tasks.judging import Block
from textladder.text.corpus import Corpus
from textladder.text.documents import DocumentSource, open_documents
from textladder.text.formats import format_of
from textladder.text.pieces import bytes_of, in_hex, is_cut
from textladder.text.tokenizing import UNKNOWN
from textladder.training.devices import pick_device

if TYPE_CHECKING:
    from textladder.counted import CountedModel
    from textladder.model import Model
    from textladder.text.reading import DataConfig
    from textladder.text.store import Store

SURPRISING = 2.0  # standard deviations above the mean bits of a unit


@dataclass(frozen=True)
class Unit:
    """One unit that was predicted. text: as it stands in the text, "" for the end of a document and for bytes
    whose character a later unit completes; unknown: read as <unk>; surprising: it cost far more than most of
    this text."""

    where: str
    unit: str
    text: str
    bits: float
    unknown: bool
    surprising: bool

    def to_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "bits": round(self.bits, 4)}


class Scored:
    """A model on a corpus: `summary`, and `units()` one by one."""

    def __init__(self, model: Model | CountedModel, corpus: Corpus, work: Path) -> None:
        self.model, self.part = model, Part(corpus, np.arange(len(corpus)))
        self.notes: list[str] = []
        if not model.labels["labels"] and any(corpus.label_sets):
            corpus.label_sets = [()] * len(corpus.label_sets)
            self.notes.append("The labels of the texts are not used: the model was trained without.")
        elif model.labels["labels"] and not all(corpus.label_sets):
            self.notes.append(
                "Texts without a label begin with <s>, which the model, trained with labels, never read."
            )
        with writing(work):
            self._store: Store = store_stream(
                self.part, model.tokenizer, model.labels, work / "ids", judged=True
            )

    def summary(self) -> dict[str, Any]:
        """What `textladder score --json` prints: the headline with its interval over blocks, every metric by
        name, what was counted, and how."""
        outcomes = self.model.block_outcomes(self._store)
        found = score_summary(self.model, outcomes, self.part)
        sums = outcomes.sum(axis=0)
        recipe, task = self.model.recipe, self.model.task
        return {
            "task": recipe.task_name,
            "rung": recipe.rung,
            "units": recipe.tokenizer.units,
            "metric": task.headline,
            "higher_is_better": task.higher_is_better,
            "score": found["score"],
            "interval": found["interval"],
            **found["scores"],
            "scores": found["scores"],  # as `evaluate` has them of every task
            "bits": round(float(sums[Block.NATS] + sums[Block.SPELLING]) / math.log(2), 4),
            "count": found["count"],
            "documents": int(part_starts(self.part).sum()),
            "characters": int(sums[Block.CHARACTERS]),
            "words": int(sums[Block.WORDS]),
            "units_predicted": int(sums[Block.UNITS]),
            "units_unknown": int(sums[Block.UNKNOWN]),
            "signature": found["signature"],
            "notes": self.notes,
        }

    def nats(self) -> NDArray[np.float64]:
        """[documents] -log p of each, with the spelling of what its units leave open."""
        outcomes = self.model.block_outcomes(self._store)
        costs = outcomes[:, Block.NATS] + outcomes[:, Block.SPELLING]
        return np.add.reduceat(costs, np.flatnonzero(part_starts(self.part)))

    def units(self) -> Iterator[Unit]:
        """Every unit that is predicted, in order."""
        bits = self.model.unit_nats(self._store) / math.log(2)
        ids, offsets = self._store.columns["text"].flat, self._store.columns["text"].offsets
        known = bits[(bits != 0) & np.isfinite(bits)]
        limit = known.mean() + SURPRISING * known.std() if len(known) else 0.0
        starts = part_starts(self.part)
        for row, example in enumerate(self.part.examples()):
            here = np.asarray(ids[offsets[row] : offsets[row + 1]])[int(starts[row]) :]
            costs = bits[int(offsets[row]) + int(starts[row]) : offsets[row + 1]]
            for unit, text, cost in zip(here, self._spelled(example.texts[0], here), costs, strict=True):
                said, unknown = self._names[unit], bool(unit == UNKNOWN)
                yield Unit(example.where, said, text, float(cost), unknown, bool(cost > limit))

    @cached_property
    def _names(self) -> list[str]:
        """The units as the vocabulary writes them; bytes that are no character alone as <0xC3>."""
        names = list(self.model.tokenizer.vocabulary)
        for unit, data in enumerate(bytes_of(self.model.tokenizer)):
            if is_cut(data):
                names[unit] = in_hex(data)
        return names

    def _spelled(self, text: str, ids: NDArray[np.int32]) -> list[str]:
        """The stretch of the text that each unit stands for. A character of several units is told with the
        last of them."""
        spans = self.model.tokenizer.offsets(text)
        begins = [*(begin for begin, _ in spans[1:]), len(text)]
        spelled = [text[begin : min(end, after)] for (begin, end), after in zip(spans, begins, strict=True)]
        return [*spelled, *[""] * (len(ids) - len(spans))]


@contextmanager
def opened(
    folder: Path,
    file: str,
    device: str = "auto",
    settings: list[str] | None = None,
    *,
    model: Model | CountedModel | None = None,
) -> Iterator[Scored]:
    """The language model in `folder` (`model`, where it is loaded already) on `file`: "-" is stdin as one
    text; a file of plain text, of rows, or a folder of files; a built-in data set (its test part).
    Raises Problem for a wrong file, and for a model of another task."""
    model = checked_language_model(model or load_model(folder, str(pick_device(device))), folder)
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        yield Scored(model, _corpus(model, file, settings, Path(work)), Path(work))


@contextmanager
def scored(model: Model | CountedModel, source: DocumentSource) -> Iterator[Scored]:
    """A model on documents, of files or in memory."""
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        yield Scored(model, Corpus.read(source, Path(work) / "corpus"), Path(work))


def language_model(folder: Path | str, device: str = "auto") -> Model | CountedModel:
    """The language model in a folder; Problem for a model of another task, which says what to use instead."""
    return checked_language_model(load_model(folder, str(pick_device(device))), folder)


def checked_language_model(model: Model | CountedModel, folder: Path | str) -> Model | CountedModel:
    """The same; Problem for one of another task."""
    if not model.task.streams:
        raise Problem(
            str(folder),
            f"this is a model for the task {model.recipe.task_name}, not a language model.",
            "Use textladder evaluate or predict, or give a model trained with --task language or translate.",
        )
    return model


def _corpus(model: Model | CountedModel, file: str, settings: list[str] | None, work: Path) -> Corpus:
    config: DataConfig = replace(model.recipe.data, text=None, label=None)
    if file in BUILTIN and not Path(file).exists():
        return builtin_corpora(file)["test"]
    if file == "-":
        path = work / "stdin"
        _spool(path)
        config = replace(config, format="text")
    else:
        path = Path(file)
        if path.is_file() and format_of(path, config.format) not in ("text", "fasttext"):
            config = model.recipe.data  # the columns of the training file
    config = replace(model.recipe, data=config).set(settings or []).data
    try:
        return Corpus.read(open_documents(path, config), work / "corpus")
    except Problem as problem:
        if file != "-":
            raise
        where = problem.where.replace(str(path), "stdin")
        raise Problem(where, problem.what, problem.next_step) from problem


def _spool(path: Path) -> None:
    if sys.stdin is None:
        raise Problem("stdin", "it is closed.", "Give a file, or pipe text in.")
    if sys.stdin.isatty():
        sys.stderr.write("Type text; end with Ctrl-D.\n")
    with writing(path), path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
