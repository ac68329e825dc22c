"""Two parallel files as one name, "train.en + train.de", as one file is: so they go through recipes, requests
and messages. What reads them: `parallel`."""

from __future__ import annotations

from pathlib import Path

from textladder.errors import Problem

BETWEEN = " + "


def joined(file: str, target: str | None) -> str:
    """The one name of two files; of one file its own."""
    return file if target is None else f"{file}{BETWEEN}{target}"


def files_of(name: str | Path) -> tuple[Path, Path] | None:
    """The two files of a name; None where it is that of one file."""
    first, between, second = str(name).partition(BETWEEN)
    return (Path(first), Path(second)) if between and not Path(name).exists() else None


def refuse_two(*names: str | Path | None) -> None:
    """Problem for two files where a task reads one."""
    for name in names:
        if name is not None and files_of(name) is not None:
            what = "two parallel files are for translators alone."
            raise Problem(
                str(name),
                what,
                "Give one file (a language model reads a folder of them), or use --task translate.",
            )
