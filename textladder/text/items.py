"""Files whose items are more than a text and a label (tagged sentences, questions with their answers)."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from textladder.errors import Problem, suggest
from textladder.ragged import Example
from textladder.text.lacking import OPTION
from textladder.text.opening import lines
from textladder.text.reading import BATCH_ROWS, DataConfig, Rows


class ItemSource(ABC):
    """Items in batches; for `Corpus.read`, what `Source` is for rows.

    need_label: False where something is to be said of each item: none is left out, and what the file says of
    it is not looked at.
    notes: what was inferred, in sentences. Reading raises Problem, with file and line, for what is wrong.
    lists: the file to write all places to that are wrong, as JSON Lines; None: they are only counted.
    setting: how the user gives a value of `data`.
    """

    label_separator, unit, in_order, setting = "", "", False, OPTION

    def __init__(self, path: Path, config: DataConfig, format: str, need_label: bool) -> None:
        self.path, self.config, self.format, self.need_label = path, config, format, need_label
        self.files, self.names = [path], [path.name]
        self.notes: list[str] = []
        self.lists: Path | None = None
        self.left_out: dict[str, int] = {}  # what a pass left out or mended: sentence -> count

    @property
    def resolved(self) -> DataConfig:
        return self.config

    @abstractmethod
    def batches(self, size: int = BATCH_ROWS) -> Iterator[Rows]: ...

    @abstractmethod
    def examples(self) -> Iterator[Example]: ...

    def report(self) -> list[str]:
        """What the last pass left out or mended, in sentences."""
        return [what.replace("{}", f"{count:,}", 1) for what, count in self.left_out.items() if count]

    def place(self, line: int) -> str:
        return f"{self.path}, line {line:,}"

    def list_misplaced(self, records: Sequence[dict[str, Any]]) -> str:
        """Writes them, if they are to be listed; where to, for the end of a sentence."""
        if self.lists is None or not records:
            return ""
        self.lists.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        self.lists.write_text("".join(lines), encoding="utf-8")
        return f"; all are listed in {self.lists}"

    def count(self, what: str) -> None:
        """One more of what is left out or mended."""
        self.left_out[what] = self.left_out.get(what, 0) + 1


def records(path: Path, like: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of every line of JSON that is not blank; `like`, for messages, is what one looks
    like."""
    for line, text in lines(path):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            said = str(error).split(": line")[0]
            raise Problem(
                f"{path}, line {line:,}", f"this line is not JSON ({said}).", "Put one object on each line."
            ) from error
        if not isinstance(record, dict):
            raise Problem(
                f"{path}, line {line:,}",
                "this line is not a JSON object.",
                f"Write {like} on each line.",
            )
        yield line, record


def chosen_key(
    given: str | None, first: dict[str, Any], usual: Sequence[str], option: str, place: str
) -> str:
    """The key of the first record that holds something: the one given by `option`, or else the first of the
    usual ones that it has."""
    if given is not None and given not in first:
        raise Problem(option, f"{place} has no key {given!r}.", suggest(given, first))
    found = given or next((name for name in usual if name in first), None)
    if found is None:
        raise Problem(
            place,
            f"there is none of the keys {', '.join(usual)}.",
            f"Name the right one with {option}. Here are: {', '.join(first) or 'none'}.",
        )
    return found
