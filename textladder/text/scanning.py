"""Compiled kernels that read plain UTF-8, cut it into units, look them up and count them, for `plain.py`.

A row is first read into scratch: `text` (its code points in lower case) and `kind` (what each is to the cut),
which must have room for one entry more than the row has bytes. Tables have one entry per code point of the
basic plane: `kinds`, `lower`, `single` (the id of the unit that is this code point alone). A set of units is
an open-addressing hash table: `slots` [M, 2] (hash, index), `codes` (all units end to end, as code points)
and `ends` [units + 1].
"""
# ruff: noqa: PLR0917 - numba calls are by position

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

SPACE, LETTER, OTHER, APOSTROPHE, AMPERSAND, LESS, SLOW = range(7)
WORD, WHITESPACE, CHARACTER = range(3)
UNKNOWN, SPECIAL_UNITS = 1, 4
# The commonest entities; all others are left to the library.
ENTITY_NAMES = np.frombuffer(b"lt;gt;amp;quot;#39;apos;", np.uint8)
ENTITY_CODES = np.array([60, 62, 38, 34, 39, 39])
SEMICOLON = 59
LONGEST_ENTITY = 16  # an ampersand with so many letters after it begins none
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
SEED, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a, 64 bits


def compiled(function: Callable[..., Any]) -> Any:
    try:
        # Nothing is allocated here; without numba's reference counts the loops are some twenty times as fast.
        return numba.njit(function, cache=True, nogil=True, _nrt=False)
    except KeyError:  # a numba that knows the option no more
        return numba.njit(function, cache=True, nogil=True)


@compiled
def _wide(flat: Any, i: int, end: int) -> Any:
    """Code point beyond ASCII at byte i, and its width; (-1, 1) outside the basic plane or if not UTF-8."""
    first = np.int64(flat[i])
    if 0xC2 <= first < 0xE0 and i + 1 < end and flat[i + 1] & 0xC0 == 0x80:
        return (first & 0x1F) << 6 | (np.int64(flat[i + 1]) & 0x3F), 2
    if 0xE0 <= first < 0xF0 and i + 2 < end and flat[i + 1] & 0xC0 == 0x80 and flat[i + 2] & 0xC0 == 0x80:
        code = (first & 0x0F) << 12 | (np.int64(flat[i + 1]) & 0x3F) << 6 | (np.int64(flat[i + 2]) & 0x3F)
        return (code, 3) if code >= 0x800 else (-1, 1)
    return -1, 1


@compiled
def _after_break(flat: Any, i: int, end: int, kinds: Any) -> int:
    """Where the tag <br>, <br/> or <br /> that begins with "<br" at i ends, or i if it is none."""
    j = i + 3
    while j < end:
        code, width = (np.int64(flat[j]), 1) if flat[j] < 0x80 else _wide(flat, j, end)
        if code < 0 or kinds[code] != SPACE:
            break
        j += width
    if j < end and flat[j] == 47:
        j += 1
    return j + 1 if j < end and flat[j] == 62 else i


@compiled
def _entity(flat: Any, i: int, end: int) -> Any:
    """The character that the entity at i stands for, and its width; (38, 1) if there is none, (-1, 1) if
    there may be one that is too rare to be known here."""
    name = 0
    for code in ENTITY_CODES:
        j = i + 1
        while ENTITY_NAMES[name] != SEMICOLON and j < end and flat[j] == ENTITY_NAMES[name]:
            j, name = j + 1, name + 1
        if ENTITY_NAMES[name] == SEMICOLON and j < end and flat[j] == SEMICOLON:
            return np.int64(code), j + 1 - i
        while ENTITY_NAMES[name] != SEMICOLON:
            name += 1
        name += 1
    j = i + 1
    while j < end and j < i + LONGEST_ENTITY and (48 <= flat[j] < 58 or 65 <= (flat[j] & 0xDF) < 91):
        j += 1
    return (-1, 1) if j < end and (flat[j] == SEMICOLON or flat[j] == 35) else (38, 1)


@compiled
def _read(flat: Any, i: int, end: int, kinds: Any, lower: Any, text: Any, kind: Any) -> int:
    """One row into scratch, entities decoded, <br> as a space, a space after the end; its length, or -1 if
    the row is not plain."""
    n = 0
    while i < end:
        code, width = (np.int64(flat[i]), 1) if flat[i] < 0x80 else _wide(flat, i, end)
        if code == 38 and kinds[code] == AMPERSAND:
            code, width = _entity(flat, i, end)
        if code < 0 or kinds[code] == SLOW:
            return -1
        text[n], kind[n] = lower[code], kinds[code]
        rest = i + width
        if kinds[code] == LESS and rest + 1 < end and flat[rest] & 0xDF == 66 and flat[rest + 1] & 0xDF == 82:
            after = _after_break(flat, i, end, kinds) if width == 1 else i
            if after == i:  # a tag that is in part written in entities, or none
                return -1
            text[n], kind[n] = 32, SPACE
            width = after - i
        n += 1
        i += width
    text[n], kind[n] = 32, SPACE
    return n


