"""The lines of an ARPA file's sections for two units and more, compiled."""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import kernel
from textladder.ngrams.trie import child
from textladder.ngrams.words import row_of

OK, EARLY, NUMBER, ABOVE, FIELDS, WORD = range(6)
SAID = {
    NUMBER: "the line does not hold the numbers it should",
    ABOVE: "the logarithm of a probability is above 0",
    FIELDS: "the line has too few fields or too many",
    WORD: "a word of it is not among the 1-grams",
}
LINE, TAB, RETURN, BLANK, BACKSLASH = 10, 9, 13, 32, 92
MINUS, PLUS, POINT, ZERO, NINE, LOWER_E, UPPER_E = 45, 43, 46, 48, 57, 101, 69


@kernel
def field(data: Any, place: int) -> tuple[int, int]:
    """Where the next field of the line begins and ends; both at the line's end if there is none."""
    while data[place] == TAB or data[place] == BLANK or data[place] == RETURN:
        place += 1
    end = place
    while data[end] != LINE and data[end] != TAB and data[end] != BLANK and data[end] != RETURN:
        end += 1
    return place, end


@kernel
def number(data: Any, begin: int, end: int) -> float:
    """The decimal number data[begin:end]; not a number if it is none."""
    sign, value, scale, digits, i = 1.0, 0.0, 0, 0, begin
    if i < end and (data[i] == MINUS or data[i] == PLUS):
        sign = -1.0 if data[i] == MINUS else 1.0
        i += 1
    point = False
    while i < end and (ZERO <= data[i] <= NINE or (data[i] == POINT and not point)):
        if data[i] == POINT:
            point = True
        else:
            value = value * 10 + (data[i] - ZERO)
            digits += 1
            scale += point
        i += 1
    if digits == 0:
        return np.nan
    if i < end and (data[i] == LOWER_E or data[i] == UPPER_E):
        i += 1
        down = False
        if i < end and (data[i] == MINUS or data[i] == PLUS):
            down = data[i] == MINUS
            i += 1
        power, figures = 0, 0
        while i < end and ZERO <= data[i] <= NINE and power < 1000:
            power = power * 10 + (data[i] - ZERO)
            figures += 1
            i += 1
        if figures == 0:
            return np.nan
        scale += power if down else -power
    if i != end:
        return np.nan
    return sign * value * 10.0 ** (-scale)


@kernel
def parse(
    data: Any, place: int, ids: Any, logs: Any, row: int, has_backoff: bool, words: Any
) -> tuple[int, int, int]:
    """Fills ids [rows, units] and logs [rows, 2] from `row` on, to the end of `data` or of the rows; the next
    row, the place of the next line (of the broken one), and what is wrong (OK: nothing)."""
    length = ids.shape[1]
    while place < len(data) and row < len(ids):
        begin, end = field(data, place)
        if begin == end or data[begin] == BACKSLASH:
            return row, place, EARLY
        logs[row, 0], logs[row, 1] = number(data, begin, end), 0
        if not logs[row, 0] <= 0 or logs[row, 0] == -np.inf:
            return row, place, ABOVE if logs[row, 0] > 0 else NUMBER
        for k in range(length):
            begin, end = field(data, end)
            if begin == end:
                return row, place, FIELDS
            found = row_of(words, data, begin, end)
            if found < 0:
                return row, place, WORD
            ids[row, k] = found
        begin, end = field(data, end)
        if begin < end:
            if not has_backoff:
                return row, place, FIELDS
            logs[row, 1] = number(data, begin, end)
            if not abs(logs[row, 1]) < np.inf:
                return row, place, NUMBER
            begin, end = field(data, end)
            if begin < end:
                return row, place, FIELDS
        place, row = begin + 1, row + 1
    return row, place, OK


@kernel
def parents_of(grams: Any, ids: Any, first: Any) -> tuple[NDArray[np.int64], int]:
    """The node of each n-gram [rows, units] without its last unit, and the first row that has none, or -1."""
    parents = np.empty(len(grams), np.int64)
    for row in range(len(grams)):
        node = np.int64(grams[row, 0])
        for k in range(1, grams.shape[1] - 1):
            node = np.int64(child(ids, first, node, grams[row, k]))
            if node < 0:
                return parents, row
        parents[row] = node
    return parents, -1
