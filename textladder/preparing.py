"""Files to numbers: read, split, learn the labels, fit the tokenizer (both on training texts only), store the
ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from textladder import builtin, distributed
from textladder.builtin import BUILTIN
from textladder.errors import Problem
from textladder.files import write_text, writing
from textladder.ragged import Example, Numbers, Ragged, narrow
from textladder.tasks import task_class
from textladder.text.corpus import Corpus
from textladder.text.documents import open_documents
from textladder.text.leakage import find_leakage
from textladder.text.overlong import CutReport, shorten
from textladder.text.reading import DataConfig, open_source
from textladder.text.splitting import split, split_documents
from textladder.text.store import Store, StoreWriter
from textladder.text.tokenizing import COUNTED, Tokenizer

if TYPE_CHECKING:  # both need torch, which reading files does not
    from textladder.recipe import Recipe
    from textladder.tasks.task import Task

CHUNK = 8192  # rows that are turned into Python objects at a time


@dataclass(frozen=True)
class Part:
    """Some rows of a corpus: what is trained on, chosen by, or tested on."""

    corpus: Corpus
    rows: Numbers

    def __len__(self) -> int:
        return len(self.rows)

    def examples(self) -> Iterator[Example]:
        return self.corpus.examples(self.rows)

    def texts(self) -> Iterator[Ragged]:
        """Chunks of UTF-8 texts, BATCH_ROWS at a time."""
        return self.corpus.text_chunks(self.rows)

    def places(self, rows: Numbers) -> list[str]:
        """Where rows of the corpus stand, for messages."""
        return [self.corpus.place(int(line)) for line in self.corpus.store.columns["line"].flat[rows]]

    @cached_property
    def golds(self) -> Golds:
        """The targets alone: scoring needs no texts, which may be larger than memory."""
        return Golds(self)

    def first(self, share: float, seed: int) -> Part:
        """A random share of the rows, the same for the same seed; a larger share holds the smaller one. Of
        documents in blocks, whole documents; of one text in its order the end, which stands next to what it
        is judged on."""
        if self.corpus.in_order:
            return Part(self.corpus, self.rows[-max(1, round(share * len(self.rows))) :])
        document = np.arange(len(self.rows))
        if "start" in self.corpus.store.columns:
            starts = np.asarray(self.corpus.store.columns["start"].flat)[self.rows].astype(bool)
            starts[:1] = True
            document = np.cumsum(starts) - 1
        order = np.random.default_rng([seed, 0x5EED]).permutation(document[-1] + 1)
        kept = order[: max(1, round(share * len(order)))]
        return Part(self.corpus, self.rows[np.isin(document, kept)])


class Golds(Sequence[Example]):
    """The targets of a part as Examples without texts, one for each *kind* of target: what is kept in memory
    does not grow with the rows. `where` is the first row of that kind."""

    def __init__(self, part: Part) -> None:
        corpus = part.corpus
        self._codes = corpus.label_codes[part.rows]
        self._known, first, self.times = np.unique(self._codes, return_index=True, return_counts=True)
        places = part.places(part.rows[first])
        self._kinds = {
            int(code): Example((), corpus.label_sets[code], place)
            for code, place in zip(self._known, places, strict=True)
        }

    def __len__(self) -> int:
        return len(self._codes)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | list[Example]:
        if isinstance(index, slice):
            return [self._kinds[code] for code in self._codes[index].tolist()]
        return self._kinds[int(self._codes[index])]

    def __iter__(self) -> Iterator[Example]:
        for start in range(0, len(self), CHUNK):
            yield from self[start : start + CHUNK]

    @property
    def kinds(self) -> list[Example]:
        """One Example of each kind; `times` says how many rows each stands for."""
        return list(self._kinds.values())

    def numbers(self, rows: Numbers) -> Numbers:
        """Which of `kinds` the rows named of the part are."""
        return np.searchsorted(self._known, self._codes[rows])


@dataclass(frozen=True)
class Places(Sequence[str]):
    """Where rows of a corpus stand, looked up only when a message asks."""

    part: Part
    rows: Numbers

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return self.part.places(self.rows[index])
        return self.part.places(self.rows[[index]])[0]


@dataclass(frozen=True)
class Data:
    """The three parts, and what is worth saying about them."""

    train: Part
    dev: Part
    test: Part | None  # None: the caller tests elsewhere
    notes: list[str] = field(default_factory=list)

    def parts(self) -> dict[str, Part]:
        """Those that there are, by name."""
        named = {"train": self.train, "dev": self.dev, "test": self.test}
        return {name: part for name, part in named.items() if part is not None}


def read_data(
    config: DataConfig,
    work: Path,
    train: str,
    dev: Path | None = None,
    test: Path | None = None,
    *,
    look_for_leakage: bool = True,
    streams: bool = False,
) -> Data:
    """Read and split. Parts that are not given as files are split off the training file (stratified, by
    `config.split_seed`). Rows are kept under `work`, not in memory. `train` may name a built-in data set.

    streams: texts run on (`text.documents`), and are split by `split_documents`."""
    corpora = read_corpora(config, work, train, dev, test, streams=streams)
    data = split_data(config, corpora, streams=streams)
    return with_leakage_notes(data) if look_for_leakage else data


def read_corpora(
    config: DataConfig,
    work: Path,
    train: str,
    dev: Path | None,
    test: Path | None,
    *,
    need_label: bool = True,
    streams: bool = False,
) -> dict[str, Corpus]:
    """Each file that is given as a corpus, by the name of its part."""
    corpora: dict[str, Corpus] = {}
    if train in BUILTIN and not Path(train).exists():
        corpora = builtin_corpora(train)
    for name, path in (("train", Path(train)), ("dev", dev), ("test", test)):
        if path is None or (name == "train" and corpora):
            continue
        source = open_documents(path, config) if streams else open_source(path, config, need_label=need_label)
        corpora[name] = Corpus.read(source, work / name)
        config = source.resolved  # dev and test files have the columns of the training file
    return corpora


def suited_to(file: str) -> dict[str, Any]:
    """Settings that a built-in data set asks for (recipe values by "table.key"); none for a file."""
    return dict(BUILTIN[file].settings) if file in BUILTIN and not Path(file).exists() else {}


def builtin_corpora(name: str) -> dict[str, Corpus]:
    """The fixed parts of a built-in data set."""
    return {
        part: Corpus.of([e.texts[0] for e in examples], [e.target for e in examples], f"{name}/{part}")
        for part, examples in builtin.load(name)._asdict().items()
    }


def split_data(config: DataConfig, corpora: dict[str, Corpus], *, streams: bool = False) -> Data:
    """Parts from corpora named train, and perhaps dev and test."""
    notes = list(dict.fromkeys(note for corpus in corpora.values() for note in corpus.notes))
    shares = {name: 0.0 if name in corpora else getattr(config, f"{name}_share") for name in ("dev", "test")}
    whole, sizes = corpora["train"], (shares["dev"], shares["test"])
    if streams:
        made = split_documents(whole, *sizes, config.split_seed)
    else:
        made = split(whole, *sizes, config.split_seed, rare=config.rare, duplicates=config.duplicates)
    notes += made.notes
    parts = {name: Part(corpora["train"], narrow(getattr(made, name))) for name in ("train", "dev", "test")}
    for name in ("dev", "test"):
        if name in corpora:
            parts[name] = Part(corpora[name], narrow(np.arange(len(corpora[name]))))
    counted = "blocks" if "start" in whole.store.columns else "texts"
    notes.append(f"{counted}: " + ", ".join(f"{len(part):,} {name}" for name, part in parts.items()))
    for name in ("dev", "test"):
        if not len(parts[name]):
            raise Problem(
                f"data.{name}_share",
                f"no text is left for {name}.",
                f"Give a file with --{name}, or a larger share.",
            )
    return Data(**parts, notes=notes)


def with_leakage_notes(data: Data) -> Data:
    """The data with a note on texts of other files that stand in the training file too. (Parts split off one
    file share no text by construction.)"""
    notes = list(data.notes)
    for name, part in data.parts().items():
        if part.corpus is not data.train.corpus:
            found = find_leakage(data.train.corpus, part.corpus, data.train.rows, part.rows)
            notes += found.lines(other=name)
    return replace(data, notes=notes)


@dataclass(frozen=True)
class Prepared:
    """All that a model is built from and trained on."""

    tokenizer: Tokenizer
    labels: Any
    stores: dict[str, Store]
    cuts: dict[str, CutReport]

    @cached_property
    def fingerprint(self) -> str:
        """Tells whether a run goes on with the data it was started with: vocabulary, labels, and the length
        and label of every text (which costs a pass over a few bytes per text, not over the texts)."""
        digest = hashlib.sha256(json.dumps([self.tokenizer.vocabulary, self.labels]).encode())
        for store in self.stores.values():
            digest.update(np.asarray(store.columns["text"].offsets).data)
            for name in {"label", "start"} & store.columns.keys():
                digest.update(np.asarray(store.columns[name].flat).data)
            store.release()
        return digest.hexdigest()


def prepare(recipe: Recipe, data: Data, work: Path, kept: Path | None = None) -> Prepared:
    """Learn labels and tokenizer from the training texts; tokenise each part once, into a store under
    `work`. kept: the folder that holds the tokenizer of a run that goes on (default: `work`)."""
    if task_class(recipe.task_name).streams:
        return _prepare_streams(recipe, data, work, kept or work)
    labels, task = learned(recipe, data)
    tokenizer = _tokenizer(recipe, data, kept or work)
    stores, cuts = {}, {}
    for name, part in data.parts().items():
        with writing(work):
            cuts[name] = _store_part(part, recipe, tokenizer, task, work / "ids" / name)
        stores[name] = Store(work / "ids" / name)
    return Prepared(tokenizer, labels, stores, cuts)


def _prepare_streams(recipe: Recipe, data: Data, work: Path, kept: Path) -> Prepared:
    from textladder.streams import part_starts, store_stream
    from textladder.text.spelling import Spelling

    labels = learn_labels(recipe, data)
    tokenizer = _tokenizer(recipe, data, kept)
    labels["units"] = len(tokenizer)
    labels["ranked"] = recipe.tokenizer.units in COUNTED
    labels["spelling"] = Spelling.learn(data.train.texts(), tokenizer, part_starts(data.train)).to_dict()
    stores = {
        name: store_stream(part, tokenizer, labels, work / "ids" / name, judged=name != "train")
        for name, part in data.parts().items()
    }
    units, window = len(stores["train"].columns["text"].flat), recipe.tokenizer.max_length
    if units <= window and not recipe.counted:
        raise Problem(
            data.train.corpus.name,
            f"its training part has {units:,} units, and one window is {window:,} (tokenizer.max_length).",
            "Give more text, or a shorter window with --set tokenizer.max_length=N",
        )
    return Prepared(tokenizer, labels, stores, {})


def learn_labels(recipe: Recipe, data: Data) -> Any:
    """The labels of the training texts. Raises Problem where there is nothing to learn, and where dev or test
    has labels that the training texts have not."""
    kind = task_class(recipe.task_name)
    return kind.learn(data.train.golds.kinds, recipe.task) if kind.streams else learned(recipe, data)[0]


def learned(recipe: Recipe, data: Data) -> tuple[Any, Task]:
    """The labels of the training texts, and the task that knows them. Raises Problem where there is nothing
    to learn, and where dev or test has labels that the training texts have not."""
    kind = task_class(recipe.task_name)
    golds = data.train.golds
    labels = kind.learn(golds.kinds, recipe.task, golds.times.tolist())
    task = kind(recipe.task, _any_width(recipe, labels), labels)
    for part in data.parts().values():
        try:
            _check_labels(task, part.golds.kinds)
        except Problem:
            _check_labels(task, part.golds)  # all of them, so that what is said counts texts
            raise
    return labels, task


def _check_labels(task: Task, golds: Iterable[Example]) -> None:
    targets, places = zip(*((gold.target, gold.where) for gold in golds), strict=True)
    task.targets(targets, places)


def _tokenizer(recipe: Recipe, data: Data, folder: Path) -> Tokenizer:
    """The first process's, on every process; on going on with a run, the one that it began with: not every
    kind is learnt twice the same."""
    known, text = folder / "tokenizer.json", None
    if distributed.is_main():
        if not known.exists():
            fitted = Tokenizer.fit(data.train.texts(), recipe.tokenizer)
            write_text(known, fitted.to_json())
            if distributed.size() == 1:
                return fitted
        text = known.read_text(encoding="utf-8")
    return Tokenizer.from_json(distributed.share(text), recipe.tokenizer)


def _any_width(recipe: Recipe, labels: Any) -> int:
    """A width for a task that is only asked for targets, not for vectors."""
    return len(labels["labels"]) if getattr(recipe.task, "head", None) == "none" else 1


def _store_part(part: Part, recipe: Recipe, tokenizer: Tokenizer, task: Task, folder: Path) -> CutReport:
    report, base, golds = CutReport(), 0, part.golds
    labels = task.targets([kind.target for kind in golds.kinds], [kind.where for kind in golds.kinds])
    with StoreWriter(folder) as writer:
        for texts in part.texts():
            rows = np.arange(base, base + len(texts))
            short = shorten(tokenizer.encode(texts), recipe.tokenizer, Places(part, part.rows[rows]))
            owner = short.owner + base
            writer.append(
                {
                    "text": short.ids,
                    "label": labels.take(golds.numbers(owner)),
                    "owner": Ragged(owner, np.arange(len(owner) + 1)),
                }
            )
            report += short.cut
            base += len(texts)
    return report
