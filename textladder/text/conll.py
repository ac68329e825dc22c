"""Files of one token a line, a blank line after each sentence: CoNLL columns and CoNLL-U. A line -DOCSTART-,
or a comment "# newdoc", begins a document.

CoNLL-2003: https://aclanthology.org/W03-0419. CoNLL-U: https://universaldependencies.org/format.html.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path

from textladder.errors import Problem, suggest
from textladder.text.opening import SAMPLE_ROWS, Row, lines
from textladder.text.reading import DataConfig
from textladder.text.schemes import parted
from textladder.text.sentences import ColumnSource, Tagged, rebuilt

DOCUMENT = "-DOCSTART-"
COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
COMMENT = re.compile(r"#\s+(?:newdoc\b|\S+\s+=\s)")  # what can be nothing else
Lines = list[tuple[int, str]]


class _Blocks(ColumnSource):
    """What both have: sentences between blank lines, comments apart."""

    def blocks(self) -> Iterator[tuple[Lines, list[str]]]:
        """(lines of tokens, comments) of each sentence."""
        self.left_out, self.document = {}, 0
        tokens: Lines = []
        comments: list[str] = []
        for number, line in lines(self.path):
            if line.strip():
                if self.is_comment(line, bool(tokens)):
                    comments.append(line)
                    self.document += line.removeprefix("#").split()[:1] == ["newdoc"]
                    self.count("{} lines of comment (#) are no tokens.")
                else:
                    tokens.append((number, line))
                continue
            if tokens:
                yield tokens, comments
            elif comments:
                self.count("{} sentences without a token were skipped.")
            tokens, comments = [], []
        if tokens:
            yield tokens, comments
        elif comments:
            self.count("{} sentences without a token were skipped.")

    @abstractmethod
    def is_comment(self, line: str, inside: bool) -> bool: ...


class Conll(_Blocks):
    """Columns apart by tabs, or else by blanks. The token stands in the first, or in that of `data.text`; the
    tag in the last, or in that of `data.label`: numbers from 1 on. -DOCSTART- begins a document.

    Before the tokens of a sentence a line that begins with # is a comment, unless it has the file's columns
    and, where these stand apart by blanks, a tag that other lines have: then its token is # or begins so."""

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        super().__init__(path, config, format, need_label)
        number, first = next(
            ((n, line) for n, line in lines(path) if line.strip() and not line.startswith("#")), (0, "")
        )
        if not first:
            number, first = next(((n, line) for n, line in lines(path) if line.strip()), (1, ""))
        self.tab = "\t" in first
        self.width = len(self._split(first))
        self.token = self._column(config.text, 1, "data.text", number)
        default = self.width if self.width > 1 else 0
        self.tag = self._column(config.label, default, "data.label", number) if need_label else 0
        if self.tag == 0 and need_label:
            raise Problem(
                self.place(number),
                "the line has one column: there are tokens without tags.",
                "Write token, tab, tag on each line.",
            )
        if self.width > 2:
            tags = f"; tags: column {self.tag}" if self.tag else ""
            self.notes.append(f"Tokens: column {self.token} of {self.width}{tags}.")

    def _column(self, given: str | None, default: int, name: str, line: int) -> int:
        if given is None:
            return default
        if not given.isdecimal() or not 1 <= int(given) <= self.width:
            raise Problem(
                name,
                f"{given!r} is no column of {self.path.name}: line {line:,} has {self.width}.",
                f"Give a number from 1 to {self.width}.",
            )
        return int(given)

    def _split(self, line: str) -> list[str]:
        return line.split("\t") if self.tab else line.split()

    def is_comment(self, line: str, inside: bool) -> bool:
        if inside or not line.startswith("#"):
            return False
        fields = self._split(line)
        if len(fields) != self.width or self.width == 1 or self.tab:
            return len(fields) != self.width
        if COMMENT.match(line):
            return True
        return not any(parted(field) or field in self._tags for field in self._tags_of(fields))

    def _tags_of(self, fields: list[str]) -> tuple[str, str]:
        """What tells a token from a comment: the column of the tags, and the last one."""
        return fields[self.tag - 1], fields[-1]

    @cached_property
    def _tags(self) -> set[str]:
        """Those of all lines that are no comments for sure. Reads the file once more, where it must."""
        rows = (self._split(line) for _, line in lines(self.path) if not line.startswith("#"))
        return {field for row in rows if len(row) == self.width for field in self._tags_of(row)}

    def tagged(self) -> Iterator[Tagged]:
        for tokens, comments in self.blocks():
            rows = [self._split(text) for _, text in tokens]
            for (number, _), row in zip(tokens, rows, strict=True):
                if len(row) != self.width:
                    raise Problem(
                        self.place(number),
                        f"the number of columns is {len(row)}, in the first line of the file {self.width}.",
                        "Give every token the same columns, and end each sentence with a blank line.",
                    )
                if not row[self.token - 1].strip() or (self.tag and not row[self.tag - 1].strip()):
                    empty = "token" if not row[self.token - 1].strip() else "tag"
                    raise Problem(self.place(number), f"the {empty} is empty.", "Fill it in.")
            if rows[0][self.token - 1] == DOCUMENT:
                self.document += 1
                self.count("{} lines -DOCSTART- begin documents and are no tokens.")
                rows = rows[1:]
                if not rows:
                    continue
            words = [row[self.token - 1] for row in rows]
            tags = [row[self.tag - 1] for row in rows] if self.tag else None
            yield Tagged(words, [True] * len(words), tags, tokens[-len(rows)][0], self.document, comments)


