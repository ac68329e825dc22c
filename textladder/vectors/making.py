"""`textladder vectors train`: texts to a folder of vectors, all of it or none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.files import locked
from textladder.text.reading import DataConfig
from textladder.vectors.config import VectorsConfig
from textladder.vectors.formats import folder
from textladder.vectors.progress import Report
from textladder.vectors.wordvectors import WordVectors

FIXED = ("dim", "char_orders", "buckets")  # by vectors that exist


def make(
    files: Sequence[str],
    out: Path,
    settings: Mapping[str, Any],
    *,
    report: Report | None = None,
    data: DataConfig | None = None,
    overwrite: bool = False,
    start: Path | None = None,
) -> tuple[WordVectors, float]:
    """Train on files and save into the folder `out`; returns the vectors and the seconds from the first file
    to the saved folder.

    settings: of VectorsConfig. start: vectors to go on from, in any format; what `settings` leave open is
    then as it was when those were learned. Whatever ends it, no working file stays. Raises Problem for what
    `VectorsConfig`, `WordVectors.load`, `corpus.build` and `WordVectors.save` refuse, for settings that do
    not fit `start`, and if `out` is in use or holds something.
    """
    began = time.perf_counter()
    with working(out) as work:
        claim(out, overwrite)
        vectors = WordVectors(VectorsConfig(**settings)) if start is None else grown(start, settings)
        vectors.fit(
            [Path(file) for file in files], update=start is not None, report=report, folder=work, data=data
        )
        vectors.save(out)
    return vectors, time.perf_counter() - began


def grown(start: Path, settings: Mapping[str, Any]) -> WordVectors:
    """The vectors of `start`, ready for `fit(update=True)`. Raises Problem if a setting would change what
    they are."""
    old = WordVectors.load(start)
    for name in FIXED:
        has = getattr(old.config, name)
        if name in settings and settings[name] != has:
            option = f"--{name.replace('_', '-')}"
            told = has if not isinstance(has, tuple) else " ".join(map(str, has))
            raise Problem(
                option,
                f"the vectors of {start} were made with {told}, which cannot change.",
                f"Leave {option} out.",
            )
    vectors = WordVectors(replace(old.config, **settings))
    vectors.table = old.table
    return vectors


@contextmanager
def working(out: Path) -> Iterator[Path]:
    """A folder beside `out` (on its disk; the saved folder takes the place of `out` in one step), held for
    this process and gone afterwards. Raises Problem if another process makes the same `out`."""
    held = out.with_name(f".{out.name}-work")
    try:
        with locked(held):
            work = held / "work"
            try:
                yield work
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except Problem as problem:
        if problem.where != str(held):
            raise
        raise Problem(str(out), problem.what, problem.next_step) from problem
    finally:
        with suppress(OSError):  # what a killed run left, unless another run is in it
            held.rmdir()


def claim(out: Path, overwrite: bool) -> None:
    """Raises Problem if something stands at `out` that would be written over, or is not ours to replace: now,
    and not after the training."""
    if not out.exists():
        return
    inside = {path.name for path in out.iterdir()} if out.is_dir() else {out.name}
    if not inside:
        return
    others = inside - {folder.HEADER, folder.TRAINING, *folder.FILES}
    if others and out.is_dir():
        listed = ", ".join(sorted(others)[:3])
        raise Problem(
            str(out), f"this folder holds other things than word vectors ({listed}).", "Give another --out."
        )
    if not overwrite:
        raise Problem(str(out), "there is something already.", "Add --overwrite, or give another --out.")
