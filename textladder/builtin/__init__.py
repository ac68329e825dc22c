"""Data sets that come with installed packages: real, with fixed splits, and never a download."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from textladder.batch import Example
from textladder.builtin import languages
from textladder.errors import Problem, suggest


class Parts(NamedTuple):
    """The fixed parts of a data set."""

    train: list[Example]
    dev: list[Example]
    test: list[Example]


@dataclass(frozen=True)
class Dataset:
    """summary: what it asks, in one sentence. source: where the texts come from, with the licence.

    make: the rows of the parts by name ("train", "dev", "test"), each (text, labels).
    """

    summary: str
    source: str
    make: Callable[[], dict[str, list[tuple[str, tuple[str, ...]]]]]


BUILTIN = {"languages": Dataset(languages.SUMMARY, languages.SOURCE, languages.make)}


def load(name: str) -> Parts:
    """The examples of a data set, the same on every machine with the same packages. Raises a Problem for a
    name that is not in BUILTIN."""
    if name not in BUILTIN:
        raise Problem(name, f"there is no built-in data set {name!r}.", suggest(name, BUILTIN))
    parts = BUILTIN[name].make()
    return Parts(
        *(
            [
                Example((text,), labels, f"{name}/{part}:{i}")
                for i, (text, labels) in enumerate(parts[part], 1)
            ]
            for part in Parts._fields
        )
    )


def write_csv(name: str, path: Path) -> int:
    """Writes a data set as a CSV with the columns text, label, split (several labels joined by "|").

    Returns the number of rows. Raises a Problem for an unknown name, and if the file cannot be written.
    """
    parts = load(name)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("text", "label", "split"))
            for part, examples in zip(Parts._fields, parts, strict=True):
                writer.writerows((e.texts[0], "|".join(e.target), part) for e in examples)
    except OSError as error:
        raise Problem(str(path), f"the file cannot be written ({error}).", "Choose another place.") from error
    return sum(map(len, parts))
