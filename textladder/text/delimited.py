"""CSV and TSV with exact line numbers: the separator, the header, the place where a quote was opened."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.text.columns import known_name
from textladder.text.opening import LIMIT_BYTES, SAMPLE_ROWS, Row, at, blocks, lines, plain_suffix


class Delimited:
    """CSV and TSV: RFC 4180, read strictly (a stray quote is an error, not a guess)."""

    unit = ""

    def __init__(self, path: Path, delimiter: str | None, quotes: bool | None, header: bool | None) -> None:
        self.path, self.blank_lines = path, 0
        self.notes: list[str] = []
        head = next(blocks(path))[1]
        self.delimiter = delimiter or _sniff(path, head)
        # Many TSV files use the quote as an ordinary character: unless told, believe what the head parses as.
        self.quotes = quotes if quotes is not None else self.delimiter != "\t" or _quotes_parse(head)
        with_names = self._records()
        try:
            first = next(with_names)[1]
        except StopIteration:
            raise Problem(
                str(path), "the file holds no row.", "Give a header line and one text a row."
            ) from None
        sample = [row for _, row in islice(with_names, SAMPLE_ROWS)]
        self.has_header = header if header is not None else _is_header(first, sample)
        if not self.has_header:
            self.columns = [f"column{i + 1}" for i in range(len(first))]
            self.notes.append("The file has no header line; its columns are " + ", ".join(self.columns) + ".")
        else:
            self.columns = [name.strip() for name in first]
            twice = sorted({name for name in self.columns if self.columns.count(name) > 1})
            if twice:
                raise Problem(at(path, 1), f"two columns are named {twice[0]!r}.", "Rename one of them.")
        if self.delimiter not in {",", "\t"}:
            self.notes.append(f"Columns are separated by {self.delimiter!r}.")
        if not self.quotes and quotes is None:
            self.notes.append("Quotes are read as ordinary characters (--set data.quotes=true otherwise).")

    def rows(self, wanted: Sequence[str]) -> Iterator[Row]:
        places = [self.columns.index(name) for name in wanted]
        width = len(self.columns)
        records = self._records()
        if self.has_header:
            next(records)
        for line, row in records:
            if len(row) != width:
                raise Problem(
                    at(self.path, line),
                    f"{_count(len(row), 'column')}, where {'the header' if self.has_header else 'line 1'} "
                    f"has {width}.",
                    'Put fields that hold a separator or a line break in double quotes ("..."), '
                    "and double the quotes inside them.",
                )
            yield line, [row[place] for place in places]

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """(line where the record starts, its fields); blank lines are counted and skipped."""
        csv.field_size_limit(max(csv.field_size_limit(), LIMIT_BYTES))
        quoting: Any = csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE
        # StringIO splits at line feeds only, in C, so the reader's own count of lines is exact.
        stream = chain.from_iterable(io.StringIO(block, newline="\n") for _, block in blocks(self.path))
        reader = csv.reader(stream, delimiter=self.delimiter, quoting=quoting, strict=True)
        end, self.blank_lines = 0, 0
        try:
            for row in reader:
                start, end = end + 1, reader.line_num
                if row:
                    yield start, row
                else:
                    self.blank_lines += 1
        except csv.Error as error:
            raise self._explained(str(error), end + 1, reader.line_num) from error

    def _explained(self, message: str, start: int, end: int) -> Problem:
        plain = "or, if quotes are ordinary characters in this file, say --set data.quotes=false."
        if "new-line character" in message:
            return Problem(
                at(self.path, end),
                "a carriage return stands alone in this line, outside quotes.",
                "Put the field in double quotes, or convert the line ends (dos2unix, mac2unix).",
            )
        if "field larger" in message:
            what = f"a field is longer than {LIMIT_BYTES >> 20} MiB."
            if end > start:
                what = (
                    f"the quote opened here is not closed within {LIMIT_BYTES >> 20} MiB (to line {end:,})."
                )
            return Problem(
                at(self.path, self._opened(start, end)), what, f"Close the quote or cut the text, {plain}"
            )
        if "unexpected end" in message:
            return Problem(
                at(self.path, self._opened(start, end)),
                "the quote opened here is never closed.",
                f"Close it with another quote, {plain}",
            )
        return Problem(
            at(self.path, end),
            "there is something between a closing quote and the next separator.",
            f'Double the quotes inside a quoted field ("say ""hello"""), {plain}',
        )

    def _opened(self, start: int, end: int) -> int:
        """The line of the quote that is still open at line `end`; the record starts at line `start`."""
        opened, inside, at_start = start, False, True
        for line, text in lines(self.path):
            if line < start:
                continue
            if line > min(end, start + 100_000):
                break
            for character in text:
                if character == '"' and (at_start or inside):
                    # A doubled quote closes and opens again, which leaves `inside` as it was.
                    inside = not inside
                    if inside and at_start:
                        opened = line
                    at_start = False
                else:
                    at_start = not inside and character == self.delimiter
            at_start = not inside
        return opened


def _sniff(path: Path, head: str) -> str:
    """The separator that cuts the first rows into the same number of columns, and most of them."""
    if plain_suffix(path) in {".tsv", ".tab"}:
        return "\t"
    best, width = ",", 1
    for candidate in (",", ";", "\t"):
        with suppress(csv.Error):
            rows = islice(csv.reader(io.StringIO(head, newline="\n"), delimiter=candidate), 20)
            widths = {len(row) for row in rows if row}
            if len(widths) == 1 and width < (found := widths.pop()):
                best, width = candidate, found
    if width == 1:
        first = head.split("\n", 1)[0]
        return max((",", ";", "\t"), key=first.count)
    return best


def _quotes_parse(head: str) -> bool:
    whole = head[: head.rfind("\n") + 1] or head
    if '"' not in whole:
        return True
    try:
        widths = {
            len(row)
            for row in csv.reader(io.StringIO(whole, newline="\n"), delimiter="\t", strict=True)
            if row
        }
    except csv.Error:
        return len(whole) < len(head) and "\t" not in whole
    return len(widths) == 1


def _is_header(first: list[str], sample: list[list[str]]) -> bool:
    """Names are short, not numbers, and do not come back as values of their own column."""
    if any(known_name(cell) for cell in first):
        return True
    if any(_is_number(cell) or not cell.strip() or len(cell) > 80 for cell in first):
        return False
    values = [{row[i] for row in sample if i < len(row)} for i in range(len(first))]
    return not any(cell in column for cell, column in zip(first, values, strict=True))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
