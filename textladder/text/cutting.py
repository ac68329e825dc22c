"""Text that runs on, cut into blocks: put together, the blocks of a document are the document."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

BLOCK_CHARACTERS = 1000
_JOINERS = "\u200c\u200d"


class Piece(NamedTuple):
    """A stretch of a document, of any length: a document is a piece that starts it and those after it."""

    text: str
    line: int  # where it begins: a line, a row, or a text, counted from 1
    starts: bool
    labels: tuple[str, ...] = ()


def blocks_of(
    pieces: Iterable[Piece], size: int = BLOCK_CHARACTERS, *, count_lines: bool = True
) -> Iterator[Piece]:
    """The same text in blocks of at most `size` characters, wherever the pieces ended. A document without a
    character has no block. count_lines: a block is placed where it begins, else where its document does.

    A block ends after its last line end or before its last space, if that makes it at least half the size,
    else between two characters as a reader counts them, where there are such.
    """
    held, line, starts, labels = "", 0, True, tuple[str, ...]()
    for piece in pieces:
        if piece.starts:
            if held:
                yield Piece(held, line, starts, labels)
            held, line, starts, labels = "", piece.line, True, piece.labels
        held += piece.text
        begin = 0
        while len(held) - begin > size:
            end = _end(held, begin, size)
            block = held[begin:end]
            yield Piece(block, line, starts, labels)
            begin, starts = end, False
            line += block.count("\n") if count_lines else 0
        held = held[begin:]
    if held:
        yield Piece(held, line, starts, labels)


def _end(text: str, start: int, size: int) -> int:
    """Where a block of `text` that begins at `start` ends; there is more text than a block."""
    half, most = start + (size + 1) // 2, start + size
    end = text.rfind("\n", half - 1, most) + 1
    if end <= start:
        end = text.rfind(" ", half, most)
    if end <= start:
        end = most
        while end > half and _joined(text[end - 1], text[end]):
            end -= 1
        end = end if end > half else most
    return end


def _joined(one: str, other: str) -> bool:
    """Whether two characters should stay together: a letter and its marks, an emoji sequence, \\r\\n."""
    if one.isascii() and other.isascii():
        return one == "\r" and other == "\n"
    return unicodedata.combining(other) > 0 or other in _JOINERS or one in _JOINERS
