"""Where texts come from: files of every format that the text layer reads, or Python strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.opening import blocks
from textladder.text.reading import BATCH_ROWS, DataConfig, Source, open_source
from textladder.text.store import Store, StoreWriter
from textladder.text.tokenizing import to_bytes

Sources = str | Path | Iterable[Path] | Iterable[str]  # one file, files, or texts
LINE_FEED = 10


class Texts:
    """Texts that can be read more than once, chunk by chunk, as UTF-8.

    A str or Path is a file; of an iterable, Paths are files and strs are texts. An iterator of texts is
    written to `spool`, since it can be gone through only once. notes: how each file is read.
    """

    def __init__(self, sources: Sources, data: DataConfig, spool: Path) -> None:
        self.name, self.notes = "texts", list[str]()
        self._files: list[Source] = []
        self._texts: Iterable[Any] | Store | None = None
        items: Iterable[Any] = [Path(sources)] if isinstance(sources, (str, Path)) else sources
        once = iter(items) is items
        first = next(iter(items), None)
        if once and first is not None:
            items = chain([first], items)
        if isinstance(first, Path):
            self._files = [open_source(Path(path), data, need_label=False) for path in items]
            self.notes = [note for file in self._files for note in file.notes]
            self.name = str(self._files[0].path) if len(self._files) == 1 else f"{len(self._files)} files"
        elif once:
            with StoreWriter(spool) as writer:
                writer.append({"text": to_bytes([])})
                for chunk in _chunks(items):
                    writer.append({"text": chunk})
            self._texts = Store(spool)
        else:
            self._texts = items

    def chunks(self) -> Iterator[Ragged]:
        """All texts, some at a time. Raises Problem for the first that is wrong."""
        if isinstance(self._texts, Store):
            for start in range(0, len(self._texts), BATCH_ROWS):
                yield self._texts.slice(start, min(start + BATCH_ROWS, len(self._texts)))["text"]
        elif self._texts is not None:
            yield from _chunks(self._texts)
        for file in self._files:
            if file.format == "text":
                yield from _lines(file.path)
            else:
                yield from (to_bytes(rows.texts) for rows in file.batches())


def _chunks(texts: Iterable[Any]) -> Iterator[Ragged]:
    texts, number = iter(texts), 0
    while some := list(islice(texts, BATCH_ROWS)):
        for at, text in enumerate(some, number + 1):
            if not isinstance(text, str):
                raise Problem(
                    f"text {at:,}",
                    f"it is {type(text).__name__}, not str.",
                    "Give strings, or paths of files.",
                )
        number += len(some)
        yield to_bytes(some)


def _lines(path: Path) -> Iterator[Ragged]:
    """The lines of a plain text, cut by one search in each block; their ends are white space to the words."""
    for _, block in blocks(path):
        flat = np.frombuffer(block.encode("utf-8"), np.uint8)
        ends = np.flatnonzero(flat == LINE_FEED) + 1
        if not len(ends) or ends[-1] < len(flat):
            ends = np.append(ends, len(flat))
        yield Ragged(flat, np.concatenate([[0], ends]))
