"""Compiled loops over how words are spelled: [N, W] small numbers, 0 behind the last letter (`letters`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from textladder.layers.halves import kernel

PRIME, START, LOW = np.int64(0x01000193), np.int64(0x811C), np.int64(0x7FFFFFFF)


@kernel
def distinct(letters: Any) -> Any:
    """The first row of each spelling [K], and of each row [N] the number of its spelling."""
    count, width = letters.shape
    size = 16
    while size < 2 * count:
        size *= 2
    slots = np.full(size, -1, np.int64)
    firsts, numbers, found = np.empty(count, np.int64), np.empty(count, np.int64), 0
    for n in range(count):
        row, key = letters[n], START
        for letter in row:
            key = ((key ^ np.int64(letter)) * PRIME) & LOW
        slot = (key ^ (key >> 15)) & (size - 1)
        while slots[slot] >= 0:
            other, same = letters[firsts[slots[slot]]], True
            for i in range(width):
                if other[i] != row[i]:
                    same = False
                    break
            if same:
                break
            slot = (slot + 1) & (size - 1)
        if slots[slot] < 0:
            slots[slot] = found
            firsts[found] = n
            found += 1
        numbers[n] = slots[slot]
    return firsts[:found], numbers


@kernel
def largest(tables: Any, letters: Any, found: Any, places: Any) -> None:
    """A convolution over letters is a sum of rows: tables [K, letters, F] hold what each letter adds at each
    of the K places of a window. Fills found [N, F] with the largest sum over the letters of each word, zeros
    for a word of none, and places [N, F] with where it stands."""
    filters, before = tables.shape[2], (tables.shape[0] - 1) // 2
    here = np.empty(filters, np.float32)
    for n in range(len(letters)):
        row, best, place = letters[n], found[n], places[n]
        for f in range(filters):
            best[f], place[f] = np.float32(0), np.uint8(0)
        for t in range(len(row)):
            if row[t] == 0:
                break
            for f in range(filters):
                here[f] = np.float32(0)
            for k in range(tables.shape[0]):
                at = t + k - before
                if 0 <= at < len(row):
                    added = tables[k, row[at]]
                    for f in range(filters):
                        here[f] += added[f]
            if t == 0:
                for f in range(filters):
                    best[f] = here[f]
            else:
                for f in range(filters):
                    place[f] = np.uint8(t) if here[f] > best[f] else place[f]
                    best[f] = max(here[f], best[f])


@kernel
def spread(gradient: Any, places: Any, letters: Any, of_tables: Any) -> None:
    """The way back: adds gradient [N, F] to the rows that made the largest sums."""
    before = (of_tables.shape[0] - 1) // 2
    for n in range(len(letters)):
        row = letters[n]
        if row[0] == 0:
            continue
        for k in range(of_tables.shape[0]):
            for f in range(gradient.shape[1]):
                at = np.int64(places[n, f]) + k - before
                if 0 <= at < len(row):
                    of_tables[k, row[at], f] += gradient[n, f]


@kernel
def affixes(letters: Any, longest: int, rows: int) -> Any:
    """[N, 2 longest + 1] rows of hashed tables, one table of `rows` after the other from 1 on: of the first
    letters, those beside the edge at first, of the last ones, and of the shape; 0 of a word of none."""
    count = len(letters)
    found = np.zeros((count, 2 * longest + 1), np.int64)
    for n in range(count):
        row, length = letters[n], 0
        while length < len(row) and row[length] != 0:
            length += 1
        if length == 0:
            continue
        ahead, behind, shape, last = START, START, START, np.int64(0)
        for i in range(longest + 1):
            if i < length:
                ahead = _mixed(ahead, np.int64(row[i]))
                behind = _mixed(behind, np.int64(row[length - 1 - i]))
            if i:
                found[n, i - 1], found[n, longest + i - 1] = ahead, behind
        for i in range(length):
            kind = _kind(np.int64(row[i]))
            if kind != last:
                shape = _mixed(shape, kind)
            last = kind
        found[n, 2 * longest] = shape
        for k in range(2 * longest + 1):
            found[n, k] = 1 + k * rows + found[n, k] % rows
    return found


@kernel
def _mixed(found: Any, letter: Any) -> Any:
    mixed = ((found ^ letter) * PRIME) & LOW
    return mixed ^ (mixed >> 15)


@kernel
def _kind(letter: Any) -> Any:
    """Small, capital, digit, beyond ASCII, or the sign itself."""
    if 97 <= letter <= 122:
        return np.int64(97)
    if 65 <= letter <= 90:
        return np.int64(65)
    if 48 <= letter <= 57:
        return np.int64(48)
    return np.int64(128) if letter >= 128 else letter
