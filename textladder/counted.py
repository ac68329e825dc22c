"""Counted language models as members of the ladder: made in one pass over a stream, judged and used like
those that are trained by gradient.

    recipe.toml  tokenizer.json  labels.json  model.json  README.md  ngrams/ (see `ngrams.model`)

A labelled document begins with the unit of its label instead of <s>, which is then the context of its first
units: the model is conditioned on it, and never predicts it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder import __version__
from textladder.files import damaged, fresh_folder, read_json, sha256, verify_folder, write_header
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.model import HEADER, NgramModel
from textladder.ngrams.scoring import step_all
from textladder.ngrams.trie import ROOT
from textladder.recipe import Recipe
from textladder.tasks.judging import Block, Judging
from textladder.text.store import Store
from textladder.text.tokenizing import BEGIN, END, SPECIAL, Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

    State = tuple[Tensor, Tensor]

FORMAT_VERSION = 1
FILES = ("recipe.toml", "tokenizer.json", "labels.json")
OURS = {*FILES, "model.json", "README.md", "ngrams"}
UNITS_AT_ONCE = 1 << 20  # of a stream, in memory
HELD_OUT_UNITS = 1 << 21  # of dev, that weights are learnt on: they are few, and this is plenty


class CountedTask(Judging):
    """What `Language` is to a model that is trained, without an output layer."""

    def __init__(self, labels: dict[str, Any]) -> None:
        self.labels = labels


class CountedModel:
    """What `Model` is to a language model that is trained by gradient: the same names, as far as they mean
    something here."""

    def __init__(self, recipe: Recipe, tokenizer: Tokenizer, labels: Any, ngrams: NgramModel) -> None:
        self.recipe, self.tokenizer, self.labels, self.ngrams = recipe, tokenizer, labels, ngrams
        self.task = CountedTask(labels)

    @property
    def parameter_count(self) -> int:
        """Stored n-grams, of all orders."""
        return sum(self.ngrams.counts)

    @property
    def context_policy(self) -> str:
        """For signatures: what a unit is predicted from."""
        said = f"context|units={self.ngrams.order - 1}|blocks=crossed"
        return said if self.ngrams.about.normalised else f"{said}|scores=divided by their sum"

    def facts(self) -> dict[str, Any]:
        """What was counted and estimated, JSON-able."""
        about = self.ngrams.about
        return {
            "order": self.ngrams.order,
            "estimator": about.config.estimator,
            "counts": self.ngrams.counts,
            "texts": about.texts,
            "units": about.units,
            "unknown": about.unknown,
            "estimated": about.facts or {},
            "notes": list(about.notes),
        }

    def stepper(self) -> tuple[Callable[[Tensor, State], tuple[Tensor, State]], Callable[[int], State]]:
        """step(last ids [B], state) -> (log-probabilities of the next unit [B, V], state), and start(B) ->
        the state before the first unit, which is <s> or a label's. What is never predicted has -inf."""
        import torch

        arrays, totals, size = self.ngrams.arrays, self.ngrams.log_totals, len(self.ngrams.vocabulary)

        def step(last: Tensor, state: State) -> tuple[Tensor, State]:
            nodes, lengths = (values.cpu().numpy().copy() for values in state)
            found = np.empty((len(last), size), np.float32)
            step_all(arrays, totals, last.cpu().numpy(), nodes, lengths, found)
            return torch.from_numpy(found), (torch.from_numpy(nodes), torch.from_numpy(lengths))

        def start(texts: int) -> State:
            return torch.full((texts,), ROOT, dtype=torch.int64), torch.zeros(texts, dtype=torch.int64)

        return step, start

    def block_outcomes(self, store: Store) -> NDArray[np.float64]:
        """[R, 6] what each block of a judged store costs (`tasks.judging.Block`). Every unit is predicted
        once, from all the units before it that the order allows, also those of earlier blocks."""
        text = store.columns["text"]
        offsets = np.asarray(text.offsets)
        found = np.zeros((len(store), len(Block)), np.float64)
        for column in (Block.CHARACTERS, Block.WORDS, Block.UNKNOWN, Block.SPELLING):
            found[:, column] = store.columns[column.name.lower()].flat
        for first, last in _row_chunks(offsets):
            begin, end = int(offsets[first]), int(offsets[last])
            scores = self.ngrams.log_probs_of_stream(text.flat, begin, end)
            units = np.asarray(text.flat[begin:end])
            predicted = (units != BEGIN) & (units < self.task.tokens)
            rows = np.repeat(np.arange(last - first), np.diff(offsets[first : last + 1]))
            found[first:last, Block.NATS] = -np.bincount(rows, scores, last - first)
            found[first:last, Block.UNITS] = np.bincount(rows, predicted, last - first)
            store.release()
        return found

    def unit_nats(self, store: Store) -> NDArray[np.float64]:
        """[N] what each unit of a stored stream costs, 0 where nothing is predicted."""
        text = store.columns["text"]
        found = -self.ngrams.log_probs_of_stream(text.flat, 0, int(text.offsets[-1]))
        return np.asarray(found, np.float64)

    def save(self, folder: Path, card: str = "") -> None:
        """Write the folder in one step, as `Model.save` does."""
        with fresh_folder(folder, OURS, "a model") as fresh:
            (fresh / "recipe.toml").write_text(self.recipe.to_toml(), encoding="utf-8")
            self.tokenizer.save(fresh / "tokenizer.json")
            labels = json.dumps(self.labels, ensure_ascii=False, indent=1)
            (fresh / "labels.json").write_text(labels, encoding="utf-8")
            about = card or f"# {self.recipe.rung}\n\n{self.recipe.about}\n"
            (fresh / "README.md").write_text(about, encoding="utf-8")
            self.ngrams.save(fresh / "ngrams")
            more = {"ngrams": sha256(fresh / "ngrams" / HEADER)}
            write_header(fresh / "model.json", FORMAT_VERSION, __version__, FILES, more)

    @classmethod
    def load(cls, folder: Path) -> CountedModel:
        """A model from its own folder. Sizes and checksums are verified first; Problem for a file that is
        missing, cut short or changed, and for a newer format."""
        header = verify_folder(folder / "model.json", FORMAT_VERSION, __version__, FILES)
        recipe = Recipe.load(folder / "recipe.toml")
        tokenizer = Tokenizer.load(folder / "tokenizer.json", recipe.tokenizer)
        labels = read_json(folder / "labels.json")
        ngrams = NgramModel.load(folder / "ngrams")
        try:
            units = Judging.units(tokenizer.vocabulary, labels)
        except (KeyError, TypeError) as error:
            what = f"these are not the labels of a model ({error!r})"
            raise damaged(folder / "labels.json", what) from error
        if header.get("ngrams") != sha256(folder / "ngrams" / HEADER) or ngrams.vocabulary != list(units):
            raise damaged(folder / "ngrams", "these are the n-grams of another model")
        return cls(recipe, tokenizer, labels, ngrams)


