"""Files of texts and labels: what is in `[data]` of a recipe, and `Source`, a file read as examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from textladder.errors import Problem
from textladder.ragged import Around, Example
from textladder.ranges import Count, Seed, Share
from textladder.text.cleaning import PairCleaning
from textladder.text.columns import choose_columns
from textladder.text.formats import TOKENS, Reader, format_of, open_reader
from textladder.text.lacking import Lack
from textladder.text.opening import SAMPLE_ROWS, Row, check_file

if TYPE_CHECKING:
    from textladder.text.labelled import Labelled

LABEL_JOINER = "\x1f"  # ASCII's unit separator: part of no label
BATCH_ROWS = 4096


@dataclass(frozen=True)
class DataConfig:
    """How files are read and split: the `[data]` table of a recipe, and `--set data.NAME=VALUE`."""

    text: str | None = None  # column of the text; None: inferred, and said
    second: str | None = None  # pairs: column of the second text; None: inferred, and said
    negative: str | None = None  # embed: column of a third text, not close to the first; None: "negative"
    label: str | None = None  # column of the label (of the tags); None: inferred, and said
    label_separator: str | None = (
        None  # between several labels of a text; None: inferred; "": one label per text
    )
    format: str | None = (
        None  # csv tsv jsonl parquet fasttext text conll conllu, squad (span); None: found out
    )
    delimiter: str | None = None  # of a CSV; None: the one of , ; and tab that cuts the head into even rows
    quotes: bool | None = (
        None  # CSV, TSV: may double quotes enclose a field? None: yes; in a TSV if its head parses
    )
    header: bool | None = None  # CSV, TSV: does line 1 hold the names? None: by what it looks like
    # A row without a label: a Problem; left out and counted; or kept (of several labels, none applies).
    unlabelled: Literal["error", "drop", "keep"] = "error"
    # A class with one text: a Problem; left out and counted; or kept (it is trained on, never tested).
    rare: Literal["error", "drop", "keep"] = "error"
    # Pairs: a row with an empty text: a Problem; left out and counted; or kept.
    empty: Literal["error", "drop", "keep"] = "error"
    # Pairs of the training file: the longer text's characters over the shorter one's, above which a pair is
    # left out and counted; 0: none is
    max_ratio: float = 0.0
    duplicates: Literal["keep", "drop"] = (
        "keep"  # a text that was there before: kept in the same part, or left out
    )
    # Language models, plain text: what one document is. file: the text runs on to the end of the file.
    documents: Literal["file", "blank-line", "line"] = "file"
    # Tagging: a span that lies on no whole tokens: a Problem; moved to the nearest; or left out and counted.
    # Answers that do not stand in their passage where the file says: the same, but see `misplaced_share`.
    misplaced: Literal["error", "snap", "drop"] = "error"
    context: Count = 0  # Tagging: tokens of its document, before and after, that a sentence is read with
    misplaced_share: Share = 0.01  # of answers, up to which they are left out and no Problem (error)
    dev_share: float = 0.1  # of the texts, if no dev file is given
    test_share: float = 0.2  # of the texts, if no test file is given
    split_seed: Seed = 0  # of the split; runs with other training seeds share it

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n\0'):
            raise Problem(
                "data.delimiter", f"{self.delimiter!r} is not one character.", "Give one, such as ';'."
            )
        if not (self.max_ratio == 0 or self.max_ratio >= 1):
            what = f"{self.max_ratio} is no ratio of the longer text to the shorter."
            raise Problem("data.max_ratio", what, "Give a number from 1 on, or 0 to leave nothing out.")
        shares = (self.dev_share, self.test_share)
        if not all(0 <= share < 1 for share in shares) or sum(shares) >= 1:
            raise Problem(
                "data.dev_share, data.test_share",
                f"{self.dev_share} and {self.test_share} leave nothing to train on.",
                "Give two shares between 0 and 1 whose sum is under 1.",
            )


class Rows(NamedTuple):
    """Some rows of a source, column by column."""

    texts: list[str]
    targets: list[tuple[str, ...]]
    lines: list[int]
    starts: list[bool] | None = None  # of blocks (`documents`): whether a document begins with this one
    tokens: list[Sequence[tuple[int, int]]] | None = None  # of sentences (`sentences`), in characters
    spans: list[Sequence[tuple[int, int, str]]] | None = None
    seconds: list[str] | None = None  # the other text of each row, where rows have two
    negatives: list[str] | None = None  # a third one
    answers: list[Sequence[tuple[int, int]]] | None = None  # of questions (`questions`), in characters
    arounds: list[Around | None] | None = None  # of sentences (`context`)


class Source:
    """A file read as examples: may be iterated again and again, and holds one batch of rows at a time.

    path: the file. format: one of FORMATS. text_column, second_column (None: one text a row), negative_column
    (None: no third text), label_column (None: no labels), label_separator ("": one label per text, or lists).
    notes: what was inferred, in sentences. After a pass: `dropped`, rows left out for want of a label or of a
    text; `blank_lines`, empty lines, which CSV, JSONL and fastText files skip.
    """

    in_order = False  # see `documents.DocumentSource`

    def __init__(
        self,
        path: Path,
        config: DataConfig,
        reader: Reader,
        format: str,
        *,
        need_label: bool,
        pairs: bool = False,
        matches: bool = False,
        labelled: bool = True,
    ) -> None:
        self.path, self.config, self.format, self._reader = path, config, format, reader
        self.files, self.names = [path], [path.name]
        self.need_label, self.matches = need_label, matches
        sample: dict[str, list[Any]] = {name: [] for name in reader.columns}
        for _, row in islice(reader.rows(reader.columns), SAMPLE_ROWS):
            for name, value in zip(reader.columns, row, strict=True):
                sample[name].append(value)
        if not any(sample.values()):
            raise Problem(
                str(path),
                f"there is no row after the header ({', '.join(reader.columns)})."
                if reader.columns
                else "the file holds no row.",
                "Give a file with one text on each row.",
            )
        chosen = choose_columns(
            str(path),
            reader.columns,
            sample,
            text=config.text,
            second=config.second,
            negative=config.negative,
            label=config.label,
            separator=config.label_separator,
            need_label=need_label,
            pairs=pairs,
            matches=matches,
            labelled=labelled,
        )
        self.text_column, self.second_column, self.negative_column = (
            chosen.text,
            chosen.second,
            chosen.negative,
        )
        self.label_column, self.label_separator = chosen.label, chosen.separator
        said = f"{path.name} is read as {format}." if config.format is None else None
        self.notes: list[str] = [*([said] if said else []), *reader.notes, *chosen.notes]
        self.blank_lines, self._lacks = 0, list[Lack]()

    @property
    def dropped(self) -> int:
        return sum(lack.count for lack in self._lacks)

    @property
    def resolved(self) -> DataConfig:
        """The config with the columns that were found: opens the dev and test files of the same data."""
        separator = self.label_separator if self.label_column is not None else self.config.label_separator
        return replace(
            self.config,
            text=self.text_column,
            second=self.second_column,
            negative=self.negative_column,
            label=self.label_column,
            label_separator=separator,
        )

    @property
    def unit(self) -> str:
        """What stands before the number in `where`: nothing for lines, "row " for Parquet."""
        return self._reader.unit

    def __iter__(self) -> Iterator[Example]:
        place = f"{self.path.name}:{self.unit}"
        for rows in self.batches():
            each = (texts for texts in (rows.texts, rows.seconds, rows.negatives) if texts is not None)
            for texts, target, line in zip(zip(*each, strict=True), rows.targets, rows.lines, strict=True):
                yield Example(texts, target, f"{place}{line}")

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]:
        """The rows, `size` at a time. Raises a Problem naming file and line for the first row that is wrong.

        Rows without a label are counted to the end of the file, so that the Problem says how many there are.
        """
        for piece in self._read([self._reader.rows(self._wanted)], size):
            assert isinstance(piece, Rows), "a reader's rows are given as rows"
            yield piece

    def parts(self, size: int = BATCH_ROWS) -> Iterator[Rows | Labelled]:
        """What `batches` gives, where a format has a faster way some of it as `Labelled`."""
        faster = getattr(self._reader, "pieces", None)
        if faster is None or self.label_separator:
            return self.batches(size)
        return self._read(faster(self._wanted, size), size)

    @property
    def _wanted(self) -> list[str]:
        columns = (self.text_column, self.second_column, self.negative_column, self.label_column)
        return [name for name in columns if name is not None]

    def _fresh(self) -> Rows:
        return Rows(
            *([], [], []),
            seconds=None if self.second_column is None else [],
            negatives=None if self.negative_column is None else [],
        )

    def _read(self, pieces: Iterable[Iterable[Row] | Labelled], size: int) -> Iterator[Any]:
        label_policy = self.config.unlabelled if self.need_label or self.matches else "keep"
        unlabelled = Lack("unlabelled", label_policy, "without a label", "have no label")
        names = [self.text_column, self.second_column, self.negative_column]
        names = [name for name in names if name is not None]
        cleaning = PairCleaning(self.config, list(map(repr, names)))
        self._lacks = [unlabelled, *cleaning.lacks]
        targets_of = self._targets()
        labelled, second = self.label_column is not None, self.second_column is not None
        rows, seen = self._fresh(), 0
        for piece in pieces:
            if hasattr(piece, "numbers"):  # Labelled: nothing is missing
                seen += len(piece.numbers)
                if not unlabelled.wrong:
                    if rows.lines:
                        yield rows
                    yield piece
                rows = self._fresh()
                continue
            for line, fields in piece:
                seen += 1
                text = fields[0]
                if not isinstance(text, str) or not text.isascii():
                    self._check_text(self.text_column, text, line)
                if second:
                    several = fields[: len(names)]
                    for name, other in zip(names[1:], several[1:], strict=True):
                        self._check_text(name, other, line)
                    if cleaning.leaves_out(line, *several):
                        continue
                target = targets_of(fields[-1], line) if labelled else ()
                if target is None:
                    if unlabelled.leaves_out(line, "the label"):
                        continue
                    target = ()
                rows.texts.append(text)
                rows.targets.append(target)
                rows.lines.append(line)
                if rows.seconds is not None:
                    rows.seconds.append(fields[1])
                if rows.negatives is not None:
                    rows.negatives.append(fields[2])
                if len(rows.lines) >= size:
                    if not any(lack.wrong for lack in self._lacks):
                        yield rows
                    rows = self._fresh()
        self.blank_lines = self._reader.blank_lines
        for lack in self._lacks:
            if lack.wrong:
                raise lack.problem(self.place, self.unit or "line ", seen)
        if rows.lines:
            yield rows

    def report(self) -> list[str]:
        """What the last pass left out, in sentences."""
        said = [lack.line(self.unit or "line ") for lack in self._lacks if lack.count]
        if self.blank_lines:
            said.append(f"{self.blank_lines:,} blank lines were skipped.")
        return said

    def place(self, line: int) -> str:
        return f"{self.path}, {self.unit or 'line '}{line:,}"

    def _check_text(self, column: str | None, text: Any, line: int) -> None:
        if not isinstance(text, str):
            found = "missing" if text is None else f"not a string but {type(text).__name__}"
            raise Problem(
                self.place(line),
                f"{column!r} is {found}.",
                "Give every row a text, or remove the row.",
            )
        self._check_whole(column, text, line)

    def _check_whole(self, column: str | None, text: str, line: int) -> None:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            index = error.start
            raise Problem(
                self.place(line),
                f"{column!r} holds half a character: "
                f"the lone surrogate U+{ord(text[index]):04X}, character {index + 1}.",
                "Remove it, or write the character whole; it was cut when the file was made.",
            ) from error

    def _targets(self) -> Callable[[Any, int], tuple[str, ...] | None]:
        """A function from a label field to its labels (None: there is none). Every value is checked once."""
        known: dict[str, tuple[str, ...] | None] = {}
        separator = self.label_separator

        def checked(labels: tuple[str, ...], line: int) -> tuple[str, ...]:
            for label in labels:
                if LABEL_JOINER in label:
                    raise Problem(
                        self.place(line),
                        f"the label {label!r} holds a control character.",
                        "Remove it from the label.",
                    )
                self._check_whole(self.label_column, label, line)
            return tuple(dict.fromkeys(labels))

        def targets(value: Any, line: int) -> tuple[str, ...] | None:
            if isinstance(value, str):
                if value not in known:
                    if len(known) > 1_000_000:  # labels do not vary so; do not remember them all
                        known.clear()
                    parts = value.split(separator) if separator else [value]
                    parts = [part for part in parts if part.strip()]
                    known[value] = checked(tuple(parts), line) if parts else None
                return known[value]
            if value is None:
                return None
            if isinstance(value, list) and all(isinstance(item, str) for item in value):
                return checked(tuple(item for item in value if item.strip()), line)
            raise Problem(
                self.place(line),
                f"{self.label_column!r} is neither a string nor a number nor a list of them.",
                'Write the label as a string, or several as ["a", "b"].',
            )

        return targets


def open_source(
    path: Path | str,
    config: DataConfig | None = None,
    *,
    need_label: bool = True,
    pairs: bool = False,
    matches: bool = False,
    labelled: bool = True,
) -> Source:
    """Opens a file and finds its columns, from its first rows.

    need_label: False for texts to be predicted or looked at: labels are then used where they are plain, and a
    row without one is kept. pairs: each row has two texts. matches: pairs that need no label (where there are
    labels, a row without one is treated as `config.unlabelled` says), and may have a third text. labelled:
    False where no label is looked for. Raises a Problem for whatever is wrong with the file, as far as it was
    read.
    """
    pairs = pairs or matches
    path, config = Path(path), config or DataConfig()
    check_file(path)
    format = format_of(path, config.format)
    reader = open_reader(path, format, config.delimiter, config.quotes, config.header)
    if need_label and not pairs and reader.columns == ["text"] and format in TOKENS:
        raise Problem(
            str(path),
            "no comment says anything of a sentence.",
            "Write a line such as # intent = flight before each. (Tags of tokens are learned by --task tag.)",
        )
    if need_label and not pairs and reader.columns == ["text"] and format == "text":
        raise Problem(
            str(path),
            "plain text has no labels.",
            "Give a CSV, TSV, JSONL or Parquet file with text and label, or lines of __label__NAME TEXT; for "
            "a language model of this text: --task language.",
        )
    return Source(
        path, config, reader, format, need_label=need_label, pairs=pairs, matches=matches, labelled=labelled
    )
