"""Files of one token a line, a blank line after each sentence: CoNLL columns and CoNLL-U. A line -DOCSTART-,
or a comment "# newdoc", begins a document.

CoNLL-2003: https://aclanthology.org/W03-0419. CoNLL-U: https://universaldependencies.org/format.html.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path

from textladder.errors import Problem, suggest
from textladder.text.opening import lines
from textladder.text.reading import DataConfig
from textladder.text.sentences import ColumnSource, Tagged

DOCUMENT = "-DOCSTART-"
COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
Lines = list[tuple[int, str]]


class _Blocks(ColumnSource):
    """What both have: sentences between blank lines, comments apart."""

    def blocks(self) -> Iterator[tuple[Lines, int]]:
        """(lines of tokens, line where the sentence begins), without comments."""
        self.left_out, self.document = {}, 0
        tokens: Lines = []
        comments = 0
        for number, line in lines(self.path):
            if line.strip():
                if self.is_comment(line, bool(tokens)):
                    comments += 1
                    self.document += line.removeprefix("#").split()[:1] == ["newdoc"]
                    self.count("{} lines of comment (#) are no tokens.")
                else:
                    tokens.append((number, line))
                continue
            if tokens:
                yield tokens, tokens[0][0]
            elif comments:
                self.count("{} sentences without a token were skipped.")
            tokens, comments = [], 0
        if tokens:
            yield tokens, tokens[0][0]
        elif comments:
            self.count("{} sentences without a token were skipped.")

    @abstractmethod
    def is_comment(self, line: str, inside: bool) -> bool: ...


class Conll(_Blocks):
    """Columns apart by tabs, or else by blanks. The token stands in the first, or in that of `data.text`; the
    tag in the last, or in that of `data.label`: numbers from 1 on. -DOCSTART- begins a document."""

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
        self.tag = self._column(config.label, default, "data.label", number)
        if self.tag == 0 and need_label:
            raise Problem(
                self.place(number),
                "the line has one column: there are tokens without tags.",
                "Write token, tab, tag on each line.",
            )
        if self.width > 2:
            self.notes.append(f"Tokens: column {self.token} of {self.width}; tags: column {self.tag}.")

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
        return line.startswith("#") and not inside and len(self._split(line)) != self.width

    def tagged(self) -> Iterator[Tagged]:
        for tokens, _ in self.blocks():
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
            yield Tagged(words, [True] * len(words), tags, tokens[-len(rows)][0], self.document)


class Conllu(_Blocks):
    """Ten columns apart by tabs. The tag is that of `data.label`: upos (if not given), xpos, feats, deprel or
    any other by its name, or one feature as feats.Number.

    A multiword token (1-2) is read as its words; where these put together are its form, no space is put
    between them. Empty nodes (1.1) are no tokens. SpaceAfter=No: no space follows.
    """

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        super().__init__(path, config, format, need_label)
        name, _, self.feature = (config.label or "upos").partition(".")
        if name.lower() not in COLUMNS or (self.feature and name.lower() != "feats"):
            raise Problem(
                "--column", f"CoNLL-U has no column {config.label!r}.", suggest(name.lower(), COLUMNS)
            )
        self.column = COLUMNS.index(name.lower())
        said = f"Tags: column {name}" + (f", feature {self.feature}" if self.feature else "")
        self.notes.append(f"{said} (--column to choose another).")

    def is_comment(self, line: str, inside: bool) -> bool:
        return line.startswith("#")

    def tagged(self) -> Iterator[Tagged]:
        for tokens, line in self.blocks():
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
            if words:
                yield Tagged(words, spaced, tags, line, self.document)
            else:
                self.count("{} sentences without a token were skipped.")

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
