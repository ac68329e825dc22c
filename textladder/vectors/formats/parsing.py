"""Compiled scanning of lines of "word number number ..." in bytes: where words end, and the numbers.

Numbers are read exactly: up to 19 digits as a whole number, which a power of ten that a double holds exactly
brings to size (Clinger 1990); the result is the nearest double, and its float32 what numpy makes of the text.
The few that this cannot do (more digits, large exponents, "nan") are left to Python.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

SPACE, TAB, RETURN, FEED = 32, 9, 13, 10
POWERS = 10.0 ** np.arange(23)  # all exact
EXACT = np.uint64(1) << np.uint64(53)
U10 = np.uint64(10)
BLANK = "the word has a blank in it, or {!r} should be a number."
GOOD, HARD, SHORT, LONG = 0, 1, 2, 3  # what became of a line


@kernel
def word_ends(block: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Any:
    """For each line starts[i]..ends[i] of the block: where its word ends (at the first blank)."""
    stops = np.empty(len(starts), np.int64)
    for i in range(len(starts)):
        p, stop = np.uint64(starts[i]), np.uint64(ends[i])
        while p < stop and block[p] != SPACE and block[p] != TAB:
            p += np.uint64(1)
        stops[i] = p
    return stops


@kernel
def parse_rows(
    block: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    powers: NDArray[np.float64],
    out: NDArray[np.float32],
) -> Any:
    """The numbers of each line part starts[i]..ends[i] to out[i]; returns what became of each line. HARD ones
    are to be read again by Python."""
    said = np.zeros(len(starts), np.uint8)
    width = np.uint64(out.shape[1])
    one = np.uint64(1)
    for i in range(len(starts)):
        p, stop, d = np.uint64(starts[i]), np.uint64(ends[i]), np.uint64(0)
        while True:
            while p < stop and (block[p] == SPACE or block[p] == TAB or block[p] == RETURN):
                p += one
            if p >= stop:
                break
            if d == width:
                said[i] = LONG
                break
            negative = block[p] == 45
            if negative or block[p] == 43:
                p += one
            first = p
            mantissa, point = np.uint64(0), np.uint64(0)
            while p < stop:
                digit = np.uint8(block[p] - np.uint8(48))
                if digit > 9:
                    break
                mantissa = mantissa * U10 + np.uint64(digit)
                p += one
            length = p - first
            if p < stop and block[p] == 46:
                p += one
                point = p
                while p < stop:
                    digit = np.uint8(block[p] - np.uint8(48))
                    if digit > 9:
                        break
                    mantissa = mantissa * U10 + np.uint64(digit)
                    p += one
                point = p - point
                length += point
            exponent = -np.int64(point)
            if p < stop and (block[p] | 32) == 101 and length > 0:
                p += one
                minus = p < stop and block[p] == 45
                if minus or (p < stop and block[p] == 43):
                    p += one
                power, digits = np.int64(0), p
                while p < stop and np.uint8(block[p] - np.uint8(48)) <= 9 and power < 10000:
                    power = power * 10 + np.int64(block[p] - np.uint8(48))
                    p += one
                if p == digits:
                    length = np.uint64(0)  # no digit: not a number
                exponent += -power if minus else power
            ended = p >= stop or block[p] == SPACE or block[p] == TAB or block[p] == RETURN
            easy = -22 <= exponent <= 22 and mantissa <= EXACT and np.uint64(0) < length <= np.uint64(19)
            if not (ended and easy):
                said[i] = HARD
                break
            value = np.float64(mantissa)
            value = value / powers[-exponent] if exponent < 0 else value * powers[exponent]
            if not value < 3.4028235677973362e38:  # the least that rounds to infinity
                said[i] = HARD
                break
            out[i, d] = -value if negative else value
            d += one
        if said[i] == GOOD and d < width:
            said[i] = SHORT
    return said


def parse_line(text: str, width: int) -> tuple[NDArray[np.float32] | None, str]:
    """The numbers of a line that the kernel left, or None and a sentence that says what is wrong with it."""
    fields = text.split()
    values = [_number(field) for field in fields]
    if None in values:
        wrong = fields[values.index(None)]
        return None, BLANK.format(wrong) if len(fields) > width else f"this is not a number: {wrong!r}."
    if len(values) != width:
        return None, f"{len(values)} numbers after the word, not {width}."
    with np.errstate(over="ignore"):
        numbers = np.array(values, np.float64).astype(np.float32)
    if not np.isfinite(numbers).all():
        return None, "a number is not finite (NaN or infinity)."
    return numbers, ""


def _number(field: str) -> float | None:
    try:
        return None if "_" in field else float(field)  # Python allows 1_000
    except ValueError:
        return None
