"""Writing vectors as lines of text, and any file in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from textladder import files
from textladder.errors import Problem
from textladder.vectors.formats.table import Table

BLOCK_ROWS = 1024


@contextmanager
def fresh_file(path: Path) -> Iterator[IO[bytes] | Any]:
    """A file that takes the place of `path` when all is written; .gz and .zst by the name. Nothing
    half-written stays; Problem if the disk is full or may not be written to."""
    fresh = path.with_name(path.name + ".new")
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise Problem(str(path), "this is a folder.", "Give the name of a file.")
        try:
            with _opened(fresh, path.suffix.lower()) as file:
                yield file
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)


def _opened(fresh: Path, suffix: str) -> Any:
    if suffix == ".gz":
        import gzip

        return gzip.open(fresh, "wb", compresslevel=6)
    if suffix == ".zst":
        import pyarrow

        return pyarrow.CompressedOutputStream(str(fresh), "zstd")
    return fresh.open("wb")


def write_lines(table: Table, path: Path, header: bool) -> None:
    """Each number with as few digits as say the same float32: what is read back is equal."""
    import pyarrow as pa
    import pyarrow.compute as pc

    check_words(table.words)
    with fresh_file(path) as file:
        if header:
            file.write(f"{len(table.words)} {table.dim}\n".encode())
        for first in range(0, len(table.words), BLOCK_ROWS):
            block = np.ascontiguousarray(table.matrix[first : first + BLOCK_ROWS], np.float32)
            bounds = np.arange(0, block.size + 1, table.dim, dtype=np.int32)
            # pyarrow's text of a float32 is the shortest that reads back the same, as numpy's; faster.
            numbers = pa.ListArray.from_arrays(bounds, pa.array(block.reshape(-1)).cast(pa.string()))
            rows = pc.binary_join(numbers, " ").to_pylist()
            words = table.words[first : first + BLOCK_ROWS]
            file.write("".join(f"{word} {row}\n" for word, row in zip(words, rows, strict=True)).encode())


def check_words(words: list[str]) -> None:
    """Problem for a word that a line or a blank would cut."""
    for number, word in enumerate(words):
        if not word or any(blank in word for blank in " \t\n\r\0"):
            raise Problem(
                f"word {number:,}",
                f"{word!r} is empty or has a blank in it, which this format cannot hold.",
                "Save as a folder (safetensors), or join its parts with _.",
            )