class Counted(NamedTuple):
    """A model that was just made."""

    model: CountedModel
    seconds: float
    notes: list[str]  # what a reader should know of how it was made


def count(
    recipe: Recipe,
    tokenizer: Tokenizer,
    labels: Any,
    stores: dict[str, Store],
    folder: Path,
    *,
    check: Callable[[], None] = lambda: None,
) -> Counted:
    """A model from the stream "train" and, where weights are learnt, "dev". Its arrays are in `folder`, which
    may be removed while the model is used. `check` is called now and then, and may raise. Raises Problem for
    a corpus too short for the order."""
    config: NgramConfig = recipe.encoder
    units = Judging.units(tokenizer.vocabulary, labels)
    _compile(config, folder.with_name(f"{folder.name}-first"))
    began = time.perf_counter()
    train, held_out = stretches(stores["train"], check), stretches(stores["dev"], check, HELD_OUT_UNITS)
    ngrams = NgramModel.fit(train, units, config, folder, held_out, len(labels["labels"]))
    seconds = time.perf_counter() - began
    model, about = CountedModel(recipe, tokenizer, labels, ngrams), ngrams.about
    rate = (about.units + about.texts) / max(seconds, 1e-9)
    many = f"{model.parameter_count:,} n-grams of {about.units:,} units"
    notes = [f"{many} in {seconds:.2f} s ({rate:,.0f} units/s)", *about.notes]
    dev = int(stores["dev"].columns["text"].offsets[-1])
    if "held_out_units" in (about.facts or {}) and dev > HELD_OUT_UNITS:
        notes.append(f"the weights were learnt on the first {HELD_OUT_UNITS:,} of {dev:,} units of dev")
    if not about.normalised:
        notes.append("stupid backoff gives scores: they are divided by their sum after each context")
    return Counted(model, seconds, notes)


def stretches(
    store: Store, check: Callable[[], None] = lambda: None, most: int | None = None
) -> Iterator[NDArray[np.int32]]:
    """The stream of a store, or the first `most` units of it, in stretches that fit into memory; `check` is
    called before each."""
    whole = int(store.columns["text"].offsets[-1])
    total = whole if most is None else min(whole, most)
    for begin in range(0, total, UNITS_AT_ONCE):
        check()
        end = min(begin + UNITS_AT_ONCE, total)
        yield store.spans("text", np.array([begin]), np.array([end])).flat


def _row_chunks(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Rows in groups of about UNITS_AT_ONCE units."""
    first, rows = 0, len(offsets) - 1
    while first < rows:
        last = int(np.searchsorted(offsets, offsets[first] + UNITS_AT_ONCE, "right")) - 1
        last = min(max(last, first + 1), rows)
        yield first, last
        first = last


def _compile(config: NgramConfig, folder: Path) -> None:
    """Has every kernel compiled, or read from numba's cache, so that the seconds of a corpus are its own."""
    first = len(SPECIAL)
    text = np.array([BEGIN, *range(first, first + config.order), END], np.int32)
    units = [*SPECIAL, *map(str, range(config.order))]
    model = NgramModel.fit([text, text], units, config, folder, [text])
    model.log_probs_of_stream(text)
