"""Files to numbers: read, split, learn the labels, fit the tokenizer (both on training texts only), store the
ids."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from textladder import builtin, distributed
from textladder.builtin import BUILTIN
from textladder.errors import Problem
from textladder.files import write_text, writing
from textladder.parts import Golds, Part, Places
from textladder.ragged import Ragged, narrow
from textladder.releasing import give_back
from textladder.tasks import task_class
from textladder.text import unwritable
from textladder.text.alignment import taught
from textladder.text.corpus import Corpus
from textladder.text.documents import DocumentSource, open_documents
from textladder.text.formats import TAGGED
from textladder.text.items import ItemSource
from textladder.text.leakage import find_leakage, known_passages
from textladder.text.opening import plain_suffix
from textladder.text.overlong import CutReport
from textladder.text.parallel import ParallelSource, open_translations
from textladder.text.questions import open_questions
from textladder.text.reading import DataConfig, Source, open_source
from textladder.text.scores import are_scores
from textladder.text.sentences import open_sentences
from textladder.text.splitting import split, split_documents
from textladder.text.store import Store, StoreWriter
from textladder.text.tokenizing import COUNTED, Tokenizer
from textladder.text.two_files import files_of, refuse_two
from textladder.vectors import lending

if TYPE_CHECKING:  # both need torch, which reading files does not
    from textladder.recipe import Recipe
    from textladder.tasks.task import Reads, Rows, Task
    from textladder.vectors.wordvectors import WordVectors

__all__ = ["Data", "Golds", "Part", "Prepared", "learn_labels", "prepare", "read_data", "split_data"]


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
    reads: Reads = "rows",
    lists: Path | None = None,
) -> Data:
    """Read and split. Parts that are not given as files are split off the training file (stratified, by
    `config.split_seed`). Rows are kept under `work`, not in memory. `train` may name a built-in data set.

    reads: what the task reads (`Task.reads`); documents are split by `split_documents`. lists: the folder for
    lists of what is wrong in a file, too long for a message (None: there is none)."""
    corpora = read_corpora(config, work, train, dev, test, reads=reads, lists=lists)
    data = split_data(config, corpora, reads=reads)
    data = with_leakage_notes(data) if look_for_leakage else data
    give_back()  # splitting takes some 80 bytes for each text
    return data


def read_corpora(
    config: DataConfig,
    work: Path,
    train: str,
    dev: Path | None,
    test: Path | None,
    *,
    need_label: bool = True,
    reads: Reads = "rows",
    lists: Path | None = None,
) -> dict[str, Corpus]:
    """Each file that is given as a corpus, by the name of its part."""
    corpora: dict[str, Corpus] = {}
    if reads != "translations":
        refuse_two(train, dev, test)
    if train in BUILTIN and not Path(train).exists():
        _check_builtin(train, reads)
        if reads == "sentences":
            raise Problem(train, "this built-in data has no tagged tokens.", "Give a file of tagged tokens.")
        if reads in ("pairs", "questions", "matches"):
            needed = "questions" if reads == "questions" else "pairs"
            raise Problem(train, "this built-in data has one text a row.", f"Give a file of {needed}.")
        corpora = builtin_corpora(train)
    for name, path in (("train", Path(train)), ("dev", dev), ("test", test)):
        if path is None or (name == "train" and corpora):
            continue
        source: Source | DocumentSource | ItemSource | ParallelSource
        if reads == "translations":
            source = open_translations(path, config)
        elif reads == "documents":
            source = open_documents(path, config)
        elif reads == "sentences":
            source = open_sentences(path, config, need_label=need_label)
        elif reads == "questions":
            source = open_questions(path, config, need_label=need_label)
        else:
            matches = reads == "matches"
            labelled = need_label and not matches
            source = open_source(path, config, need_label=labelled, pairs=reads == "pairs", matches=matches)
        if isinstance(source, ItemSource):
            source.lists = None if lists is None else lists / f"misplaced-{name}.jsonl"
        corpora[name] = Corpus.read(source, work / name)
        # Dev and test files have the columns of the training file, and are scored whole.
        config = replace(source.resolved, max_ratio=0.0)
    return corpora


def suited_to(file: str, reads: Reads) -> dict[str, Any]:
    """Settings that a built-in data set asks for (recipe values by "table.key"); none for a file. Raises
    Problem for a task that does not read such data."""
    if file not in BUILTIN or Path(file).exists():
        return {}
    _check_builtin(file, reads)
    return dict(BUILTIN[file].settings)


def meant_for(file: str) -> str:
    """The task that a file, or built-in data, speaks of by its name; that of labelled texts if by none."""
    pairs = file in BUILTIN and BUILTIN[file].reads == "translations" and not Path(file).exists()
    if pairs or files_of(file) is not None:
        return "translate"
    return "tag" if plain_suffix(Path(file)) in TAGGED else "classify"


def _check_builtin(name: str, reads: Reads) -> None:
    translations = BUILTIN[name].reads == "translations"
    if translations != (reads == "translations"):
        task = "translate" if translations else "classify"
        raise Problem(name, "this built-in data is for another task.", f"Use --task {task}.")


def builtin_corpora(name: str) -> dict[str, Corpus]:
    """The fixed parts of a built-in data set."""
    corpora = {}
    for part, examples in builtin.load(name)._asdict().items():
        seconds = [e.texts[1] for e in examples] if BUILTIN[name].reads == "translations" else None
        firsts, targets = [e.texts[0] for e in examples], [e.target for e in examples]
        corpora[part] = Corpus.of(firsts, targets, f"{name}/{part}", seconds)
    return corpora


def split_data(config: DataConfig, corpora: dict[str, Corpus], *, reads: Reads = "rows") -> Data:
    """Parts from corpora named train, and perhaps dev and test."""
    notes = list(dict.fromkeys(note for corpus in corpora.values() for note in corpus.notes))
    shares = {name: 0.0 if name in corpora else getattr(config, f"{name}_share") for name in ("dev", "test")}
    whole, sizes = corpora["train"], (shares["dev"], shares["test"])
    if reads == "documents":
        made = split_documents(whole, *sizes, config.split_seed)
    else:
        labels = whole.label_counts()
        numbers = reads in ("pairs", "matches") and are_scores(labels)
        classes = not (whole.marked or reads == "translations" or numbers)
        classes = classes and (bool(labels) or reads != "matches")
        rare = config.rare if classes else "keep"  # a label of spans that one sentence has is no class
        made = split(
            whole,
            *sizes,
            config.split_seed,
            rare=rare,
            duplicates=config.duplicates,
            classes=classes,
            stratified=not numbers,
        )
    notes += made.notes
    searched = reads == "matches"
    rows = {name: narrow(getattr(made, name)) for name in ("train", "dev", "test")}
    parts = {name: Part(corpora["train"], rows[name], searched) for name in rows}
    for name in ("dev", "test"):
        if name in corpora:
            parts[name] = Part(corpora[name], narrow(np.arange(len(corpora[name]))), searched)
    notes.append(f"{whole.rows_are}: " + ", ".join(f"{len(part):,} {name}" for name, part in parts.items()))
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
            if "answer" in part.corpus.store.columns:
                known = known_passages(data.train.corpus, part.corpus, data.train.rows, part.rows)
                notes += [f"{known:,} questions of {name} are about passages of train."] if known else []
    return replace(data, notes=notes)


@dataclass(frozen=True)
class Prepared:
    """All that a model is built from and trained on."""

    tokenizer: Tokenizer
    labels: Any
    stores: dict[str, Store]
    cuts: dict[str, CutReport]
    notes: list[str] = field(default_factory=list)  # on the targets of dev and test, and on units

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


def prepare(
    recipe: Recipe,
    data: Data,
    work: Path,
    kept: Path | None = None,
    vectors: Path | WordVectors | None = None,
) -> Prepared:
    """Learn labels and tokenizer from the training texts; tokenise each part once, into a store under
    `work`. kept: the folder that holds the tokenizer of a run that goes on (default: `work`). vectors: what
    `tokenizer.vector_words` are taken from. Raises Problem where that cannot be."""
    kind = task_class(recipe.task_name)
    lending.check(recipe, vectors is not None, kind.streams or kind.writes)
    if kind.streams:
        return _prepare_streams(recipe, data, work, kept or work)
    tokenizer, notes = None, list[str]()
    if kind.writes:
        tokenizer = _tokenizer(recipe, data, kept or work)
        labels = kind.spelled(learn_labels(recipe, data), tokenizer, data.train.targets())
        task = kind(recipe.task, 1, labels)
    else:
        labels, task, notes = learned(recipe, data)
    tokenizer = tokenizer or _tokenizer(recipe, data, kept or work, vectors)
    notes += lending.advice(recipe, vectors)
    stores, cuts = {}, {}
    for name, part in data.parts().items():
        with writing(work):
            cuts[name] = _store_part(part, tokenizer, task, work / "ids" / name)
        stores[name] = Store(work / "ids" / name)
        if kind.writes:
            notes += unwritable.in_store(name, stores[name])
    return Prepared(tokenizer, labels, stores, cuts, notes)


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
    if kind.writes:
        return kind.learn((), recipe.task)
    return kind.learn(data.train.golds.kinds, recipe.task) if kind.streams else learned(recipe, data)[0]


def learned(recipe: Recipe, data: Data) -> tuple[Any, Task, list[str]]:
    """The labels of the training texts, the task that knows them, and what is to be said of the targets of
    dev and test. Raises Problem where there is nothing to learn, and where dev or test has labels that the
    training texts have not and the task cannot score."""
    kind = task_class(recipe.task_name)
    # What tags mean is told by golds; how texts are cut into tokens, by the texts.
    if kind.marks:
        labels = kind.learn(data.train.examples(), recipe.task)
    else:
        known = data.train.labels
        labels = kind.learn(known.kinds, recipe.task, known.times.tolist())
    task, notes = kind(recipe.task, _any_width(recipe, labels), labels), list[str]()
    for name, part in data.parts().items():
        golds = part.golds if kind.marks else part.labels
        try:
            notes += task.check(golds.kinds, name)
        except Problem:
            task.check(golds, name)  # all of them, so that what is said counts texts
            raise
    return labels, task, notes


def _tokenizer(
    recipe: Recipe, data: Data, folder: Path, vectors: Path | WordVectors | None = None
) -> Tokenizer:
    """The first process's, on every process; on going on with a run, the one that it began with: not every
    kind is learnt twice the same."""
    known, text = folder / "tokenizer.json", None
    if distributed.is_main():
        if not known.exists():
            fitted = Tokenizer.fit(_taught(recipe, data.train), recipe.tokenizer)
            fitted = fitted if vectors is None else lending.extended(fitted, vectors)
            write_text(known, fitted.to_json())
            if distributed.size() == 1:
                return fitted
        text = known.read_text(encoding="utf-8")
    return Tokenizer.from_json(distributed.share(text), recipe.tokenizer)


def _taught(recipe: Recipe, part: Part) -> Iterator[Ragged | Sequence[str]]:
    """What a tokenizer learns from."""
    kind, units = task_class(recipe.task_name), recipe.tokenizer.units
    if not kind.marks:
        yield from part.texts()
        return
    for examples in part.inputs():
        for texts, tokens in kind.tokens_of(examples, recipe.task):
            yield taught(units, texts, tokens)


def _any_width(recipe: Recipe, labels: Any) -> int:
    """A width for a task that is only asked for targets, not for vectors."""
    return len(labels["labels"]) if getattr(recipe.task, "head", None) == "none" else 1


def _store_part(part: Part, tokenizer: Tokenizer, task: Task, folder: Path) -> CutReport:
    report, base = CutReport(), 0
    with StoreWriter(folder) as writer:
        for count, rows in _numbered(part, tokenizer, task):
            owner = Ragged(rows.owner + base, np.arange(len(rows.owner) + 1))
            writer.append(rows.columns | {"owner": owner})
            report += rows.cut
            base += count
    return report


def _numbered(part: Part, tokenizer: Tokenizer, task: Task) -> Iterator[tuple[int, Rows]]:
    """Chunks of a part: (texts, their columns with the column "label")."""
    base = 0
    if task.marks:
        for examples in part.inputs():
            yield len(examples), task.rows(examples, tokenizer)
        return
    golds = part.labels
    if task.writes:
        for pairs in part.inputs():
            places = Places(part, part.rows[base : base + len(pairs)])
            yield len(pairs), task.rows(pairs, tokenizer, places)
            base += len(pairs)
        return
    labels = task.targets([kind.target for kind in golds.kinds], [kind.where for kind in golds.kinds])
    for texts in part.inputs():
        numbers = np.arange(base, base + len(texts))
        rows = task.rows(texts, tokenizer, Places(part, part.rows[numbers]))
        rows.columns["label"] = labels.take(golds.numbers(rows.owner + base))
        yield len(texts), rows
        base += len(texts)
