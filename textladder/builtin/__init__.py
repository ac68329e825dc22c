"""Data sets that come with installed packages: real, with fixed splits, and never a download."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from textladder.builtin import dates, languages, names
from textladder.errors import Problem, suggest

if TYPE_CHECKING:  # `textladder data` shows the sets without waiting for torch
    from textladder.ragged import Example


class Parts(NamedTuple):
    """The fixed parts of a data set."""

    train: list[Example]
    dev: list[Example]
    test: list[Example]


@dataclass(frozen=True)
class Dataset:
    """summary: what it asks, in one sentence. source: where the texts come from, with the licence.

    make: the rows of the parts by name ("train", "dev", "test"), each (text, labels), or of translations
    (text, (what it becomes,)).
    """

    summary: str
    source: str
    make: Callable[[], dict[str, list[tuple[str, tuple[str, ...]]]]]
    settings: Mapping[str, Any]  # values of a recipe that this data asks for, by "table.key"
    reads: Literal["rows", "translations"] = "rows"  # see `tasks.task.Reads`


BUILTIN = {
    "languages": Dataset(languages.SUMMARY, languages.SOURCE, languages.make, languages.SETTINGS),
    "dates": Dataset(dates.SUMMARY, dates.SOURCE, dates.make, dates.SETTINGS, "translations"),
    "names": Dataset(names.SUMMARY, names.SOURCE, names.make, names.SETTINGS, "translations"),
}


def load(name: str) -> Parts:
    """The examples of a data set, the same on every machine with the same packages. Raises a Problem for a
    name that is not in BUILTIN."""
    from textladder.ragged import Example

    if name not in BUILTIN:
        raise Problem(name, f"there is no built-in data set {name!r}.", suggest(name, BUILTIN))
    parts, two = BUILTIN[name].make(), BUILTIN[name].reads == "translations"
    return Parts(
        *(
            [
                Example((text, *said) if two else (text,), () if two else said, f"{name}/{part}:{i}")
                for i, (text, said) in enumerate(parts[part], 1)
            ]
            for part in Parts._fields
        )
    )


def column_of(name: str) -> str:
    """What stands beside the text in a data set's CSV."""
    return "second" if BUILTIN[name].reads == "translations" else "label"


def write_csv(name: str, path: Path) -> int:
    """Writes a data set as a CSV with the columns text, label (several joined by "|"; of translations
    second, the other text) and split.

    Returns the number of rows. Raises a Problem for an unknown name, and if the file cannot be written.
    """
    if name not in BUILTIN:
        raise Problem(name, f"there is no built-in data set {name!r}.", suggest(name, BUILTIN))
    parts = BUILTIN[name].make()
    # Written beside its place and moved there when it is whole, so that a full disk costs no file that was
    # there. A pipe or a device is written to as it is.
    regular = path.is_file() or not path.exists()
    fresh = path.with_name(path.name + ".new") if regular else path
    try:
        with fresh.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("text", column_of(name), "split"))
            for part in Parts._fields:
                writer.writerows((text, "|".join(labels), part) for text, labels in parts[part])
        if regular:
            fresh.replace(path)
    except BrokenPipeError:
        raise
    except OSError as error:
        if regular:
            with suppress(OSError):
                fresh.unlink()
        reason = error.strerror or str(error)
        raise Problem(
            str(path), f"the file cannot be written ({reason}).", "Choose another place."
        ) from error
    return sum(map(len, parts.values()))