class Conllu(_Blocks):
    """Ten columns apart by tabs. The tag is that of `data.label`: upos (if not given), xpos, feats, deprel or
    any other by its name, or one feature as feats.Number.

    A multiword token (1-2) is read as its words; where these put together are its form, no space is put
    between them. Empty nodes (1.1) are no tokens. SpaceAfter=No: no space follows.
    """

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        super().__init__(path, config, format, need_label)
        name, _, self.feature = ((config.label if need_label else None) or "upos").partition(".")
        if name.lower() not in COLUMNS or (self.feature and name.lower() != "feats"):
            raise Problem(
                "--column", f"CoNLL-U has no column {config.label!r}.", suggest(name.lower(), COLUMNS)
            )
        self.column = COLUMNS.index(name.lower())
        said = f"Tags: column {name}" + (f", feature {self.feature}" if self.feature else "")
        if need_label:
            self.notes.append(f"{said} (--column to choose another).")

    def is_comment(self, line: str, inside: bool) -> bool:
        return line.startswith("#")

    def tagged(self) -> Iterator[Tagged]:
        for tokens, comments in self.blocks():
            words: list[str] = []
            spaced: list[bool] = []
            tags: list[str] = []
            parts, form, after = range(0), "", True  # of the multiword token that is being read
            for number, text in tokens:
                row = text.split("\t")
                if len(row) != len(COLUMNS):
                    raise Problem(
                        self.place(number),
                        f"the line has {len(row)} columns, not {len(COLUMNS)}.",
                        "Give each token the ten columns of CoNLL-U, apart by tabs.",
                    )
                space = "SpaceAfter=No" not in row[9].split("|")
                if "." in row[0]:
                    self.count("{} empty nodes are no tokens.")
                    continue
                if "-" in row[0]:
                    first, _, last = row[0].partition("-")
                    parts = range(self._id(first, number), self._id(last, number) + 1)
                    form, after = row[1], space
                    self.count("{} multiword tokens are read as the words that they stand for.")
                    continue
                here = self._id(row[0], number)
                if here != len(words) + 1:
                    raise Problem(
                        self.place(number),
                        f"the word has number {here}, but {len(words) + 1} is next.",
                        "Number the words of a sentence from 1 on, and end each with a blank line.",
                    )
                if not row[1].strip():
                    raise Problem(self.place(number), "the form is empty.", "Fill it in.")
                words.append(row[1])
                tags.append(self._tag(row[self.column]))
                spaced.append(after if parts and here == parts[-1] else space)
                if parts and here == parts[-1] and "".join(words[parts[0] - 1 :]) == form:
                    spaced[parts[0] - 1 : -1] = [False] * (len(parts) - 1)
            if not self.skipped(words):
                said = tags if self.need_label else None
                yield Tagged(words, spaced, said, tokens[0][0], self.document, comments)

    def _id(self, text: str, line: int) -> int:
        if not text.isdecimal():
            raise Problem(
                self.place(line),
                f"{text!r} is no number of a word.",
                "The first column holds 1, 2, ..., ranges such as 1-2, and empty nodes such as 1.1.",
            )
        return int(text)

    def _tag(self, value: str) -> str:
        if not self.feature:
            return value or "_"
        pairs = dict(pair.partition("=")[::2] for pair in value.split("|"))
        return pairs.get(self.feature, "_")


class CommentedSentences:
    """Sentences as rows (`formats.Reader`): the column "text" is the sentence itself, the others are what
    comments say of it, "# intent = flight" in the column "intent"."""

    unit, blank_lines = "", 0

    def __init__(self, path: Path, format: str) -> None:
        self.path = path
        kind = Conllu if format == "conllu" else Conll
        self._source = kind(path, DataConfig(), format, need_label=False)
        self.notes: list[str] = list(self._source.notes)
        names: dict[str, None] = {"text": None}
        for sentence in islice(self._source.tagged(), SAMPLE_ROWS):
            names.update(dict.fromkeys(_named(sentence.comments)))
        self.columns = list(names)

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        for sentence in self._source.tagged():
            fields = _named(sentence.comments) | {"text": rebuilt(sentence.words, sentence.spaced)[0]}
            yield sentence.line, [fields.get(name) for name in wanted]


def _named(comments: Sequence[str]) -> dict[str, str]:
    """name: value of the comments "# name = value"."""
    parts = (comment.removeprefix("#").partition("=") for comment in comments)
    return {name.strip(): value.strip() for name, equals, value in parts if equals}
