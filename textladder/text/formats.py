"""One small class per file format. Each has `columns` and streams `rows`: (line, the wanted fields).

A field is a string, None (missing), or a list of strings (a JSON or Parquet list).
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from textladder.errors import Problem, suggest
from textladder.text.delimited import Delimited
from textladder.text.opening import (
    BLOCK_BYTES,
    PACKED,
    SAMPLE_ROWS,
    WARM_UP_BYTES,
    Row,
    at,
    checked,
    lines,
    open_bytes,
    plain_suffix,
)

if TYPE_CHECKING:
    from textladder.text.labelled import Labelled

TEXT, LABEL = "text", "label"  # the names of the columns in formats that have none


class Reader(Protocol):
    path: Path
    columns: list[str]
    notes: list[str]
    unit: str  # what `where` counts: "" for lines, "row " for Parquet
    blank_lines: int  # skipped in the last pass

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]: ...


class JsonLines:
    """One JSON object a line. Numbers are kept as they are written."""

    unit = ""

    def __init__(self, path: Path) -> None:
        self.path, self.blank_lines = path, 0
        self.notes: list[str] = []
        names: dict[str, None] = {}
        for _, record in islice(self._records(), SAMPLE_ROWS):
            names.update(dict.fromkeys(record))
        self.columns = list(names)

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        for line, record in self._records():
            yield line, [_plain(record.get(name)) for name in wanted]

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        # NaN is how some exporters write a missing value.
        decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: None)
        self.blank_lines = 0
        for line, text in lines(self.path):
            if not text.strip():
                self.blank_lines += 1
                continue
            try:
                record = decoder.decode(text)
            except (ValueError, RecursionError) as error:
                said = (
                    f"{error.msg}, character {error.pos + 1}"
                    if isinstance(error, json.JSONDecodeError)
                    else error
                )
                raise Problem(
                    at(self.path, line),
                    f"this line is not JSON ({said}).",
                    "Put one whole JSON object on each line.",
                ) from error
            if not isinstance(record, dict):
                raise Problem(
                    at(self.path, line),
                    f"this line is a JSON {_kind(record)}, not an object.",
                    'Write one object a line, {"text": ..., "label": ...}; '
                    "jq -c '.[]' does it for a file that is one array.",
                )
            yield line, record


def _kind(value: Any) -> str:
    kinds = {list: "array", str: "string or number", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "value")


def _plain(value: Any) -> Any:
    """A JSON or Parquet value as a field."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    return str(value) if isinstance(value, (int, float)) else value


class Parquet:
    """Parquet, one batch of rows in memory at a time. Places are rows, counted from 1. What is packed again
    by gzip or zstd is unpacked once, into a temporary file: Parquet is not read from its beginning to its
    end."""

    unit = "row "

    def __init__(self, path: Path) -> None:
        self.path, self.blank_lines = path, 0
        self.notes: list[str] = []
        self._content: Path | IO[bytes] = _unpacked(path) if path.suffix.lower() in PACKED else path
        self.columns = list(self._open().schema_arrow.names)

    def _open(self) -> Any:
        import pyarrow
        import pyarrow.parquet

        try:
            return pyarrow.parquet.ParquetFile(self._content)
        except (pyarrow.ArrowException, OSError) as error:
            raise Problem(
                str(self.path),
                f"this is not a whole Parquet file ({_first(error)}).",
                "Write or copy it again.",
            ) from error

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        import pyarrow

        row = 1
        file = self._open()
        try:
            for batch in file.iter_batches(batch_size=4096, columns=list(wanted)):
                columns = [[_plain(value) for value in batch.column(name).to_pylist()] for name in wanted]
                yield from enumerate(zip(*columns, strict=True), row)
                row += batch.num_rows
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise Problem(
                f"{self.path}, after row {row - 1:,}",
                f"the data cannot be read ({_first(error)}).",
                "Write it again.",
            ) from error


