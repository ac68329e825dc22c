"""fastText's files fast: lines "__label__NAME the text" of the plainest kind, found by compiled code.

Plain is a line with one label of visible ASCII, blanks, and a text that begins with visible ASCII. All others
(several labels, none, tabs, a blank line) are left to the reader in `formats.py`, which tests hold this to.
"""

# ruff: noqa: PLR0917, SIM110  (compiled functions take positional arguments only, and no generators)

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Ragged
from textladder.text.scanning import PRIME, SEED, compiled

PREFIX = b"__label__"
_PREFIX = np.frombuffer(PREFIX, np.uint8)
BLANK, LAST_VISIBLE, LINE_FEED, RETURN = 32, 126, 10, 13


class Labelled(NamedTuple):
    """Rows with one label each: row i stands on line `line` + i and has the label names[numbers[i]]."""

    texts: Ragged  # UTF-8
    names: list[str]
    numbers: NDArray[np.int64]
    line: int


def plain_lines(block: bytes, at: int, line: int, most: int) -> tuple[Labelled | None, int]:
    """The plain lines from byte `at` on, up to the first that is not plain, `most` at most; None if there is
    none. And the byte after them. line: the number of the line that begins at `at`."""
    flat = np.frombuffer(block, np.uint8)
    texts, labels = np.empty((most, 2), np.int64), np.empty((most, 2), np.int64)
    hashes, after = np.empty(most, np.uint64), np.array([at])
    count = _find(flat, after, _PREFIX, texts, labels, hashes)
    if count == 0:
        return None, at
    texts, labels = texts[:count], labels[:count]
    _, first, numbers = np.unique(hashes[:count], return_index=True, return_inverse=True)
    order = np.argsort(first)  # names as they appear
    first, numbers = first[order], np.argsort(order)[numbers]
    if not _same(flat, labels, first[numbers]):  # two labels with one hash: one row at a time
        first, numbers, count = first[numbers[:1]], numbers[:1] * 0, 1
        texts, after[0] = texts[:1], block.find(b"\n", texts[0, 1]) + 1 or len(block)
    offsets = np.zeros(count + 1, np.int64)
    np.cumsum(texts[:, 1] - texts[:, 0], out=offsets[1:])
    joined = np.empty(int(offsets[-1]), np.uint8)
    _join(flat, texts, joined)
    names = [block[start:stop].decode("ascii") for start, stop in labels[first].tolist()]
    return Labelled(Ragged(joined, offsets), names, numbers, line), int(after[0])


@compiled
def _starts_with(flat: Any, at: int, prefix: Any) -> bool:
    if at + len(prefix) > len(flat):
        return False
    for k in range(len(prefix)):
        if flat[at + k] != prefix[k]:
            return False
    return True


@compiled
def _find(flat: Any, after: Any, prefix: Any, texts: Any, labels: Any, hashes: Any) -> int:
    """Bounds of texts and labels, and the hash of each label, of plain lines from after[0] on; how many they
    are. after[0] is then the byte after the last."""
    at, count = after[0], 0
    while count < len(texts) and _starts_with(flat, at, prefix):
        label = i = at + len(prefix)
        h = SEED
        while i < len(flat) and BLANK < flat[i] <= LAST_VISIBLE:
            h = (h ^ np.uint64(flat[i])) * PRIME
            i += 1
        stop = i
        while i < len(flat) and flat[i] == BLANK:
            i += 1
        visible = i < len(flat) and BLANK < flat[i] <= LAST_VISIBLE
        if stop in (label, i) or not visible or _starts_with(flat, i, prefix):
            break
        text = i
        while i < len(flat) and flat[i] != LINE_FEED:
            i += 1
        texts[count, 0], texts[count, 1] = text, i - 1 if flat[i - 1] == RETURN else i
        labels[count, 0], labels[count, 1], hashes[count] = label, stop, h
        count += 1
        at = min(i + 1, len(flat))
    after[0] = at
    return count


@compiled
def _same(flat: Any, spans: Any, others: Any) -> bool:
    """Whether each span holds the bytes of that other one."""
    for row in range(len(spans)):
        start, length = spans[row, 0], spans[row, 1] - spans[row, 0]
        other = spans[others[row], 0]
        if spans[others[row], 1] - other != length:
            return False
        for k in range(length):
            if flat[start + k] != flat[other + k]:
                return False
    return True


@compiled
def _join(flat: Any, spans: Any, out: Any) -> None:
    """The bytes of all spans, end to end."""
    total = 0
    for row in range(len(spans)):
        for i in range(spans[row, 0], spans[row, 1]):
            out[total] = flat[i]
            total += 1
