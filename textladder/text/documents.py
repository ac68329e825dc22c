"""Text that runs on, as documents and blocks: what a language model is trained and judged on, however long.

A document is a file, or what stands between blank lines, or a line (`data.documents`); in files of rows
(CSV, JSONL, ...) each text is one, and may have a label. A block is a stretch of about BLOCK_CHARACTERS of a
document (`cutting`): put together, the blocks of a document are the document, to the last character.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from textladder.errors import Problem
from textladder.text.corpus import LINE_BITS
from textladder.text.cutting import Piece, blocks_of
from textladder.text.formats import ENDINGS, format_of
from textladder.text.normalizing import SURROGATE
from textladder.text.opening import blocks, check_file, plain_suffix
from textladder.text.reading import BATCH_ROWS, DataConfig, Rows, open_source

NAMED = 3  # files that a note names

READ_AS = {
    "file": "as one document",
    "blank-line": "as documents between blank lines",
    "line": "as one document a line",
}
Paths = str | Path | Sequence[str | Path]


class DocumentSource(ABC):
    """Documents as blocks; for `Corpus.read`, what `Source` is for rows.

    path: what was given. files: those that are read (none: texts in memory); names: what messages call them.
    in_order: the documents are one text, so that what is held out should be its end. After a pass:
    `blank_lines` and `empty`, lines and texts without a character but white space, which are skipped.
    """

    need_label = False
    unit = label_separator = ""
    in_order = False
    count_lines = True

    def __init__(self, path: Path, names: Sequence[str], config: DataConfig, format: str) -> None:
        self.path = path if path.name else path.resolve()
        self.names, self.config, self.format = list(names), config, format
        self.files: list[Path] = []
        self.notes: list[str] = []
        self.blank_lines = self.empty = 0
        self._without_text: list[str] = []

    @property
    def resolved(self) -> DataConfig:
        return self.config

    @abstractmethod
    def pieces(self, number: int) -> Iterator[Piece]:
        """The documents of file `number`."""

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]:
        """The blocks, `size` at a time. Raises Problem for the first thing that is wrong, or without text."""
        self.blank_lines = self.empty = 0
        self._without_text = []
        rows, starts, made = Rows([], [], [], []), list[bool](), 0
        for number, name in enumerate(self.names):
            before = made
            for block in blocks_of(self.pieces(number), count_lines=self.count_lines):
                rows.texts.append(block.text)
                rows.targets.append(block.labels)
                rows.lines.append((number << LINE_BITS) + block.line)
                starts.append(block.starts)
                made += 1
                if len(starts) >= size:
                    yield rows._replace(starts=starts)
                    rows, starts = Rows([], [], [], []), []
            if made == before:
                self._without_text.append(name)
        if not made:
            raise Problem(
                str(self.path), "there is no text in it but white space.", "Give text to learn from."
            )
        if starts:
            yield rows._replace(starts=starts)

    def report(self) -> list[str]:
        """What the last pass left out, in sentences."""
        said = []
        if self.blank_lines:
            said.append(f"{self.blank_lines:,} blank lines were skipped.")
        if self.empty:
            said.append(f"{self.empty:,} texts that are empty, or white space only, were skipped.")
        if self._without_text:
            more = len(self._without_text) - NAMED
            listed = ", ".join(self._without_text[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
            said.append(f"Files without text were skipped: {listed}.")
        return said


class PlainDocuments(DocumentSource):
    """Files of plain text."""

    def __init__(self, path: Path, files: list[Path], names: list[str], config: DataConfig) -> None:
        super().__init__(path, names, config, "text")
        self.files = files
        self.in_order = len(files) == 1 and config.documents != "line"
        what = names[0] if len(files) == 1 else f"Each of {len(files):,} files"
        self.notes.append(f"{what} is read {READ_AS[config.documents]} (data.documents).")

    def pieces(self, number: int) -> Iterator[Piece]:
        whole = self.config.documents == "file"
        return _whole(self.files[number]) if whole else self._of_lines(self.files[number])

    def _of_lines(self, path: Path) -> Iterator[Piece]:
        by_line, inside, end = self.config.documents == "line", False, ""
        for line, text, whole in _lines(path):
            if whole and not text.strip():
                self.blank_lines += 1
                inside, end = False, ""
                continue
            # The end of a line is held back: between two documents it belongs to neither.
            body = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
            yield Piece(end + body, line, not inside)
            end = text[len(body) :]
            inside = not (by_line and end)
            end = end if inside else ""


class RowDocuments(DocumentSource):
    """Texts of files of rows, with their labels if there is a column of them."""

    count_lines = False

    def __init__(self, path: Path, files: list[Path], names: list[str], config: DataConfig) -> None:
        first = open_source(files[0], config, need_label=False)
        super().__init__(path, names, first.resolved, first.format)
        others = [open_source(file, first.resolved, need_label=False) for file in files[1:]]
        self.files, self._sources = files, [first, *others]
        self.unit, self.label_separator = first.unit, first.label_separator
        self.notes += [*first.notes, "Each text is one document."]
        if first.label_column is not None:
            self.notes.append(
                f"A document begins with its label (column {first.label_column!r}): "
                "texts can be generated for a label."
            )

    def pieces(self, number: int) -> Iterator[Piece]:
        source = self._sources[number]
        for rows in source.batches():
            for text, labels, line in zip(rows.texts, rows.targets, rows.lines, strict=True):
                if text.strip():
                    yield Piece(text, line, True, labels)
                else:
                    self.empty += 1
        self.blank_lines += source.blank_lines


class GivenDocuments(DocumentSource):
    """Texts in memory, or as they come: they are read once. labels: those of each text.

    Reading raises Problem for what is not a string or not valid Unicode, and for unequal lengths.
    """

    unit, count_lines = "text ", False

    def __init__(
        self, texts: Iterable[str], labels: Iterable[Sequence[str]] | None = None, name: str = "texts"
    ) -> None:
        super().__init__(Path(name), [name], DataConfig(), "texts")
        self._texts, self._labels = texts, labels

    def pieces(self, number: int) -> Iterator[Piece]:
        name, row = self.names[number], 0
        labels = None if self._labels is None else iter(self._labels)
        for row, text in enumerate(self._texts, 1):
            mine = () if labels is None else next(labels, None)
            if mine is None:
                raise Problem(f"{name}, text {row:,}", "it has no label.", "Give one label for each text.")
            _check(text, f"{name}, text {row:,}")
            if text.strip():
                yield Piece(text, row, True, tuple(mine))
            else:
                self.empty += 1
        if labels is not None and next(labels, None) is not None:
            raise Problem(name, f"{row:,} texts, but more labels.", "Give one label for each text.")


def open_documents(paths: Paths, config: DataConfig) -> DocumentSource:
    """A file, several, or all in a folder (and the folders in it), as texts for a language model; each file
    is at least one document. Raises Problem for whatever is wrong with them."""
    given = [Path(paths)] if isinstance(paths, (str, Path)) else [Path(path) for path in paths]
    if not given:
        raise Problem("files of text", "none is given.", "Give a file, several, or a folder.")
    files, names = _files(given)
    formats = [_format(file, config.format) for file in files]
    rows = next((n for n, format in enumerate(formats) if format != "text"), None)
    text = next((n for n, format in enumerate(formats) if format == "text"), None)
    if rows is not None and text is not None:
        raise Problem(
            str(given[0]),
            f"there are texts and rows together: {names[text]} (text), {names[rows]} ({formats[rows]}).",
            "Name files of one kind, or have all read as text with --set data.format=text",
        )
    made = PlainDocuments if rows is None else RowDocuments
    return made(given[0] if len(given) == 1 else Path(f"{len(files):,} files"), files, names, config)


def _check(text: str, where: str) -> None:
    if not isinstance(text, str):
        raise Problem(where, f"it is {type(text).__name__}, not str.", "Give strings.")
    if not text.isascii() and (half := SURROGATE.search(text)):
        raise Problem(
            where,
            f"it holds half a character: the lone surrogate U+{ord(half[0]):04X}.",
            "Remove it, or write the character whole; it was cut when the text was made.",
        )


def _files(given: list[Path]) -> tuple[list[Path], list[str]]:
    """The files, those in folders in the order of their names, and what they are called."""
    files, names = [], []
    for path in given:
        if not path.is_dir():
            check_file(path)
            files.append(path)
            names.append(path.name)
            continue
        found = []
        for folder, folders, inside in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += [Path(folder, name) for name in inside if not name.startswith(".")]
        if not found:
            raise Problem(str(path), "there is no file in this folder.", "Give a file, or another folder.")
        files += sorted(found)
        names += [str(file.relative_to(path)) for file in sorted(found)]
    return files, names


def _format(path: Path, given: str | None) -> str:
    """As `format_of`; but a comma or a tab in the first line does not make running text a table."""
    if given is None and plain_suffix(path) not in ENDINGS:
        found = format_of(path, None) if path.stat().st_size else "text"
        return found if found in {"parquet", "jsonl", "fasttext"} else "text"
    return format_of(path, given)


def _whole(path: Path) -> Iterator[Piece]:
    """A file as one document; nothing if it holds white space only."""
    held, starts = "", True
    for line, text in blocks(path, whole_lines=False):
        held += text
        if not starts or held.strip():
            yield Piece(held, 1 if starts else line, starts)
            held, starts = "", False


def _lines(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(number, line with its end, whether it is whole) of every line; very long lines come in parts."""
    number, rest, part = 1, "", False  # part: `rest` goes on a line that has been begun
    for first, block in blocks(path, whole_lines=False):
        if rest:  # its line goes on here
            yield number, rest, False
            part, rest = True, ""
        *ended, rest = block.split("\n")
        for number, text in enumerate(ended, first):
            yield number, text + "\n", not part
            part = False
        number = first + len(ended)
    if rest:
        yield number, rest, not part
