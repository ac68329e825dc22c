"""What is in a corpus, before anything is trained on it: counts, lengths, copies, oddities, leakage."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.text.corpus import Corpus
from textladder.text.leakage import Leakage, find_copies, find_leakage, text_keys
from textladder.text.reading import Source
from textladder.text.sides import Sides, look_at_sides
from textladder.text.tokenizing import UNKNOWN, Tokenizer, TokenizerConfig

if TYPE_CHECKING:
    from rich.console import Console

QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
NEAR_ROWS = 200_000  # more are not compared with each other; the report says so
RARE = 10  # a class with fewer texts is named
PLURALS = {"whitespace": "tokens", "bpe": "subwords"}  # of units; of the others with an s
IMBALANCE = 10  # the largest class over the smallest; from here on it is said
SIDES = " / "  # between the texts of a pair
EXAMPLES_PER_LABEL, EXAMPLE_LABELS, EXAMPLE_CHARACTERS = 2, 30, 100

ODDITIES = {
    "replacement character U+FFFD (bytes were lost)": re.compile("\ufffd"),
    "control characters": re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"),
    "UTF-8 read as Latin-1 ('Ã©' for 'é')": re.compile("[\u00c3\u00c2][\u0080-\u00bf]|\u00e2\u20ac"),
    "private-use characters": re.compile("[\ue000-\uf8ff]"),
    "letters that are not Latin": re.compile("[\u0370-\u1dff\u2c00-\ud7ff\uf900-\ufdff\ufe70-\ufefe]"),
    "HTML tags or entities": re.compile(r"</?[a-zA-Z][^<>]{0,100}>|&(?:[a-zA-Z]{2,8}|#\d{1,6});"),
}
_ANY_ODDITY = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in ODDITIES.values()))


@dataclass(frozen=True)
class Look:
    """What `textladder look` says of a file. Counts are texts unless said otherwise."""

    name: str
    rows: int
    notes: list[str]  # what was inferred and left out
    labels: dict[str, int]  # texts per label, the most frequent first
    multilabel: bool
    unlabelled: int
    empty: int
    characters: dict[str, float]  # quantiles of the length: "0", "0.25", ..., "1"
    units: dict[str, float]
    units_are: str  # "word"
    max_length: int  # units that a model sees of a text
    too_long: int  # texts of more units
    cut_share: float  # share of all units that lie beyond max_length
    vocabulary: int  # distinct units that come often enough to be kept
    unknown_share: float  # share of the units of `unknown_in` that are not in the vocabulary of the rest
    unknown_in: str
    copies: Leakage  # texts that repeat an earlier one
    shared: dict[str, Leakage] = field(default_factory=dict)  # "dev", "test": their texts that stand here too
    unseen_labels: dict[str, list[str]] = field(default_factory=dict)  # of dev and test
    oddities: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[tuple[str, str]]] = field(
        default_factory=dict
    )  # label: (where, beginning of the text)
    sides: Sides | None = None  # of pairs

    def to_dict(self) -> dict[str, Any]:
        """As JSON writes it."""
        shared = {name: leakage.to_dict() for name, leakage in self.shared.items()}
        sides = None if self.sides is None else self.sides.to_dict()
        whole = {**vars(self), "copies": self.copies.to_dict(), "shared": shared, "sides": sides}
        return whole | {"warnings": self.warnings()}

    def warnings(self) -> list[str]:
        """What to heed before training, in sentences."""
        said = []
        counts = self.labels
        if len(counts) == 1:
            said.append(f"There is one class only, {next(iter(counts))!r}: nothing can be learned.")
        if rare := [label for label, number in counts.items() if number < RARE]:
            names = ", ".join(f"{label!r} ({counts[label]})" for label in rare[:5])
            said.append(f"{_of(len(rare), 'class')} with fewer than {RARE} texts: {names}{_more(rare)}.")
        if len(counts) > 1 and (ratio := max(counts.values()) / min(counts.values())) >= IMBALANCE:
            said.append(
                f"The largest class has {ratio:,.0f} times the texts of the smallest: "
                "look at macro F1, not accuracy."
            )
        for group in _variants(counts):
            said.append(f"Labels that differ by case or white space only: {', '.join(map(repr, group))}.")
        if self.unlabelled:
            some = f"{_of(self.unlabelled, 'text')} without a label."
            none = "No text has a label: a language model or word vectors can be trained, no classifier."
            said.append(some if counts else none)
        if self.empty:
            said.append(f"{_of(self.empty, 'empty text')}.")
        if self.too_long:
            said.append(
                f"{_of(self.too_long, 'text')} longer than {self.max_length} {self.units_are} units; "
                f"{self.cut_share:.1%} of all units would be cut (tokenizer.max_length, tokenizer.overlong)."
            )
        if self.unknown_share > 0.1:
            said.append(
                f"{self.unknown_share:.1%} of the {self.units_are} units of {self.unknown_in} are not known: "
                "try subwords or characters (--units bpe)."
            )
        row = self.copies.rows_are.removesuffix("s")
        if self.copies.exact:
            said.append(f"{_of(self.copies.exact, row)} repeating an earlier one.")
        if self.copies.contradicting:
            said.append(f"{_of(self.copies.contradicting, row)} repeating an earlier one with another label.")
        if self.copies.near:
            said.append(
                f"{_of(self.copies.near, row)} nearly repeating an earlier one "
                f"(Jaccard similarity at least {self.copies.threshold}; {self.copies.checked:,} compared)."
            )
        for name, labels in self.unseen_labels.items():
            said.append(
                f"Labels of {name} that train has not: {', '.join(map(repr, labels[:5]))}{_more(labels)}."
            )
        for name, leakage in self.shared.items():
            said += leakage.lines("train", name)
        said += [
            f"{_of(number, 'text')} with {oddity}." for oddity, number in self.oddities.items() if number
        ]
        return said

    def lines(self) -> list[str]:
        """The whole report as plain text."""
        said = [f"{self.name}: {self.rows:,} {self.copies.rows_are}", *self.notes, ""]
        if self.labels:
            several = ", several per text" if self.multilabel else ""
            said.append(f"{_of(len(self.labels), 'label')}{several}:")
            width = max(len(label) for label in self.labels)
            said += [
                f"  {label:<{width}}  {number:>9,}  {number / max(self.rows, 1):6.1%}"
                for label, number in list(self.labels.items())[:EXAMPLE_LABELS]
            ]
            if len(self.labels) > EXAMPLE_LABELS:
                said.append(f"  ... and {len(self.labels) - EXAMPLE_LABELS:,} more")
            said.append("")
        heads = ["shortest", "25 %", "median", "75 %", "95 %", "99 %", "longest"]
        said.append("length      " + "".join(f"{head:>10}" for head in heads))
        units = PLURALS.get(self.units_are, f"{self.units_are}s")
        for what, values in (("characters", self.characters), (units, self.units)):
            said.append(f"{what:<12}" + "".join(f"{value:>10,.0f}" for value in values.values()))
        if self.sides is not None:
            said += ["", *self.sides.lines()]
        said += [
            "",
            f"{self.vocabulary:,} {self.units_are} units in the vocabulary; "
            f"{self.unknown_share:.1%} of the units of {self.unknown_in} are not in it.",
        ]
        if warnings := self.warnings():
            said += [
                "",
                "To heed:",
                *(f"- {line}" if not line.startswith(" ") else line for line in warnings),
            ]
        if self.examples:
            said += ["", "Examples:"]
            for label, texts in self.examples.items():
                said += [f"  {label}: {text}  ({where})" for where, text in texts]
        return said

    def render(self, console: Console | None = None) -> None:
        """Prints the report to a terminal; what to heed stands out."""
        from rich.console import Console
        from rich.text import Text

        console = console or Console()
        heed = {f"- {line}" for line in self.warnings()}
        for number, line in enumerate(self.lines()):
            style = "bold" if number == 0 else "yellow" if line in heed else ""
            console.print(Text(line, style=style), soft_wrap=True)


def look(
    train: Source | Corpus,
    *,
    dev: Corpus | None = None,
    test: Corpus | None = None,
    config: TokenizerConfig | None = None,
) -> Look:
    """Looks at a corpus, and at what dev and test share with it.

    A source is spooled to a temporary folder first. Units are those of `config` (default: words), learned
    from the texts; the share that is unknown is counted in dev (or test) if it is given, else in a tenth of
    the texts that is then held out. Memory is a few numbers a row. Raises a Problem for a wrong file.
    """
    if isinstance(train, Source):
        with tempfile.TemporaryDirectory(prefix="textladder-") as folder:
            corpus = Corpus.read(train, Path(folder) / "corpus")
            return look(corpus, dev=dev, test=test, config=config)
    given = {name: part for name, part in (("dev", dev), ("test", test)) if part is not None}
    units = _units(train, config or TokenizerConfig(), given)
    characters, empty, oddities = _characters(train)
    rows = np.arange(len(train))
    notes = list(train.notes)
    if len(rows) > NEAR_ROWS:
        rows = np.linspace(0, len(train) - 1, NEAR_ROWS).astype(np.int64)
        notes.append(f"Copies were looked for among {NEAR_ROWS:,} of the texts, evenly spaced.")
    counts, answers = train.label_counts(), train.store.columns.get("answer")
    bare = [code for code, some in enumerate(train.label_sets) if not some]
    paired = "second" in train.store.columns
    wants_none = answers is not None or (paired and not counts)  # translations have no labels
    unlabelled = 0 if wants_none else int(np.isin(train.label_codes, bare).sum())
    if answers is not None and (unanswered := int((answers.lengths == 0).sum())):
        notes.append(f"{unanswered:,} of {len(train):,} questions have no answer.")
    copies = find_copies(train, rows, near=answers is None)  # questions share their passage
    return Look(
        name=train.name,
        rows=len(train),
        notes=notes,
        labels=dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))),
        multilabel=train.multilabel,
        unlabelled=unlabelled,
        empty=empty,
        characters=_quantiles(characters),
        copies=copies,
        shared={name: find_leakage(train, part) for name, part in given.items()},
        unseen_labels={
            name: unseen
            for name, part in given.items()
            if (unseen := sorted(set(part.label_counts()) - set(counts)))
        },
        oddities={name: number for name, number in oddities.items() if number},
        examples=_examples(train),
        sides=look_at_sides(train, copies) if paired and answers is None else None,
        **units,
    )


def _units(corpus: Corpus, config: TokenizerConfig, given: dict[str, Corpus]) -> dict[str, Any]:
    """Lengths in units, what would be cut, and the share of unknown units."""
    if given:
        train, held_out, name = np.arange(len(corpus)), next(iter(given.values())), next(iter(given))
        unknown_rows = np.arange(len(held_out))
    else:
        # Chosen by the text itself, so that copies of a text are on one side.
        tenth = text_keys(corpus) % np.uint64(10) == 0
        train, unknown_rows = np.flatnonzero(~tenth), np.flatnonzero(tenth)
        held_out, name = corpus, "a tenth of the texts"
    try:
        fitted = Tokenizer.fit(corpus.text_chunks(train), config)
    except Problem:  # too few texts to learn anything from: look says what else there is to say
        fitted = Tokenizer.of_vocabulary([], TokenizerConfig())
    lengths = [fitted.encode(texts).lengths for texts in corpus.text_chunks()]
    units = np.concatenate(lengths) if lengths else np.zeros(0, np.int64)
    unknown = total = 0
    for texts in held_out.text_chunks(unknown_rows):
        ids = fitted.encode(texts).flat
        unknown, total = unknown + int((ids == UNKNOWN).sum()), total + len(ids)
    beyond = np.maximum(units - config.max_length, 0)
    return {
        "units": _quantiles(units),
        "units_are": fitted.config.units,
        "max_length": config.max_length,
        "too_long": int((beyond > 0).sum()),
        "cut_share": float(beyond.sum() / max(units.sum(), 1)),
        "vocabulary": len(fitted),
        "unknown_share": unknown / max(total, 1),
        "unknown_in": name,
    }


def _characters(corpus: Corpus) -> tuple[NDArray[np.int64], int, dict[str, int]]:
    """Length in characters of each text, how many are empty or white space, how many have each oddity."""
    lengths: list[NDArray[np.int64]] = []
    empty, oddities = 0, dict.fromkeys(ODDITIES, 0)
    for text_chunk in _strings(corpus):
        lengths.append(np.array([len(text) for text in text_chunk], np.int64))
        for text in text_chunk:
            empty += not text or text.isspace()
            if _ANY_ODDITY.search(text):
                for name, pattern in ODDITIES.items():
                    oddities[name] += pattern.search(text) is not None
    return (np.concatenate(lengths) if lengths else np.zeros(0, np.int64)), empty, oddities


def _strings(corpus: Corpus) -> Iterator[list[str]]:
    for texts in corpus.text_chunks():
        yield [texts.string(i) for i in range(len(texts))]


def _quantiles(values: NDArray[np.int64]) -> dict[str, float]:
    if not len(values):
        return {f"{q:g}": 0.0 for q in QUANTILES}
    # "lower": a length that some text has.
    found = np.quantile(values, QUANTILES, method="lower")
    return {f"{q:g}": float(value) for q, value in zip(QUANTILES, found, strict=True)}


def _examples(corpus: Corpus) -> dict[str, list[tuple[str, str]]]:
    """The first texts of each label."""
    found: dict[str, list[tuple[str, str]]] = {}
    labels = sorted(corpus.label_counts().items(), key=lambda item: (-item[1], item[0]))[:EXAMPLE_LABELS]
    for label, _ in labels:
        codes = [code for code, some in enumerate(corpus.label_sets) if label in some]
        rows = np.flatnonzero(np.isin(corpus.label_codes, codes))[:EXAMPLES_PER_LABEL]
        found[label] = [(e.where, _beginning(SIDES.join(e.texts))) for e in corpus.examples(rows)]
    return found


def _beginning(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= EXAMPLE_CHARACTERS else plain[: EXAMPLE_CHARACTERS - 3] + "..."


def _variants(labels: Sequence[str] | dict[str, int]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault("".join(label.casefold().split()), []).append(label)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def _of(number: int, noun: str) -> str:
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def _more(items: Sequence[Any]) -> str:
    return f" and {len(items) - 5:,} more" if len(items) > 5 else ""
