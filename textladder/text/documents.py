"""Text that runs on, as blocks: what a language model is trained and judged on, however long the file.

A document is a file, or what stands between blank lines, or a line (`data.documents`); in files of rows
(CSV, JSONL, ...) each text is one. A block is a stretch of a document of about BLOCK_CHARACTERS, cut after a
line or before a word: put together, the blocks of a document are the document, to the last character.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textladder.text.formats import format_of
from textladder.text.opening import blocks, check_file, lines
from textladder.text.reading import BATCH_ROWS, DataConfig, Rows, Source, open_source

BLOCK_CHARACTERS = 1000


class DocumentSource:
    """A file of plain text read as blocks; for `Corpus.read`, what `Source` is for rows."""

    label_separator = ""
    label_column = None
    need_label = False
    unit = ""

    def __init__(self, path: Path, config: DataConfig) -> None:
        self.path, self.config, self.format = path, config, "text"
        said = {
            "file": "as one document",
            "blank-line": "as documents between blank lines",
            "line": "as one document a line",
        }
        self.notes = [f"{path.name} is read {said[config.documents]} (data.documents)."]

    @property
    def resolved(self) -> DataConfig:
        return self.config

    def report(self) -> list[str]:
        return []

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]:
        rows = _empty()
        for text, line, starts in self._blocks():
            rows.texts.append(text)
            rows.targets.append(())
            rows.lines.append(line)
            assert rows.starts is not None
            rows.starts.append(starts)
            if len(rows.lines) >= size:
                yield rows
                rows = _empty()
        if rows.lines:
            yield rows

    def _blocks(self) -> Iterator[tuple[str, int, bool]]:
        """(text, line, whether a document begins)"""
        whole = self.config.documents == "file"
        for n, (line, text) in enumerate(blocks(self.path) if whole else self._documents()):
            starts, at = n == 0 or not whole, line
            for block in cut(text):
                yield block, at, starts
                starts, at = False, at + block.count("\n")

    def _documents(self) -> Iterator[tuple[int, str]]:
        """(first line, text) of documents of lines."""
        held: list[str] = []
        begin = 0
        for line, text in lines(self.path):
            if text.strip():
                begin = begin if held else line
                held.append(text)
            if held and (not text.strip() or self.config.documents == "line"):
                yield begin, "\n".join(held)
                held = []
        if held:
            yield begin, "\n".join(held)


def open_documents(path: Path | str, config: DataConfig) -> Source | DocumentSource:
    """A file as texts for a language model. Raises Problem for whatever is wrong with it."""
    path = Path(path)
    check_file(path)
    if format_of(path, config.format) == "text":
        return DocumentSource(path, config)
    return open_source(path, config, need_label=False)


def cut(text: str, size: int = BLOCK_CHARACTERS) -> Iterator[str]:
    """A text as blocks of at most `size` characters: each ends after its last line end, or before its last
    space, or where it must."""
    start = 0
    while len(text) - start > size:
        end = text.rfind("\n", start, start + size) + 1
        if end <= start:
            end = text.rfind(" ", start + 1, start + size)
        if end <= start:
            end = start + size
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def _empty() -> Rows:
    return Rows([], [], [], [])
