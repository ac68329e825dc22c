"""Texts and labels as rows that can be taken by number: on disk and memory-mapped, or in memory.

In memory a row costs 4 bytes (its label code), whatever the length of its text.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ragged import Example, Numbers, Ragged
from textladder.text.normalizing import SURROGATE
from textladder.text.reading import BATCH_ROWS, Rows, Source
from textladder.text.store import Store, StoreWriter

if TYPE_CHECKING:
    from textladder.text.documents import DocumentSource
    from textladder.text.items import ItemSource
    from textladder.text.labelled import Labelled
    from textladder.text.parallel import ParallelSource

Target = tuple[str, ...]
FORMAT_VERSION = 3
LINE_BITS = 40  # of several files, the number of the file stands above the line


class _Codes:
    """Numbers the label sets in order of appearance."""

    def __init__(self) -> None:
        self.known: dict[Target, int] = {}
        self.parts: list[NDArray[np.int32]] = []

    def add(self, targets: Sequence[Target], numbers: NDArray[np.int64] | None = None) -> None:
        """The targets of some rows. numbers: which of `targets` each row has (None: each row its own)."""
        known = self.known
        found = np.array([known.setdefault(t, len(known)) for t in targets], np.int32)
        self.parts.append(found if numbers is None else found[numbers])

    def all(self) -> NDArray[np.int32]:
        return np.concatenate(self.parts) if self.parts else np.zeros(0, np.int32)


class Corpus:
    """Rows of text, target and place. Make one with `Corpus.read` (a file) or `Corpus.of` (texts in memory).

    name, unit: what `where` is made of ("reviews.csv", "": "reviews.csv:17"); names: of several files, those
    of each. label_codes: [rows] int32, the number of each row's label set in `label_sets`. notes: what was
    inferred and left out, in sentences. in_order: the rows are one text, in its order (`text.documents`).
    Where each row has two texts, the column "second" holds the other, and "negative" a third. span_labels: of
    tagged sentences (`text.sentences`), whose columns "token" and "span" hold places in characters and
    "around", if it was asked for, what stands around them as JSON (`text.context`), the labels of their
    spans; a label set is then the labels that occur in a sentence. Of questions (`text.questions`) the
    column "answer" holds the places of their answers.
    """

    def __init__(
        self,
        store: Store,
        label_codes: NDArray[np.int32],
        label_sets: list[Target],
        *,
        name: str,
        unit: str = "",
        notes: Sequence[str] = (),
        multilabel: bool = False,
        names: Sequence[str] = (),
        in_order: bool = False,
        span_labels: Sequence[str] = (),
    ) -> None:
        self.store, self.label_codes, self.label_sets = store, label_codes, label_sets
        self.name, self.unit, self.notes = name, unit, list(notes)
        self.names, self.in_order, self.span_labels = list(names), in_order, list(span_labels)
        # More than one label on some text, or none where the file joins or lists them.
        self.multilabel = multilabel or any(len(labels) > 1 for labels in label_sets)

    @classmethod
    def of(
        cls,
        texts: Iterable[str],
        targets: Iterable[Sequence[str]] | None = None,
        name: str = "",
        seconds: Iterable[str] | None = None,
        negatives: Iterable[str] | None = None,
    ) -> Corpus:
        """Texts in memory; targets: one sequence of labels per text, or None for texts without labels;
        seconds: the other text of each row, where rows have two; negatives: a third.

        Raises a Problem for a text that is not a string or is not valid Unicode, and for unequal lengths.
        """
        rows, others = list(texts), None if seconds is None else list(seconds)
        third = None if negatives is None else list(negatives)
        name = name or "texts"
        for column in (rows, others or (), third or ()):
            for i, text in enumerate(column):
                if not isinstance(text, str):
                    raise Problem(
                        f"{name}, text {i + 1:,}", f"it is {type(text).__name__}, not str.", "Give strings."
                    )
        for more, called in ((others, "second texts"), (third, "negatives")):
            if more is not None and len(more) != len(rows):
                raise Problem(name, f"{len(rows):,} texts, but {len(more):,} {called}.", "Give pairs.")
        labels: list[Target] = [()] * len(rows) if targets is None else [tuple(target) for target in targets]
        if len(labels) != len(rows):
            raise Problem(name, f"{len(rows):,} texts, but {len(labels):,} labels.", "Give one for each.")
        try:
            numbers = list(range(1, len(rows) + 1))
            columns = _columns(Rows(rows, labels, numbers, seconds=others, negatives=third))
            codes = _Codes()
            codes.add(labels)
            "".join(map("".join, codes.known)).encode("utf-8")
        except UnicodeEncodeError as error:
            each = (column for column in (rows, others, third) if column is not None)
            raise _half(name, ["".join(texts) for texts in zip(*each, strict=True)], labels) from error
        return cls(Store.of(columns), codes.all(), list(codes.known), name=name)

    @classmethod
    def read(cls, source: Source | DocumentSource | ItemSource | ParallelSource, folder: Path) -> Corpus:
        """Spools a file into `folder`, or takes what is there if file and config are the same.

        The folder appears only when it is whole. Raises a Problem for a wrong row, or if the disk fails.
        """
        fingerprint = _fingerprint(source)
        found = _opened(folder, fingerprint)
        if found is not None:
            return found
        part = folder.with_name(folder.name + ".part")
        try:
            shutil.rmtree(part, ignore_errors=True)
            codes, spans = _Codes(), dict[str, int]()
            with StoreWriter(part) as writer:
                for rows in source.parts() if isinstance(source, Source) else source.batches():
                    writer.append(_columns(rows, spans))
                    if isinstance(rows, Rows):
                        codes.add(rows.targets)
                    else:
                        codes.add([(name,) for name in rows.names], rows.numbers)
            if not codes.parts:
                raise Problem(str(source.path), "no row is left: none has a label.", "Label some of them.")
            np.save(part / "codes.npy", codes.all(), allow_pickle=False)
            about = {
                "format_version": FORMAT_VERSION,
                "fingerprint": fingerprint,
                "name": source.path.name,
                "names": source.names,
                "unit": source.unit,
                "in_order": source.in_order,
                "notes": source.notes + source.report(),
                "multilabel": bool(source.label_separator),
                "label_sets": list(codes.known),
                "span_labels": list(spans),
            }
            (part / "corpus.json").write_text(json.dumps(about), encoding="utf-8")
            shutil.rmtree(folder, ignore_errors=True)
            part.replace(folder)
        except OSError as error:
            raise _unwritable(folder, error) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
        whole = _opened(folder, fingerprint, fresh=True)
        assert whole is not None, "a corpus that was just written can be opened"
        return whole

    def __len__(self) -> int:
        return len(self.label_codes)

    def __getitem__(self, row: int) -> Example:
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        at = row % len(self)
        return next(self.examples(np.array([at])))

    @property
    def text_columns(self) -> list[str]:
        """The columns that hold texts."""
        return [name for name in ("text", "second", "negative") if name in self.store.columns]

    @property
    def rows_are(self) -> str:
        """What its rows are called."""
        if "start" in self.store.columns:
            return "blocks"
        if "token" in self.store.columns:
            return "sentences"
        if "answer" in self.store.columns:
            return "questions"
        return "pairs" if "second" in self.store.columns else "texts"

    def target(self, row: int) -> Target:
        return self.label_sets[self.label_codes[row]]

    def place(self, line: int) -> str:
        name = self.names[line >> LINE_BITS] if len(self.names) > 1 else self.name
        return f"{name}:{self.unit}{line & (1 << LINE_BITS) - 1}"

    def examples(self, rows: Numbers | None = None) -> Iterator[Example]:
        """The rows named, in that order (None: all), streamed."""
        for numbers, taken in self.taken(rows):
            texts = [taken[name] for name in self.text_columns]
            lines = taken["line"].flat
            if "token" in taken:
                for i, (tokens, spans) in enumerate(self._marked(taken)):
                    place = self.place(int(lines[i]))
                    around = json.loads(taken["around"].string(i)) if "around" in taken else None
                    read = tuple(t.string(i) for t in texts)
                    yield Example(read, spans, place, tokens=tokens, around=around)
                continue
            for i, code in enumerate(self.label_codes[numbers]):
                place = self.place(int(lines[i]))
                target: Any = self.label_sets[code]
                if "answer" in taken:
                    target = tuple(map(tuple, taken["answer"][i].reshape(-1, 2).tolist()))
                yield Example(tuple(t.string(i) for t in texts), target, place)

    def _marked(self, taken: dict[str, Ragged]) -> Iterator[tuple[Any, Any]]:
        """Tokens and spans of sentences, as an Example has them."""
        tokens, spans, names = taken["token"], taken["span"], self.span_labels
        for i in range(len(tokens)):
            bounds = tokens[i].reshape(-1, 2).tolist()
            marked = spans[i].reshape(-1, 3).tolist()
            yield (
                tuple(map(tuple, bounds)),
                tuple((start, end, names[kind]) for start, end, kind in marked),
            )

    @property
    def marked(self) -> bool:
        """Whether targets are places in the texts."""
        return not {"token", "answer"}.isdisjoint(self.store.columns)

    def golds(self, rows: Numbers) -> Iterator[Example]:
        """Where targets are places, the rows named; tagged sentences without their texts, which need none
        to be scored."""
        if "token" not in self.store.columns:
            yield from self.examples(rows)
            return
        for start in range(0, len(rows), BATCH_ROWS):
            taken = self.store.take(rows[start : start + BATCH_ROWS], ("token", "span", "line"))
            lines = taken["line"].flat.tolist()
            for line, (tokens, spans) in zip(lines, self._marked(taken), strict=True):
                yield Example((), spans, self.place(line), tokens=tokens)

    def texts(self, start: int, stop: int) -> Ragged:
        """Rows start..stop as UTF-8 bytes, a view."""
        return self.store.slice(start, min(stop, len(self)))["text"]

    def chunks(
        self, rows: Numbers | None = None, size: int = BATCH_ROWS
    ) -> Iterator[tuple[Numbers, Ragged, list[Target]]]:
        """(row numbers, first texts as UTF-8 bytes, targets), `size` rows at a time."""
        for numbers, taken in self.taken(rows, size, ["text"]):
            yield numbers, taken["text"], [self.label_sets[code] for code in self.label_codes[numbers]]

    def text_chunks(self, rows: Numbers | None = None, size: int = BATCH_ROWS) -> Iterator[Ragged]:
        """The texts alone, `size` at a time, the second ones of rows after the first: feeds tokenizers."""
        for _, taken in self.taken(rows, size, self.text_columns):
            yield from taken.values()

    def taken(
        self, rows: Numbers | None = None, size: int = BATCH_ROWS, names: Sequence[str] | None = None
    ) -> Iterator[tuple[Numbers, dict[str, Ragged]]]:
        """(row numbers, their columns, or those named), `size` rows at a time."""
        for start in range(0, len(self) if rows is None else len(rows), size):
            if rows is None:
                stop = min(start + size, len(self))
                yield np.arange(start, stop), self.store.slice(start, stop, names)
            else:
                numbers = np.asarray(rows[start : start + size], np.int64)
                yield numbers, self.store.take(numbers, names)

    def label_counts(self, rows: Numbers | None = None) -> dict[str, int]:
        """How many rows have each label, in the order of the labels."""
        codes = self.label_codes if rows is None else self.label_codes[rows]
        counts: dict[str, int] = {}
        for labels, number in zip(
            self.label_sets, np.bincount(codes, minlength=len(self.label_sets)), strict=True
        ):
            for label in labels:
                counts[label] = counts.get(label, 0) + int(number)
        return {label: counts[label] for label in sorted(counts) if counts[label]}


def _half(name: str, texts: Sequence[str], labels: Sequence[Target]) -> Problem:
    """What is said of the first text that holds a lone surrogate, itself or in a label."""
    joined = ("".join((text, *target)) for text, target in zip(texts, labels, strict=True))
    row, half = next((row, found) for row, text in enumerate(joined) if (found := SURROGATE.search(text)))
    return Problem(
        f"{name}, text {row + 1:,}",
        f"it, or its label, holds half a character: the lone surrogate U+{ord(half[0]):04X}.",
        "Remove it, or write the character whole; it was cut when the text was made.",
    )


def _columns(rows: Rows | Labelled, span_labels: dict[str, int] | None = None) -> dict[str, Ragged]:
    each = np.arange(len(rows.texts) + 1)
    if not isinstance(rows, Rows):
        return {"text": rows.texts, "line": Ragged(rows.line + each[:-1], each)}
    columns = {
        "text": _bytes([text.encode("utf-8") for text in rows.texts]),
        "line": Ragged(np.array(rows.lines, np.int64), each),
    }
    if rows.tokens is not None and rows.spans is not None and span_labels is not None:
        numbered = (
            [(start, end, span_labels.setdefault(label, len(span_labels))) for start, end, label in spans]
            for spans in rows.spans
        )
        columns["token"] = Ragged.of((np.array(t, np.int32).ravel() for t in rows.tokens), np.int32)
        columns["span"] = Ragged.of((np.array(s, np.int32).ravel() for s in numbered), np.int32)
    if rows.arounds is not None:
        columns["around"] = _bytes([json.dumps(around).encode() for around in rows.arounds])
    if rows.answers is not None:
        columns["answer"] = Ragged.of((np.array(a, np.int32).ravel() for a in rows.answers), np.int32)
    if rows.seconds is not None:
        columns["second"] = _bytes([text.encode("utf-8") for text in rows.seconds])
    if rows.negatives is not None:
        columns["negative"] = _bytes([text.encode("utf-8") for text in rows.negatives])
    return columns if rows.starts is None else columns | {"start": Ragged(np.array(rows.starts), each)}


def _bytes(parts: list[bytes]) -> Ragged:
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    return Ragged(np.frombuffer(b"".join(parts), np.uint8), offsets)


def _fingerprint(source: Source | DocumentSource | ItemSource | ParallelSource) -> dict[str, Any]:
    """What tells that a spooled corpus is still that of its files."""
    try:
        stats = [file.stat() for file in source.files]
    except OSError as error:
        raise Problem(str(source.path), f"the file is gone ({error}).", "Put it back.") from error
    return {
        "path": str(source.path.resolve()),
        "files": [
            [str(file.resolve()), stat.st_size, stat.st_mtime_ns]
            for file, stat in zip(source.files, stats, strict=True)
        ],
        "format": source.format,
        "labels_needed": source.need_label,
        "config": asdict(source.resolved),
    }


def _opened(folder: Path, fingerprint: dict[str, Any], *, fresh: bool = False) -> Corpus | None:
    """The corpus in `folder` if it is whole and has this fingerprint. fresh: it was just written. (Texts that
    are in no file leave no other trace.)"""
    if not (fingerprint["files"] or fresh):
        return None
    try:
        about = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        if about["format_version"] != FORMAT_VERSION or about["fingerprint"] != fingerprint:
            return None
        codes = np.load(folder / "codes.npy", allow_pickle=False)
        store = Store(folder)
        if any(len(column) != len(codes) for column in store.columns.values()):
            return None
    except (OSError, ValueError, KeyError):
        return None
    return Corpus(
        store,
        codes,
        [tuple(labels) for labels in about["label_sets"]],
        name=about["name"],
        unit=about["unit"],
        notes=about["notes"],
        multilabel=about["multilabel"],
        names=about["names"],
        in_order=about["in_order"],
        span_labels=about["span_labels"],
    )


def _unwritable(folder: Path, error: OSError) -> Problem:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Problem(
            str(folder),
            "the disk is full; what was half written is removed again.",
            "Free some space (texts need about the size of their file), or choose another disk with --out.",
        )
    return Problem(
        str(folder), f"it cannot be written ({error}).", "Check its rights, or choose another with --out."
    )
