"""Ragged columns on disk, memory-mapped: what is tokenised once is read many times, and never held in memory.

A store is a folder: `NAME.flat` and `NAME.offsets` (raw little-endian arrays) per column, and `store.json`
with their types, written last, so that a folder without it is an unfinished store.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ragged import Numbers, Ragged

# Pages read since the last release; at this many bytes they are given back, which keeps resident memory flat.
RELEASE_BYTES = 16 << 20
CLOSE = 2  # rows of a stretch for each that is wanted of it, at most, to read all of them
TOUCHED_BYTES = 1 << 16  # that a random row of offsets may map


class StoreWriter:
    """Appends chunks of ragged columns to a folder. A context manager: only a clean end makes a store."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        (folder / "store.json").unlink(missing_ok=True)
        self._files: dict[str, tuple[BinaryIO, BinaryIO]] = {}
        self._types: dict[str, str] = {}
        self._ends: dict[str, int] = {}
        self._rows: dict[str, int] = {}

    def append(self, columns: dict[str, Ragged]) -> None:
        for name, ragged in columns.items():
            if name not in self._files:
                self._open(name, ragged.flat.dtype)
            flat, offsets = self._files[name]
            flat.write(np.ascontiguousarray(ragged.flat, dtype=self._types[name]).tobytes())
            offsets.write((ragged.offsets[1:] + self._ends[name]).astype("<i8").tobytes())
            self._ends[name] += int(ragged.offsets[-1])
            self._rows[name] += len(ragged)

    def _open(self, name: str, dtype: np.dtype[Any]) -> None:
        self._files[name] = (
            (self.folder / f"{name}.flat").open("wb"),
            (self.folder / f"{name}.offsets").open("wb"),
        )
        self._types[name] = dtype.newbyteorder("<").str
        self._ends[name] = self._rows[name] = 0
        self._files[name][1].write(np.zeros(1, "<i8").tobytes())

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pair in self._files.values():
            for file in pair:
                file.close()
        if kind is None:
            header = {name: {"dtype": self._types[name], "rows": self._rows[name]} for name in self._files}
            (self.folder / "store.json").write_text(json.dumps(header), encoding="utf-8")


class Store:
    """The columns of a folder that a StoreWriter has finished, or of arrays in memory (`Store.of`)."""

    def __init__(self, folder: Path) -> None:
        header = json.loads((folder / "store.json").read_text(encoding="utf-8"))
        self.columns = {
            name: Ragged(
                _mapped(folder / f"{name}.flat", entry["dtype"]), _mapped(folder / f"{name}.offsets", "<i8")
            )
            for name, entry in header.items()
        }
        self._files = {name: (folder / f"{name}.flat").open("rb", buffering=0) for name in header}
        self._read = 0

    @classmethod
    def of(cls, columns: dict[str, Ragged]) -> Store:
        store = cls.__new__(cls)
        store.columns, store._files, store._read = columns, {}, 0
        return store

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def take(self, rows: Numbers, names: Iterable[str] | None = None) -> dict[str, Ragged]:
        """The named rows of every column (of those named), copied."""
        chosen = self.columns if names is None else names
        return {name: self._take(name, np.asarray(rows, np.int64)) for name in chosen}

    def _take(self, name: str, rows: Numbers) -> Ragged:
        column = self.columns[name]
        if name not in self._files or not hasattr(os, "pread"):
            return column.take(rows)
        if _close(rows):
            starts, ends = np.asarray(column.offsets[rows]), np.asarray(column.offsets[rows + 1])
            self._count(starts.nbytes + ends.nbytes)
            flat = self.spans(name, starts[:1], ends[-1:]).flat  # one read for all
            return _spans(flat, starts - starts[0], ends - starts[0])
        self._count(2 * len(rows) * TOUCHED_BYTES)
        return self.spans(name, np.asarray(column.offsets[rows]), np.asarray(column.offsets[rows + 1]))

    def spans(self, name: str, starts: Numbers, ends: Numbers) -> Ragged:
        """What lies between given places of a column's flat array, copied; spans may overlap."""
        column = self.columns[name]
        if name not in self._files or not hasattr(os, "pread"):
            return _spans(column.flat, starts, ends)
        offsets = _offsets(starts, ends)
        # Read, not mapped: a page that is touched brings its neighbours (64 KiB on Linux) with it.
        file, size = self._files[name].fileno(), column.flat.itemsize
        spans = zip(((ends - starts) * size).tolist(), (starts * size).tolist(), strict=True)
        flat = b"".join([os.pread(file, length, start) for length, start in spans])
        if len(flat) != offsets[-1] * size:
            raise Problem(
                str(self._files[name].name), "the file was cut off.", "Remove its folder; run again."
            )
        return Ragged(np.frombuffer(flat, column.flat.dtype), offsets)

    def slice(self, start: int, stop: int, names: Iterable[str] | None = None) -> dict[str, Ragged]:
        """Rows start..stop of every column (of those named), as views."""
        chosen = self.columns if names is None else names
        parts = {name: self.columns[name].slice(start, stop) for name in chosen}
        self._count(sum(part.flat.nbytes + part.offsets.nbytes for part in parts.values()))
        # Plain arrays over the mapping: indexing a memmap makes a memmap, which takes ten times as long.
        return {name: Ragged(np.asarray(p.flat), np.asarray(p.offsets)) for name, p in parts.items()}

    def _count(self, number: int) -> None:
        self._read += number
        if self._read >= RELEASE_BYTES:
            self.release()

    def release(self) -> None:
        """Give the pages that were read back to the system; they stay in its cache until used again."""
        self._read = 0
        for column in self.columns.values():
            for array in (column.flat, column.offsets):
                mapping = getattr(array, "_mmap", None)
                if mapping is not None and hasattr(mapping, "madvise") and sys.platform != "win32":
                    mapping.madvise(mmap.MADV_DONTNEED)


def _spans(flat: NDArray[Any], starts: Numbers, ends: Numbers) -> Ragged:
    if len(flat) == int((ends - starts).sum()) and (ends[:-1] == starts[1:]).all():  # they are all of it
        return Ragged(flat, _offsets(starts, ends))
    parts = [flat[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return Ragged(np.concatenate(parts) if parts else flat[:0], _offsets(starts, ends))


def _offsets(starts: Numbers, ends: Numbers) -> NDArray[np.int64]:
    """[rows + 1] of spans, end to end."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(ends - starts, out=offsets[1:])
    return offsets


def _close(rows: Numbers) -> bool:
    """Whether rows are in their order and few others lie between them: then they are read in one piece."""
    few = len(rows) > 1 and rows[-1] - rows[0] < CLOSE * len(rows)
    return bool(few and (rows[1:] > rows[:-1]).all())


def _mapped(path: Path, dtype: str) -> NDArray[Any]:
    if path.stat().st_size == 0:  # an empty file cannot be mapped
        return np.zeros(0, dtype)
    return np.memmap(path, dtype=dtype, mode="r")
