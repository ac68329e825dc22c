"""Raw arrays in files, memory-mapped: written once, front to back, and read from where they lie.

Space on the disk is taken before it is written to: a full disk is a Problem, not a signal in the middle of a
kernel. Pages that were used are given back (`release`), so that memory stays flat however large the arrays.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.files import writing

NODES_AT_ONCE = 1 << 20  # of one task for a thread, and between two releases


def create(path: Path, dtype: Any, length: int) -> NDArray[Any]:
    """A new array of zeros in a file, open for writing."""
    size = np.dtype(dtype).itemsize * length
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            if size and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
    return attach(path, dtype, length, "r+")


def attach(path: Path, dtype: Any, length: int, mode: Any = "r") -> NDArray[Any]:
    """The array of `length` numbers at the beginning of a file."""
    if length == 0:  # nothing cannot be mapped
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, mode, shape=(length,))


def shorten(path: Path, dtype: Any, length: int) -> NDArray[Any]:
    """The file cut to its first `length` numbers, open for reading and writing."""
    os.truncate(path, np.dtype(dtype).itemsize * length)
    return attach(path, dtype, length, "r+")


def release(arrays: Iterable[NDArray[Any]]) -> None:
    """Give the pages of mapped arrays back to the system, which keeps what was written."""
    for array in arrays:
        mapping = getattr(array, "_mmap", None)
        if mapping is not None and hasattr(mapping, "madvise"):
            mapping.madvise(mmap.MADV_DONTNEED)


def blocks(start: int, stop: int, size: int = NODES_AT_ONCE) -> Iterator[tuple[int, int]]:
    for begin in range(start, stop, size):
        yield begin, min(begin + size, stop)


def in_threads(  # noqa: PLR0917
    task: Callable[[int, int], Any],
    start: int,
    stop: int,
    threads: int,
    arrays: Iterable[NDArray[Any]] = (),
    size: int = NODES_AT_ONCE,
) -> list[Any]:
    """`task(begin, end)` over blocks of start..stop, in order; then the pages of `arrays` are given back."""
    parts = list(blocks(start, stop, size))
    threads = threads or os.cpu_count() or 1
    held = list(arrays)

    def run(part: tuple[int, int]) -> Any:
        found = task(*part)
        release(held)
        return found

    if threads == 1 or len(parts) == 1:
        return [run(part) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, parts))


def checksums(paths: list[Path]) -> list[str]:
    """SHA-256 of files, several at a time (hashing holds no lock)."""

    def one(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, paths))


def damaged(path: Path, what: str) -> Problem:
    return Problem(str(path), f"{what}.", "Copy the whole folder again, or count again.")