def _unpacked(path: Path) -> IO[bytes]:
    """The content of a packed file, as a file without a name that is gone when it is closed."""
    content = tempfile.TemporaryFile()  # noqa: SIM115 (open as long as its reader)
    try:
        with open_bytes(path) as packed:
            shutil.copyfileobj(packed, content, BLOCK_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(
            str(path), f"the file cannot be unpacked ({_first(error)}).", "Copy or compress it again."
        ) from error
    return content


def _first(error: BaseException) -> str:
    return str(error).split("\n", 1)[0].rstrip(".")


class FastText:
    """fastText's supervised format: `__label__a __label__b the text`, labels first."""

    unit, prefix = "", "__label__"

    def __init__(self, path: Path) -> None:
        self.path, self.blank_lines = path, 0
        self.notes: list[str] = []
        self.columns = [TEXT, LABEL]

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        self.blank_lines = 0
        for line, text in lines(self.path):
            yield from self._row(line, text, wanted)

    def pieces(self, wanted: Sequence[str], most: int) -> Iterator[Iterable[Row] | Labelled]:
        """What `rows` gives, in its order; of plain lines, `most` rows or fewer at a time."""
        if list(wanted) != self.columns or self.path.stat().st_size < WARM_UP_BYTES:
            yield self.rows(wanted)
            return
        from textladder.text.labelled import plain_lines

        self.blank_lines = 0
        for line, block, _ in checked(self.path):
            at = 0
            while at < len(block):
                found, at = plain_lines(block, at, line, most)
                if found is not None:
                    yield found
                    line += len(found.numbers)  # noqa: PLW2901 (the line that `at` has come to)
                    continue
                end = block.find(b"\n", at) + 1 or len(block)
                text = block[at:end].decode("utf-8").removesuffix("\n").removesuffix("\r")
                yield self._row(line, text, wanted)
                line, at = line + 1, end  # noqa: PLW2901

    def _row(self, line: int, text: str, wanted: Sequence[str]) -> list[Row]:
        """The row of a line; none if it is blank."""
        labels = []
        rest = text.lstrip()
        if not rest:
            self.blank_lines += 1
            return []
        while rest.startswith(self.prefix):
            word, *after = rest.split(None, 1)
            labels.append(word.removeprefix(self.prefix))
            rest = after[0] if after else ""
        fields = {TEXT: rest, LABEL: labels or None}
        return [(line, [fields[name] for name in wanted])]


class PlainText:
    """One text a line, without labels. An empty line is an empty text: answers line up with the file."""

    unit = ""

    def __init__(self, path: Path) -> None:
        self.path, self.blank_lines = path, 0
        self.notes: list[str] = []
        self.columns = [TEXT]

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        return ((line, [text] * len(wanted)) for line, text in lines(self.path))


ENDINGS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".ft": "fasttext",
    ".fasttext": "fasttext",
}
TAGGED = (".conll", ".conllu", ".iob", ".bio")  # endings of files that hold nothing but tagged tokens
TOKENS = ("conll", "conllu")  # of sentences, a token a line: what a comment says of one can be its label
FORMATS = ("csv", "tsv", "jsonl", "parquet", "fasttext", "text", *TOKENS)


def format_of(path: Path, given: str | None) -> str:
    """The format by what was given, else the ending, else the first bytes."""
    if given is not None:
        if given not in FORMATS:
            raise Problem("--set data.format", f"there is no format {given!r}.", suggest(given, FORMATS))
        return given
    if ending := ENDINGS.get(plain_suffix(path)):
        return ending
    if plain_suffix(path) in TAGGED:
        from textladder.text import sentences

        return sentences.format_of(path, None)
    with open_bytes(path) as file:
        try:
            head = bytes(file.read(4096)).lstrip(b"\xef\xbb\xbf \r\n")
        except (OSError, EOFError, zlib.error):  # the reader itself will say so, with the line
            head = b""
    first = head.split(b"\n", 1)[0]
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"__label__"):
        return "fasttext"
    if head.startswith(b'{"'):
        return "jsonl"
    if plain_suffix(path) == ".txt":
        return "text"
    return "tsv" if b"\t" in first else "csv" if b"," in first or b";" in first else "text"


def open_reader(
    path: Path,
    format: str,
    delimiter: str | None = None,
    quotes: bool | None = None,
    header: bool | None = None,
) -> Reader:
    """The reader of one format (a name of FORMATS) for a file."""
    if format in {"csv", "tsv"}:
        return Delimited(path, delimiter or ("\t" if format == "tsv" else None), quotes, header)
    if format in TOKENS:
        from textladder.text.conll import CommentedSentences

        return CommentedSentences(path, format)
    makers: dict[str, type[Any]] = {
        "jsonl": JsonLines,
        "parquet": Parquet,
        "fasttext": FastText,
        "text": PlainText,
    }
    return makers[format](path)
