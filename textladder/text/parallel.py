"""Parallel text: two files, line i of one is what line i of the other should become."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.text.cleaning import PairCleaning
from textladder.text.formats import open_reader
from textladder.text.lacking import Lack
from textladder.text.opening import Row, check_file
from textladder.text.reading import BATCH_ROWS, DataConfig, Rows, Source, open_source
from textladder.text.two_files import files_of

SHOWN = 60  # characters of a line in a message


class ParallelSource:
    """Two files of lines, read as `reading.Source` reads one; places are lines of the first."""

    in_order, unit, label_separator, need_label, format = False, "", "", False, "parallel"

    def __init__(self, first: Path, second: Path, config: DataConfig) -> None:
        self.path, self.files, self.names, self.config = first, [first, second], [first.name], config
        self._readers = []
        for path in self.files:
            check_file(path)
            self._readers.append(open_reader(path, "text", None, None, None))
        self.notes = [f"{first.name} and {second.name} are read line by line: source and target."]
        self._lacks: list[Lack] = []

    @property
    def resolved(self) -> DataConfig:
        return self.config

    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]:
        """The rows, `size` at a time. Raises Problem for files of unequal length, and for empty lines if they
        are not to be left out or kept."""
        cleaning = PairCleaning(self.config, ("the source", "the target"))
        self._lacks, empty = cleaning.lacks, cleaning.empty
        rows, line, last, alone = Rows([], [], [], seconds=[]), 0, ("", ""), 0
        lines = zip_longest(*(reader.rows(["text"]) for reader in self._readers))
        for line, (one, other) in enumerate(lines, 1):
            if one is None or other is None:
                raise self._unequal(line, one, other, last=last, alone=alone, after=sum(1 for _ in lines))
            source, target = last = str(one[1][0]), str(other[1][0])
            if not alone and bool(source.strip()) != bool(target.strip()):
                alone = line
            if cleaning.leaves_out(line, source, target):
                continue
            assert rows.seconds is not None
            rows.texts.append(source)
            rows.seconds.append(target)
            rows.targets.append(())
            rows.lines.append(line)
            if len(rows.lines) >= size:
                if not empty.wrong:
                    yield rows
                rows = Rows([], [], [], seconds=[])
        if empty.wrong:
            raise empty.problem(lambda at: f"{self.path}, line {at:,}", "line ", line)
        if rows.lines:
            yield rows

    def report(self) -> list[str]:
        return [lack.line() for lack in self._lacks if lack.count]

    def _unequal(
        self, line: int, one: Row | None, other: Row | None, *, last: tuple[str, str], alone: int, after: int
    ) -> Problem:
        """line: the first that only one of the files has, with so many after it. last: what stands in the
        line before; alone: the first line that is empty in one of the files only (0: none)."""
        longer, shorter = self.files if other is None else reversed(self.files)
        found: Any = one or other
        counts = f"it ends after {line - 1:,}, and {longer.name} has {line + after:,} lines"
        said = [f"{shorter.name} has no such line: {counts}. First without a match: {_short(found[1][0])}."]
        if line > 1:
            said.append(f"The last side by side: {_short(last[0])} and {_short(last[1])}.")
        if alone:
            said.append(f"Line {alone:,} is empty in one of them, and is the first that cannot match.")
        return Problem(
            f"{longer}, line {line:,}",
            " ".join(said),
            "Line i of one file must belong to line i of the other: find where one was lost or cut in two.",
        )


def _short(text: Any) -> str:
    """A line as a message shows it."""
    line = str(text)
    return repr(line if len(line) <= SHOWN else line[:SHOWN] + "...")


def open_translations(path: Path | str, config: DataConfig | None = None) -> Source | ParallelSource:
    """A file with two texts on each row, or the two files of a name (`two_files.joined`)."""
    config, both = config or DataConfig(), files_of(path)
    if both is not None:
        return ParallelSource(*both, config)
    return open_source(path, config, need_label=False, pairs=True, labelled=False)