@compiled
def _next(text: Any, kind: Any, i: int, n: int, mode: int) -> tuple[int, int, Any]:
    """The next unit from i on: (start, stop, hash); start is n when there is none."""
    if mode != CHARACTER:
        while i < n and kind[i] == SPACE:
            i += 1
    start = i
    if i == n:
        return n, n, SEED
    h = (SEED ^ np.uint64(text[i])) * PRIME
    first = kind[i]
    i += 1
    if mode == WORD and first == LETTER:
        # The space after the end stops both loops.
        while kind[i] == LETTER or (kind[i] == APOSTROPHE and kind[i + 1] == LETTER):
            h = (h ^ np.uint64(text[i])) * PRIME
            i += 1
    elif mode == WHITESPACE:
        while kind[i] != SPACE:
            h = (h ^ np.uint64(text[i])) * PRIME
            i += 1
    return start, i, h


@compiled
def _slot(text: Any, start: int, stop: int, h: Any, slots: Any, codes: Any, ends: Any) -> Any:
    """The slot of the unit text[start:stop], or the empty one where it belongs."""
    mask = len(slots) - 1
    slot = np.int64((h ^ (h >> np.uint64(32))) & np.uint64(mask))
    while slots[slot, 1] != EMPTY:
        if slots[slot, 0] == h:
            unit = np.int64(slots[slot, 1])
            begin = ends[unit]
            if ends[unit + 1] - begin == stop - start:
                k = 0
                while k < stop - start and text[start + k] == codes[begin + k]:
                    k += 1
                if k == stop - start:
                    return slot
        slot = (slot + 1) & mask
    return slot


@compiled
def encode_rows(
    flat: Any, offsets: Any, first: int, last: int, text: Any, kind: Any, out: Any, counts: Any, mode: int,
    kinds: Any, lower: Any, single: Any, slots: Any, codes: Any, ends: Any,
) -> int:  # fmt: skip
    """Ids of rows first..last into `out`, end to end; returns where they end. `counts` gets the units of each
    row, -1 where a row is not plain."""
    total = 0
    for row in range(first, last):
        n = _read(flat, offsets[row], offsets[row + 1], kinds, lower, text, kind)
        counts[row] = n
        i, begin = 0, total
        while i < n:
            start, i, h = _next(text, kind, i, n, mode)
            if i - start == 1:
                out[total] = single[text[start]]
            elif start < n:
                unit = slots[_slot(text, start, i, h, slots, codes, ends), 1]
                if unit < SPECIAL_UNITS:  # a text that spells out "<s>": not for this path
                    counts[row], n, total = -1, -1, begin
                    break
                out[total] = UNKNOWN if unit == EMPTY else np.int32(unit)
            else:
                break
            total += 1
        if n >= 0:
            counts[row] = total - begin
    return total


@compiled
def count_rows(
    flat: Any, offsets: Any, row: int, text: Any, kind: Any, used: Any, plain: Any, mode: int, kinds: Any,
    lower: Any, slots: Any, codes: Any, ends: Any, counts: Any,
) -> int:  # fmt: skip
    """Counts the units of plain rows from `row` on. Stops at the row in which the tables must grow, and goes
    on there. `used`: units, letters, how far into the first row the count has come."""
    units, letters = used[0], used[1]
    while row < len(plain):
        n = _read(flat, offsets[row], offsets[row + 1], kinds, lower, text, kind)
        plain[row] = n >= 0
        i = used[2]
        while i < n:
            start, stop, h = _next(text, kind, i, n, mode)
            if start == n:
                break
            slot = _slot(text, start, stop, h, slots, codes, ends)
            if slots[slot, 1] == EMPTY:
                if units == len(counts) or letters + stop - start > len(codes):
                    used[0], used[1], used[2] = units, letters, i
                    return row
                slots[slot, 0], slots[slot, 1] = h, np.uint64(units)
                for k in range(start, stop):
                    codes[letters] = text[k]
                    letters += 1
                units += 1
                ends[units] = letters
            counts[np.int64(slots[slot, 1])] += 1
            i = stop
        used[2] = 0
        row += 1
    used[0], used[1] = units, letters
    return row


@compiled
def add_units(
    unit: int, used: Any, slots: Any, codes: Any, ends: Any, counts: Any, more_codes: Any, more_ends: Any,
    more_counts: Any,
) -> int:  # fmt: skip
    """Adds the counts of units from number `unit` on of another table. Stops at the unit for which the tables
    must grow; returns its number, or how many there are."""
    units, letters = used[0], used[1]
    while unit < len(more_counts):
        start, stop, h = more_ends[unit], more_ends[unit + 1], SEED
        for k in range(start, stop):
            h = (h ^ np.uint64(more_codes[k])) * PRIME
        slot = _slot(more_codes, start, stop, h, slots, codes, ends)
        if slots[slot, 1] == EMPTY:
            if units == len(counts) or letters + stop - start > len(codes):
                break
            slots[slot, 0], slots[slot, 1] = h, np.uint64(units)
            for k in range(start, stop):
                codes[letters] = more_codes[k]
                letters += 1
            units += 1
            ends[units] = letters
        counts[np.int64(slots[slot, 1])] += more_counts[unit]
        unit += 1
    used[0], used[1] = units, letters
    return unit


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
def merge(out: Any, counts: Any, fast: Any, slow: Any, slow_counts: Any) -> None:
    """Rows of the two paths, in the order of the texts: a count of -1 takes the next row of `slow`."""
    o, f, s, r = 0, 0, 0, 0
    for count in counts:
        if count >= 0:
            for _ in range(count):
                out[o] = fast[f]
                o, f = o + 1, f + 1
        else:
            for _ in range(slow_counts[r]):
                out[o] = slow[s]
                o, s = o + 1, s + 1
            r += 1
