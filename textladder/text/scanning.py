"""Compiled kernels that cut plain UTF-8 into units, look them up and count them. Used by `plain.py` only.

Tables, one entry per code point of the basic plane: `kinds` (what the code point is to the scan), `lower` (its
lower case), `single` (the id of the unit that is this code point alone). A set of units is an open-addressing hash
table: `slots` [M, 2] (hash, index), `codes` (all units end to end, as code points), `ends` [units + 1].
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

SPACE, LETTER, OTHER, APOSTROPHE, AMPERSAND, LESS, SLOW = range(7)
WORD, WHITESPACE, CHARACTER = range(3)
UNKNOWN = 1
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
SEED, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits

compiled = numba.njit(cache=True, nogil=True, _nrt=False)
# Inlined by numba itself: LLVM would inline too, but leave the counting of array references in the loop.
inlined = numba.njit(cache=True, nogil=True, _nrt=False)


@inlined
def _code(flat: Any, i: int, end: int) -> tuple[int, int]:
    """The code point at byte i and its width in bytes; (-1, 1) outside the basic plane or if it is not UTF-8."""
    first = np.int64(flat[i])
    if first < 0x80:
        return first, 1
    if 0xC2 <= first < 0xE0 and i + 1 < end and flat[i + 1] & 0xC0 == 0x80:
        return (first & 0x1F) << 6 | (np.int64(flat[i + 1]) & 0x3F), 2
    if 0xE0 <= first < 0xF0 and i + 2 < end and flat[i + 1] & 0xC0 == 0x80 and flat[i + 2] & 0xC0 == 0x80:
        code = (first & 0x0F) << 12 | (np.int64(flat[i + 1]) & 0x3F) << 6 | (np.int64(flat[i + 2]) & 0x3F)
        return (code, 3) if code >= 0x800 else (-1, 1)
    return -1, 1


@inlined
def _is_plain(flat: Any, i: int, end: int, kinds: Any) -> bool:
    while i < end:
        code, width = _code(flat, i, end)
        if code < 0 or kinds[code] == SLOW:
            return False
        if kinds[code] == AMPERSAND and i + 1 < end:
            after = flat[i + 1]
            if after == 35 or 65 <= (after & 0xDF) <= 90:  # "&#" or "&a" may begin an entity
                return False
        i += width
    return True


@inlined
def _after_break(flat: Any, i: int, end: int, kinds: Any) -> int:
    """Where the tag <br>, <br/> or <br /> that begins at i ends, or i if there is none."""
    if i + 3 >= end or (flat[i + 1] & 0xDF) != 66 or (flat[i + 2] & 0xDF) != 82:
        return i
    j = i + 3
    while j < end:
        code, width = _code(flat, j, end)
        if kinds[code] != SPACE:
            break
        j += width
    if j < end and flat[j] == 47:
        j += 1
    return j + 1 if j < end and flat[j] == 62 else i


@inlined
def _next(flat: Any, i: int, end: int, mode: int, kinds: Any, lower: Any) -> tuple[int, int, Any]:
    """The next unit of a plain row from byte i: (start, stop, hash of its lower case); start is -1 at the end.

    A unit of no width stands for the space that a <br> becomes when units are characters.
    """
    h = SEED
    while i < end:
        code, width = _code(flat, i, end)
        kind = kinds[code]
        if kind == LESS:
            after = _after_break(flat, i, end, kinds)
            if after > i:
                i = after
                if mode == CHARACTER:
                    return i, i, h
                continue
        if mode == CHARACTER:
            return i, i + width, (h ^ np.uint64(lower[code])) * PRIME
        if kind == SPACE:
            i += width
            continue
        start = i
        h = (h ^ np.uint64(lower[code])) * PRIME
        i += width
        if mode == WORD and kind != LETTER:
            return start, i, h
        while i < end:
            code, width = _code(flat, i, end)
            kind = kinds[code]
            if mode == WORD:
                if kind == APOSTROPHE:
                    if i + width >= end or kinds[_code(flat, i + width, end)[0]] != LETTER:
                        break
                elif kind != LETTER:
                    break
            elif kind == SPACE or (kind == LESS and _after_break(flat, i, end, kinds) > i):
                break
            h = (h ^ np.uint64(lower[code])) * PRIME
            i += width
        return start, i, h
    return -1, -1, h


@inlined
def _slot(flat: Any, start: int, stop: int, h: Any, lower: Any, slots: Any, codes: Any, ends: Any) -> int:
    """The slot of the unit flat[start:stop], or the empty one where it belongs."""
    mask = len(slots) - 1
    slot = np.int64((h ^ (h >> np.uint64(32))) & np.uint64(mask))
    while slots[slot, 1] != EMPTY:
        if slots[slot, 0] == h:
            unit = np.int64(slots[slot, 1])
            i, k = start, ends[unit]
            while i < stop and k < ends[unit + 1]:
                code, width = _code(flat, i, stop)
                if lower[code] != codes[k]:
                    break
                i += width
                k += 1
            if i == stop and k == ends[unit + 1]:
                return slot
        slot = (slot + 1) & mask
    return slot


@compiled
def encode_row(
    flat: Any, i: int, end: int, out: Any, n: int, mode: int, kinds: Any, lower: Any, single: Any, slots: Any,
    codes: Any, ends: Any,
) -> int:  # fmt: skip
    """Writes the ids of one row to out[n:] and returns where they end; -1 if the row is not plain."""
    if not _is_plain(flat, i, end, kinds):
        return -1
    while True:
        start, stop, h = _next(flat, i, end, mode, kinds, lower)
        if start < 0:
            return n
        if start == stop:
            out[n] = single[32]
        else:
            code, width = _code(flat, start, stop)
            if start + width == stop:
                out[n] = single[lower[code]]
            else:
                unit = slots[_slot(flat, start, stop, h, lower, slots, codes, ends), 1]
                out[n] = UNKNOWN if unit == EMPTY else np.int32(unit)
        n += 1
        i = stop


@compiled
def encode_rows(
    flat: Any, offsets: Any, first: int, last: int, out: Any, counts: Any, mode: int, kinds: Any, lower: Any,
    single: Any, slots: Any, codes: Any, ends: Any,
) -> int:  # fmt: skip
    """Rows first..last into `out`, densely; `counts` gets the units per row, -1 where a row is not plain."""
    n = 0
    for row in range(first, last):
        stop = encode_row(
            flat, offsets[row], offsets[row + 1], out, n, mode, kinds, lower, single, slots, codes, ends
        )
        counts[row] = -1 if stop < 0 else stop - n
        n = max(n, stop)
    return n


@compiled
def count_rows(
    flat: Any, offsets: Any, row: int, used: Any, plain: Any, mode: int, kinds: Any, lower: Any, slots: Any,
    codes: Any, ends: Any, counts: Any,
) -> int:  # fmt: skip
    """Counts the units of plain rows from `row` on. Stops at the row in which the tables must grow, and goes on there.

    `used`: units, letters, spaces that stood as <br>, bytes of the first row that are counted already.
    """
    units, letters = used[0], used[1]
    while row < len(plain):
        i, end = offsets[row] + used[3], offsets[row + 1]
        plain[row] = _is_plain(flat, i, end, kinds)
        while plain[row]:
            start, stop, h = _next(flat, i, end, mode, kinds, lower)
            if start < 0:
                break
            if start == stop:
                used[2] += 1
                i = stop
                continue
            slot = _slot(flat, start, stop, h, lower, slots, codes, ends)
            if slots[slot, 1] == EMPTY:
                if units == len(counts) or letters + stop - start > len(codes):
                    used[0], used[1], used[3] = units, letters, i - offsets[row]
                    return row
                slots[slot, 0], slots[slot, 1] = h, np.uint64(units)
                while start < stop:
                    code, width = _code(flat, start, stop)
                    codes[letters] = lower[code]
                    letters += 1
                    start += width
                units += 1
                ends[units] = letters
            counts[np.int64(slots[slot, 1])] += 1
            i = stop
        used[3] = 0
        row += 1
    used[0], used[1] = units, letters
    return row


@compiled
def place(slots: Any, codes: Any, ends: Any, units: Any) -> None:
    """Puts the units named into empty slots."""
    mask = len(slots) - 1
    for unit in units:
        h = SEED
        for k in range(ends[unit], ends[unit + 1]):
            h = (h ^ np.uint64(codes[k])) * PRIME
        slot = np.int64((h ^ (h >> np.uint64(32))) & np.uint64(mask))
        while slots[slot, 1] != EMPTY:
            slot = (slot + 1) & mask
        slots[slot, 0], slots[slot, 1] = h, np.uint64(unit)


@compiled
def merge(out: Any, offsets: Any, counts: Any, fast: Any, slow: Any) -> None:
    """Rows of the two paths back into the order of the texts."""
    f, s = 0, 0
    for row in range(len(counts)):
        begin, end = offsets[row], offsets[row + 1]
        if counts[row] >= 0:
            out[begin:end] = fast[f : f + end - begin]
            f += end - begin
        else:
            out[begin:end] = slow[s : s + end - begin]
            s += end - begin
