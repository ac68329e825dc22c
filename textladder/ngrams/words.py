"""Units as an ARPA file writes them: bytes without white space; and back, by a compiled table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.layers.kernels import SEED, build_slots, extend, find, kernel
from textladder.ragged import Ragged

ESCAPED = re.compile(r"<U\+([0-9A-F]{4,6})>")
BLANKS = re.compile(r"[\s\x00-\x1f]")  # what readers of ARPA files may take for the end of a unit


def escape(unit: str) -> str:
    """A unit for an ARPA file: a space is written <U+0020>."""
    return BLANKS.sub(lambda found: f"<U+{ord(found.group()):04X}>", unit)


def unescape(word: str) -> str:
    """The unit of a word: <U+XXXX> of white space is that character; anything else is itself."""

    def character(found: re.Match[str]) -> str:
        number = int(found.group(1), 16)
        blank = number <= 0x10FFFF and BLANKS.fullmatch(chr(number)) is not None
        return chr(number) if blank else found.group()

    return ESCAPED.sub(character, word)


def check_words(units: Iterable[str]) -> None:
    """Raises Problem if two units would be written alike, or one not at all."""
    for unit in units:
        if unit == "" or unescape(escape(unit)) != unit or (ESCAPED.search(unit) and unescape(unit) != unit):
            raise Problem(
                "vocabulary",
                f"the unit {unit!r} cannot be told from another in an ARPA file.",
                "Leave it out of the vocabulary; or keep the model in its own folder (save).",
            )


class Table(NamedTuple):
    """Words to rows: S slots of keys, the row in each, and the words' bytes for comparison."""

    slot_keys: NDArray[np.uint64]
    slot_rows: NDArray[np.int32]
    flat: NDArray[np.uint8]
    offsets: NDArray[np.int64]


def table(words: Ragged) -> Table:
    """Of words as bytes, all different."""
    keys = key_all(words.flat, words.offsets)
    size = 1 << max(2 * len(keys), 2).bit_length()
    if len(np.unique(keys)) < len(keys):  # not to be expected: 64 bits
        raise Problem("vocabulary", "two units have the same key.", "Change the spelling of one unit.")
    slot_keys, slot_rows = build_slots(keys, size)
    return Table(slot_keys, slot_rows, words.flat, words.offsets)


@kernel
def key_of(data: Any, begin: int, end: int) -> Any:
    key = SEED
    for i in range(begin, end):
        key = extend(key, data[i])
    return key


@kernel
def key_all(flat: Any, offsets: Any) -> NDArray[np.uint64]:
    keys = np.empty(len(offsets) - 1, np.uint64)
    for row in range(len(keys)):
        keys[row] = key_of(flat, offsets[row], offsets[row + 1])
    return keys


@kernel
def row_of(words: Any, data: Any, begin: int, end: int) -> int:
    """The row of the word data[begin:end], or -1."""
    slot_keys, slot_rows, flat, offsets = words
    key = key_of(data, begin, end)
    slot = find(slot_keys, key)
    if slot_keys[slot] != key:
        return -1
    row = slot_rows[slot]
    start = offsets[row]
    if offsets[row + 1] - start != end - begin:
        return -1
    for i in range(end - begin):
        if flat[start + i] != data[begin + i]:
            return -1
    return row
