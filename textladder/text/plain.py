"""The fast path: ids and counts of plain texts, from compiled kernels over UTF-8 bytes.

A text is *plain* when each of its code points is its own normal form, has a lower case of one code point
and is neither a combining mark nor a joiner, and when no HTML entity is in it. The kernels do for plain texts
what the `tokenizers` library does for all, with the same ids (tests hold the two together, over the whole
basic plane and over real data). Texts that are not plain are left to that library.

At first only ASCII counts as plain, which needs a table of 128 entries; `widen` fills it for the whole basic
plane (a tenth of a second) and is called when a corpus turns out to need it.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Ragged
from textladder.text import scanning
from textladder.text.scanning import (
    AMPERSAND,
    APOSTROPHE,
    CHARACTER,
    EMPTY,
    LESS,
    LETTER,
    OTHER,
    SLOW,
    SPACE,
    UNKNOWN,
    WHITESPACE,
    WORD,
)

PLANE = 1 << 16
MODES = {"word": WORD, "whitespace": WHITESPACE, "character": CHARACTER, "byte": CHARACTER}
BYTES_PER_THREAD = 1 << 17  # below this a second thread costs more than it brings
SLOW_ROWS = 48  # when a chunk has so many rows that are not plain, the tables are widened
HAN_NAMES = ("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "KANGXI RADICAL")
HAN_SIGNS = {0x3005, 0x3007, *range(0x3021, 0x302A), *range(0x3038, 0x303C)}
# Code points that join what stands before them although they are no combining marks: conjoining Hangul, the
# Thai and Lao vowel AM, two Vedic signs that were marks in earlier Unicode, half-width voicing marks.
JOINING = {
    *range(0x1100, 0x1200),
    *range(0xA960, 0xA980),
    *range(0xD7B0, 0xD800),
    0xE33,
    0xEB3,
    0x1CF2,
    0x1CF3,
    0xFF9E,
    0xFF9F,
}


class Scanner:
    """What a code point is to the scan, under one configuration."""

    def __init__(self, units: str, unicode: str, lowercase: bool, accents: str, html: bool) -> None:
        self.mode = MODES[units]
        self.forms: list[Any] = [
            form for form in (unicode, "NFD" if accents == "strip" else "none") if form != "none"
        ]
        self.lowercase, self.html = lowercase, html
        self.wide = False
        self.kinds = np.full(PLANE, SLOW, np.uint8)
        self.lower = np.arange(PLANE, dtype=np.uint16)
        self._fill(range(128))
        # In units of bytes, a code point beyond ASCII is more than one unit.
        self.can_widen = units != "byte"

    def widen_for(self, texts: Ragged) -> None:
        """Widens the tables where many of these texts need it."""
        if self.can_widen and not self.wide and _beyond_ascii(texts.flat, texts.offsets) >= SLOW_ROWS:
            self.widen()

    def widen(self) -> None:
        self._fill(range(128, PLANE))
        self.wide = True

    def _fill(self, codes: range) -> None:
        for code in codes:
            self.kinds[code] = self._kind(code)
            if self.lowercase and self.kinds[code] != SLOW:
                self.lower[code] = ord(chr(code).lower())

    def _kind(self, code: int) -> int:
        char = chr(code)
        category = unicodedata.category(char)
        if code >= 128:
            if category[0] == "M" or category in ("Cf", "Cn", "Cs", "Co") or code in JOINING:
                return SLOW
            if not all(unicodedata.normalize(form, char) == char for form in self.forms):
                return SLOW
            if self.lowercase and (len(char.lower()) != 1 or ord(char.lower()) >= PLANE):
                return SLOW
        if char in "\t\n\v\f\r \x85" or category[0] == "Z":
            return SPACE
        if char in "'’":
            return APOSTROPHE
        if self.html and char in "&<":
            return AMPERSAND if char == "&" else LESS
        is_letter = category[0] in "LN" and code not in HAN_SIGNS
        return LETTER if is_letter and not unicodedata.name(char, "").startswith(HAN_NAMES) else OTHER


class PlainEncoder:
    """Ids of plain texts; `vocabulary` gives the units by id, the four special ones first."""

    def __init__(self, scanner: Scanner, vocabulary: Sequence[str]) -> None:
        self.scanner = scanner
        table = _code_points(vocabulary)
        self.codes, self.ends = table.flat, table.offsets
        self.single = np.full(PLANE, UNKNOWN, np.int32)
        alone = np.flatnonzero(table.lengths == 1)
        alone = alone[self.codes[self.ends[alone]] < PLANE]
        self.single[self.codes[self.ends[alone]]] = alone
        self.slots = _slots(len(table))
        scanning.place(self.slots, self.codes, self.ends, np.arange(len(table)))

    def one(self, text: bytes) -> NDArray[np.int32] | None:
        """Ids of one text, or None if it is not plain."""
        counts = np.empty(1, np.int64)
        bounds = np.array((0, len(text)), np.int64)
        bounds.flags.writeable = False
        ids = self._rows(np.frombuffer(text, np.uint8), bounds, 0, 1, len(text), counts)
        return ids if counts[0] >= 0 else None

    def _rows(  # noqa: PLR0917
        self,
        flat: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        first: int,
        last: int,
        longest: int,
        counts: Any,
    ) -> NDArray[np.int32]:
        s = self.scanner
        out = np.empty(offsets[last] - offsets[first], np.int32)
        text, kind = np.empty(longest + 1, np.uint16), np.empty(longest + 1, np.uint8)
        stop = scanning.encode_rows(
            flat, offsets, first, last, text, kind, out, counts, s.mode, s.kinds, s.lower, self.single,
            self.slots, self.codes, self.ends,
        )  # fmt: skip
        return out[:stop]

    def many(self, texts: Ragged) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Ids of the plain rows end to end, and the units of each row, -1 for those that are not plain."""
        flat, counts = self._scan(texts)
        if self.scanner.can_widen and not self.scanner.wide and np.count_nonzero(counts < 0) >= SLOW_ROWS:
            self.scanner.widen()
            flat, counts = self._scan(texts)
        return flat, counts

    def _scan(self, texts: Ragged) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        flat, offsets = _readonly(texts.flat), _readonly(texts.offsets)
        counts = np.empty(len(texts), np.int64)
        longest = int(texts.lengths.max(initial=0))
        threads = min(_processors(), 1 + len(flat) // BYTES_PER_THREAD)
        if threads == 1:
            return self._rows(flat, offsets, 0, len(texts), longest, counts), counts
        # Rows are shared out so that each thread has about the same number of bytes.
        shares = np.searchsorted(offsets, np.linspace(0, offsets[-1], threads + 1)[1:-1])
        bounds = [0, *(int(share) for share in shares), len(texts)]
        with ThreadPoolExecutor(threads) as pool:
            rows = partial(self._rows, flat, offsets, longest=longest, counts=counts)
            return np.concatenate(list(pool.map(rows, bounds[:-1], bounds[1:]))), counts


def merge(fast: NDArray[np.int32], counts: NDArray[np.int64], slow: Ragged) -> Ragged:
    """The rows of both paths in the order of the texts; `slow` holds those whose count is -1."""
    lengths = counts.copy()
    lengths[counts < 0] = slow.lengths
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    out = np.empty(int(offsets[-1]), np.int32)
    scanning.merge(out, counts, fast, slow.flat, slow.lengths)
    return Ragged(out, offsets)


class PlainCounters:
    """How often each unit occurs in plain texts: two counters, whatever the number of processors, so that
    what is forgotten when there is too much does not depend on it."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self.parts = PlainCounter(scanner), PlainCounter(scanner)
        self._pool = ThreadPoolExecutor(len(self.parts), "counting")

    def __len__(self) -> int:
        """Units of both; one that both have counts twice."""
        return sum(map(len, self.parts))

    @property
    def total(self) -> int:
        """Units counted."""
        return sum(part.total for part in self.parts)

    @property
    def different(self) -> int:
        """Different units counted."""
        return self._together().different

    def add(self, texts: Ragged) -> NDArray[np.bool_]:
        """Counts the plain rows; returns which rows those were."""
        self.scanner.widen_for(texts)
        half = int(np.searchsorted(texts.offsets, texts.offsets[-1] // 2))
        shares = texts.slice(0, half), texts.slice(half, len(texts))
        if len(texts.flat) < BYTES_PER_THREAD or _processors() == 1:
            return np.concatenate([part.count(share) for part, share in zip(self.parts, shares, strict=True)])
        return np.concatenate(list(self._pool.map(PlainCounter.count, self.parts, shares)))

    def add_counts(self, counts: Mapping[str, int] | PlainCounters) -> None:
        """Adds what was counted elsewhere."""
        for more in counts.parts if isinstance(counts, PlainCounters) else (counts,):
            self.parts[0].add_counts(more)

    def take(self, unit: str) -> int:
        """How often a unit was counted, which is forgotten."""
        return sum(part.take(unit) for part in self.parts)

    def result(self, least: int = 1) -> dict[str, int]:
        """As `PlainCounter.result`."""
        return self._together().result(least)

    def keep(self, counts: Mapping[str, int]) -> None:
        """Starts again from these counts."""
        for part, kept in zip(self.parts, (counts, {}), strict=True):
            part.keep(kept)

    def _together(self) -> PlainCounter:
        """All counts in the first table."""
        first, second = self.parts
        if len(second):
            first.add_counts(second)
            second.keep({})
        return first


class PlainCounter:
    """How often each unit occurs in plain texts."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner
        self._empty(1 << 14, 1 << 18)

    def _empty(self, units: int, letters: int) -> None:
        self.slots = _slots(units)
        self.codes = np.zeros(letters, np.uint32)
        self.ends, self.counts = np.zeros(units + 1, np.int64), np.zeros(units, np.int64)
        self.used = np.zeros(3, np.int64)  # units, letters, and where `count_rows` stopped

    def __len__(self) -> int:
        return int(self.used[0])

    @property
    def total(self) -> int:
        """Units counted."""
        return int(self.counts[: len(self)].sum())

    @property
    def different(self) -> int:
        """Different units counted."""
        return int(np.count_nonzero(self.counts[: len(self)]))

    def add(self, texts: Ragged) -> NDArray[np.bool_]:
        """Counts the plain rows; returns which rows those were."""
        self.scanner.widen_for(texts)
        return self.count(texts)

    def count(self, texts: Ragged) -> NDArray[np.bool_]:
        """As `add`, with a scanner that is as wide as it should be: several threads may share it."""
        s = self.scanner
        flat, offsets = _readonly(texts.flat), _readonly(texts.offsets)
        plain = np.zeros(len(texts), np.bool_)
        longest = int(texts.lengths.max(initial=0))
        text, kind = np.empty(longest + 1, np.uint16), np.empty(longest + 1, np.uint8)
        row = 0
        while True:
            row = scanning.count_rows(
                flat, offsets, row, text, kind, self.used, plain, s.mode, s.kinds, s.lower, self.slots,
                self.codes, self.ends, self.counts,
            )  # fmt: skip
            if row == len(texts):
                return plain
            self._grow(int(offsets[row + 1] - offsets[row]))

    def _grow(self, room: int) -> None:
        """Twice the units and letters; the letters of a unit that may fill its whole row also find room."""
        used = self.used
        units, letters = int(used[0]), int(used[1])
        codes, ends, counts = self.codes[:letters], self.ends[: units + 1], self.counts[:units]
        self._empty(2 * len(self.counts), max(2 * len(self.codes), letters + room))
        self.codes[:letters], self.ends[: units + 1], self.counts[:units] = codes, ends, counts
        self.used = used
        scanning.place(self.slots, self.codes, self.ends, np.arange(units))

    def add_counts(self, counts: Mapping[str, int] | PlainCounter) -> None:
        """Adds what was counted elsewhere."""
        if isinstance(counts, PlainCounter):
            codes, ends, more = counts.codes, counts.ends, counts.counts[: len(counts)]
        else:
            table = _code_points(counts)
            codes, ends, more = table.flat, table.offsets, np.array(list(counts.values()), np.int64)
        unit = 0
        while True:
            unit = scanning.add_units(
                unit, self.used, self.slots, self.codes, self.ends, self.counts, codes, ends, more
            )
            if unit == len(more):
                break
            self._grow(int(ends[unit + 1] - ends[unit]))

    def take(self, unit: str) -> int:
        """How often a unit was counted, which is forgotten."""
        ends, codes = self.ends[: len(self) + 1], [ord(char) for char in unit]
        for place in np.flatnonzero(np.diff(ends) == len(codes)).tolist():
            if self.codes[ends[place] : ends[place + 1]].tolist() == codes:
                times, self.counts[place] = int(self.counts[place]), 0
                return times
        return 0

    def result(self, least: int = 1) -> dict[str, int]:
        """How often the units occur that do so `least` times or more; the most frequent ones in any case."""
        counts, ends = self.counts[: len(self)], self.ends[: len(self) + 1]
        chosen = counts >= max(min(least, int(counts.max(initial=0))), 1)
        text = self.codes[: ends[-1]].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
        places = np.flatnonzero(chosen)
        starts, stops = ends[places].tolist(), ends[places + 1].tolist()
        return {text[a:b]: n for a, b, n in zip(starts, stops, counts[places].tolist(), strict=True)}

    def keep(self, counts: Mapping[str, int]) -> None:
        """Starts again from these counts."""
        self._empty(2 * len(counts) + 1, 2 * sum(map(len, counts)) + 1)
        self.used[:] = 0
        self.add_counts(counts)


def _code_points(units: Iterable[str]) -> Ragged:
    """Units as rows of code points."""
    listed = list(units)
    flat = np.frombuffer("".join(listed).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    return Ragged(flat, np.cumsum([0, *map(len, listed)], dtype=np.int64))


def _slots(units: int) -> NDArray[np.uint64]:
    """An empty table at most half full with that many units."""
    return np.full((1 << max(2 * units, 16).bit_length(), 2), EMPTY, np.uint64)


def _readonly(array: NDArray[Any]) -> NDArray[Any]:
    """One numba type for arrays of all origins (bytes, files, memory), so that a kernel is compiled once."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    view.flags.writeable = False
    return view


def _beyond_ascii(flat: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int:
    """An upper bound of the rows with a byte beyond ASCII; exact enough to decide on widening."""
    positions = np.flatnonzero(flat >= 0x80)
    return len(
        np.unique(np.searchsorted(offsets, positions[:: max(1, len(positions) // 4096)], side="right"))
    )


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
