"""Texts before they are tensors: the user's lines, and rows of unequal length. Reading needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.integer[Any]]  # of rows, or one for each; in four bytes where they fit (`narrow`)


Around = tuple[Sequence[str], Sequence[str]]  # tokens before a sentence and after it, in its document


@dataclass(frozen=True, slots=True)
class Example:
    """One line of the user's data. `target` is what the task says (classify: a tuple of label strings, empty
    when unlabelled; tag: spans (start, end, label) of the characters); `where` names the place for messages
    ("reviews.csv:17"); `tokens` are the spans of the tokens that were given, None where none were; `around`:
    what a tagger reads beside them (`text.context`)."""

    texts: tuple[str, ...]
    target: Any = None
    where: str = ""
    tree: Any = None
    tokens: Sequence[tuple[int, int]] | None = None
    around: Around | None = None


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length, end to end: row i is `flat[offsets[i]:offsets[i + 1]]`."""

    flat: NDArray[Any]  # [N]
    offsets: NDArray[np.int64]  # [B + 1]

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any] | NDArray[Any]], dtype: Any = np.int64) -> Ragged:
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(a) for a in arrays], out=offsets[1:])
        return cls(np.concatenate(arrays) if arrays else np.zeros(0, dtype), offsets)

    @classmethod
    def of_strings(cls, texts: Iterable[str]) -> Ragged:
        """Texts as UTF-8 bytes."""
        return cls.of([np.frombuffer(text.encode("utf-8"), np.uint8) for text in texts], np.uint8)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[Any]:
        return self.flat[self.offsets[index] : self.offsets[index + 1]]

    def string(self, index: int) -> str:
        """Row `index` of a byte column as text."""
        return self[index].tobytes().decode("utf-8")

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def slice(self, start: int, stop: int) -> Ragged:
        """Rows start..stop as a view, without a copy of `flat`."""
        bounds = self.offsets[start : stop + 1]
        return Ragged(self.flat[bounds[0] : bounds[-1]], bounds - bounds[0])

    def take(self, rows: Numbers) -> Ragged:
        """The rows named, in that order, as a new Ragged."""
        starts, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        # Position in `flat` of every unit: its row's start plus how far it is into the row.
        positions = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(np.asarray(self.flat[positions]), offsets)

    @staticmethod
    def join(parts: Sequence[Ragged]) -> Ragged:
        shifts = np.cumsum([0, *(int(p.offsets[-1]) for p in parts)])
        offsets = [p.offsets[1:] + shift for p, shift in zip(parts, shifts, strict=False)]
        return Ragged(
            np.concatenate([p.flat for p in parts]), np.concatenate([np.zeros(1, np.int64), *offsets])
        )


@dataclass(frozen=True)
class Pairs:
    """Rows of two texts each, as UTF-8 bytes; negative: a third that is not close to the first."""

    first: Ragged
    second: Ragged
    negative: Ragged | None = None

    @classmethod
    def of_strings(cls, firsts: Iterable[str], seconds: Iterable[str]) -> Pairs:
        return cls(Ragged.of_strings(firsts), Ragged.of_strings(seconds))

    def __len__(self) -> int:
        return len(self.first)


def narrow(numbers: NDArray[Any]) -> NDArray[Any]:
    """The same whole numbers, four bytes each where they fit: what is kept per row adds up."""
    fits = not len(numbers) or int(numbers.max()) <= np.iinfo(np.int32).max
    return numbers.astype(np.int32, copy=False) if fits else numbers
