"""Writing files so that a full disk, a read-only folder or a kill leaves nothing half-written."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from textladder import distributed
from textladder.errors import Problem

LOCK = ".lock"

_REASONS = {
    errno.ENOSPC: (
        "the disk is full.",
        "Make room, then run the same command again (with --resume if it was training).",
    ),
    errno.EDQUOT: ("the disk quota is used up.", "Make room, then run the same command again."),
    errno.EROFS: ("this disk is read-only.", "Give --out a folder that can be written to."),
    errno.EACCES: ("this folder may not be written to.", "Give --out a folder that can be written to."),
    errno.EPERM: ("this folder may not be written to.", "Give --out a folder that can be written to."),
    errno.ENOTDIR: ("a part of this path is a file, not a folder.", "Give --out another path."),
    errno.EEXIST: ("there is a file of that name.", "Give --out another path."),
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the system's refusals to write into a Problem that names `path`."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        # safetensors reports the system's number only in its text.
        said = re.search(r"os error (\d+)", str(error))
        number = error.errno if isinstance(error, OSError) else int(said.group(1)) if said else None
        if number is None or isinstance(error, BrokenPipeError):
            raise
        unforeseen = (f"it cannot be written ({os.strerror(number)}).", "Give --out another path.")
        what, next_step = _REASONS.get(number, unforeseen)
        raise Problem(str(path), what, next_step) from error


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make `folder` and hold it for this process; Problem if another run holds it.

    A Problem takes the working files (`folder/work`) with it, and a folder made here that holds nothing.
    """
    new = not folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
    with lock:
        if not distributed.is_main():  # the first process holds it for all
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Problem(
                str(folder), "another run is writing here.", "Wait until it ends, or give another --out."
            ) from error
        try:
            yield
        except Problem:
            shutil.rmtree(folder / "work", ignore_errors=True)
            raise
        finally:
            (folder / LOCK).unlink(missing_ok=True)
            if new and not any(folder.iterdir()):
                folder.rmdir()
