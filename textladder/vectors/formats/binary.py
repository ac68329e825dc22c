"""Reading binary files from beginning to end, with the place of every defect."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.text.opening import open_bytes
from textladder.vectors.formats.table import COPY_AGAIN, Growing, at_byte

WINDOW = 1 << 20
READ_BYTES = 16 << 20  # of one call: a damaged size must not take all memory at once


class Binary:
    """A file (also .gz, .zst) from which bytes are taken in order; `offset` counts them."""

    def __init__(self, path: Path) -> None:
        self.path, self.offset = path, 0
        self._file: Any = open_bytes(path)
        self._ahead, self._at = b"", 0  # read from the file; what lies before _at has been taken

    def __enter__(self) -> Binary:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, size: int) -> bytes:
        """The next `size` bytes; Problem if there are fewer."""
        start = self.offset
        while len(self._ahead) - self._at < size and self._more(size - len(self._ahead) + self._at):
            pass
        taken = self._ahead[self._at : self._at + size]
        self._at += len(taken)
        self.offset += len(taken)
        if len(taken) < size:
            raise Problem(
                at_byte(self.path, self.offset),
                f"the file ends here; {size:,} bytes should follow byte {start:,}.",
                COPY_AGAIN,
            )
        return taken

    def values(self, form: str) -> tuple[Any, ...]:
        """Numbers as `struct` describes them, little-endian and unpadded."""
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))

    def until(self, stop: bytes, limit: int) -> bytes:
        """The bytes before `stop`, which is taken too; Problem if it does not come within `limit`."""
        while (end := self._ahead.find(stop, self._at, self._at + limit)) < 0:
            if len(self._ahead) - self._at >= limit:
                what = f"no word ends within {limit:,} bytes of here: this is no such file, or it is damaged."
                raise Problem(at_byte(self.path, self.offset), what, COPY_AGAIN)
            if not self._more(WINDOW):
                what = "the file ends within the word that begins here."
                raise Problem(at_byte(self.path, self.offset), what, COPY_AGAIN)
        taken = self._ahead[self._at : end]
        self.offset += end + len(stop) - self._at
        self._at = end + len(stop)
        return taken

    def rows(self, rows: int, columns: int, keep: int | None = None) -> NDArray[np.float32]:
        """A matrix of float32; the first `keep` rows of it, the others are passed over."""
        kept = rows if keep is None else min(keep, rows)
        matrix, step = Growing(columns, kept), max(READ_BYTES // (4 * columns), 1)
        for first in range(0, rows, step):
            count = min(step, rows - first)
            data = self.take(4 * columns * count)
            if first < kept:
                matrix.add(np.frombuffer(data, "<f4").reshape(count, columns)[: kept - first])
        return matrix.done()

    def peek(self, size: int) -> bytes:
        """The next bytes, fewer at the end of the file; they are not taken."""
        while len(self._ahead) - self._at < size and self._more(WINDOW):
            pass
        return self._ahead[self._at : self._at + size]

    def ended(self) -> bool:
        """Whether no byte is left."""
        return not self.peek(1)

    def _more(self, size: int) -> bool:
        """Read ahead by up to `size` bytes (at least a window); False at the end of the file."""
        try:
            part = self._file.read(min(max(size, WINDOW), READ_BYTES))
        except (OSError, EOFError, zlib.error) as error:
            raise Problem(
                at_byte(self.path, self.offset),
                f"the file is damaged or cut off after this byte ({str(error).rstrip('.')}).",
                COPY_AGAIN,
            ) from error
        self._ahead, self._at = self._ahead[self._at :] + part, 0
        return bool(part)


def decoded(word: bytes) -> str | None:
    """The word, or None if it is not UTF-8."""
    try:
        return word.decode()
    except UnicodeDecodeError:
        return None
