"""Writing files so that a full disk, a read-only folder or a kill leaves nothing half-written; and folders
with a header that holds a checksum per file."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from textladder import distributed
from textladder.errors import Problem

LOCK = ".lock"
WORK = ".work"  # what is needed until a run or a compare is finished; no folder of the user's has this name

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

    A Problem takes the working files (WORK) with it, and a folder made here that holds nothing.
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
            shutil.rmtree(folder / WORK, ignore_errors=True)
            raise
        finally:
            (folder / LOCK).unlink(missing_ok=True)
            if new and not any(folder.iterdir()):
                folder.rmdir()


@contextmanager
def fresh_folder(folder: Path, ours: set[str], what: str) -> Iterator[Path]:
    """A new folder to write to, which takes the place of `folder` in one step when the block ends.

    ours: the files that may be there and are replaced; with any other, Problem (`what`: "a model"). Problem
    too when it cannot be written; then `folder` is as it was.
    """
    folder = folder.resolve()
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        others = {path.name for path in folder.iterdir()} - ours if folder.exists() else set()
    if others:
        raise Problem(
            str(folder),
            f"this folder holds other things than {what} ({', '.join(sorted(others)[:3])}).",
            f"Give a folder that is new, empty, or {what} to be replaced.",
        )
    with (
        writing(folder),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside,
    ):
        fresh = Path(beside) / "fresh"
        fresh.mkdir()
        yield fresh
        _replace_folder(folder, fresh)


def write_header(path: Path, version: int, program: str, names: Sequence[str], more: Any = None) -> None:
    """Write the header of a folder: format version, and size and checksum of each of the files `names`."""
    listed = {
        name: {"sha256": sha256(path.with_name(name)), "bytes": path.with_name(name).stat().st_size}
        for name in names
    }
    header = {"format_version": version, "textladder": program, **(more or {}), "files": listed}
    path.write_text(json.dumps(header, ensure_ascii=False, indent=1), encoding="utf-8")


def verify_folder(
    path: Path, version: int, program: str, names: Sequence[str], checksums: bool = True
) -> dict[str, Any]:
    """The header at `path`; Problem unless each of the files `names` is there and is what was saved."""
    header = read_json(path)
    found = header.get("format_version")
    if not isinstance(found, int) or found > version:
        raise Problem(
            str(path),
            f"its format version is {found}; textladder {program} reads up to {version}.",
            "Install a newer textladder: pip install --upgrade textladder",
        )
    for name in names:
        file = path.with_name(name)
        try:
            size, checksum = header["files"][name]["bytes"], header["files"][name]["sha256"]
            bytes_found = file.stat().st_size
            if bytes_found != size:
                what = f"this file has {bytes_found} bytes, not {size}: it was cut short or changed"
                raise damaged(file, what)
            if checksums and sha256(file) != checksum:
                raise damaged(file, "this file was changed since it was saved")
        except FileNotFoundError as error:
            raise damaged(file, "this file is missing") from error
        except OSError as error:
            raise damaged(file, f"this file cannot be read ({error})") from error
        except (KeyError, TypeError) as error:
            raise damaged(path, f"{name} is not listed in it") from error
    return header


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; Problem if there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(path, f"this file cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise damaged(path, "this is not a JSON object")
    return value


def damaged(path: Path, what: str) -> Problem:
    """The Problem of a file that textladder wrote and that is not as it was."""
    return Problem(str(path), f"{what}.", "Copy the whole folder again, or train again.")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace_folder(folder: Path, fresh: Path) -> None:
    """Put `fresh` into the place of `folder`; what was there is afterwards where `fresh` was, or beside
    it."""
    if not folder.exists():
        fresh.rename(folder)
    elif not _exchange(folder, fresh):
        before = fresh.with_name("before")
        folder.rename(before)
        try:
            fresh.rename(folder)
        except OSError:
            before.rename(folder)
            raise


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, so that a kill at any moment leaves one of them in each place. False
    where the system (Linux only) or the file system cannot."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "renameat2"):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return library.renameat2(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0
