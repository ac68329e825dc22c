"""Where a command writes when --out is not given: runs/STEM-NAME, and what it says of that."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import typer

from textladder import distributed
from textladder.errors import Problem
from textladder.signals import Interrupted
from textladder.text.opening import plain_stem
from textladder.text.two_files import files_of

RUNS = Path("runs")


@contextmanager
def folder_for(
    out: Path | None, file: str, name: str, *, resume: bool = False, overwrite: bool = False
) -> Iterator[Path]:
    """The folder to write to: `out`, or the first of runs/STEM-NAME, runs/STEM-NAME-2, ... that is not there,
    told on stderr; STEM is the name of the file, or the first of two. An Interrupted that goes through says
    the command that goes on there. Raises Problem for `resume` and `overwrite` without `out`."""
    if out is not None:
        yield out
        return
    for option, asked in (("--resume", resume), ("--overwrite", overwrite)):
        if asked:
            there = list(_taken(file, name))
            step = f"Add --out {shlex.quote(str(there[-1]))}" if there else "Leave it out: there is none yet."
            raise Problem(option, "no --out says which folder is meant.", step)
    new = not RUNS.exists()
    chosen: Path = distributed.on_main(lambda: _free(file, name))
    if distributed.is_main():
        typer.echo(f"The folder: {chosen} (--out gives another)", err=True)
    try:
        yield chosen
    except Interrupted as stop:
        words = [*sys.argv[1:], "--out", str(chosen)]
        more = ["--resume"] if words[0] == "train" else []
        stop.again = shlex.join(["textladder", *words, *more]) if stop.saved else stop.again
        raise
    except Problem:
        if new:
            with suppress(OSError):  # only what is empty goes
                RUNS.rmdir()
        raise


def _names(file: str, name: str) -> Iterator[Path]:
    both = files_of(file)
    stem = plain_stem(both[0] if both else Path(file))
    whole = f"{stem}-{name}".replace("/", "-")
    yield RUNS / whole
    yield from (RUNS / f"{whole}-{number}" for number in count(2))


def _taken(file: str, name: str) -> Iterator[Path]:
    """Those of the names that are there, without a gap."""
    for path in _names(file, name):
        if not path.exists():
            return
        yield path


def _free(file: str, name: str) -> Path:
    return next(path for path in _names(file, name) if not path.exists())
