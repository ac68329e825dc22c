"""`textladder vectors train`: texts to a folder of vectors, all of it or none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.files import locked
from textladder.text.reading import DataConfig
from textladder.vectors.config import VectorsConfig
from textladder.vectors.formats import folder
from textladder.vectors.progress import Report
from textladder.vectors.wordvectors import WordVectors


def make(
    files: Sequence[str],
    out: Path,
    settings: Mapping[str, Any],
    *,
    report: Report | None = None,
    data: DataConfig | None = None,
    overwrite: bool = False,
) -> tuple[WordVectors, float]:
    """Train on files and save into the folder `out`; returns the vectors and the seconds from the first file
    to the saved folder.

    settings: of VectorsConfig. Whatever ends it, no working file stays. Raises Problem for what
    `VectorsConfig`, `corpus.build` and `WordVectors.save` refuse, and if `out` is in use or holds something.
    """
    config = VectorsConfig(**settings)
    began = time.perf_counter()
    with working(out) as work:
        claim(out, overwrite)
        vectors = WordVectors(config).fit(
            [Path(file) for file in files], report=report, folder=work, data=data
        )
        vectors.save(out)
    return vectors, time.perf_counter() - began


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
