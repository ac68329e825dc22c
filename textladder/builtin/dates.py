"""Which day is this? Dates as 40 languages write them, to ISO 8601, from CLDR as the Babel package has it.

The days of the three parts are apart: no day that is tested was trained on in any language. The width in
which the order of day and month cannot be told ("04/03/98") is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from hashlib import blake2b

SUMMARY = "Which day is this? Dates as 40 languages write them, to be written as 1998-03-04"
SOURCE = "Unicode CLDR through Babel; Unicode License v3"
SETTINGS = {
    "tokenizer.units": "character",
    "task.metric": "exact_match",
    "task.length_factor": 0.0,  # a day has ten characters, however it was written
    "training.epochs": 5,
}
LOCALES = (
    *("af", "bg", "bs", "ca", "cs", "cy", "da", "de", "el", "en"),
    *("es", "et", "eu", "fi", "fr", "gl", "hr", "hu", "id", "is"),
    *("it", "ja", "ko", "lt", "lv", "mk", "nb", "nl", "pl", "pt"),
    *("ro", "ru", "sk", "sl", "sr", "sv", "tr", "uk", "vi", "zh"),
)
WIDTHS = ("full", "long", "medium")
FIRST, LAST = date(1950, 1, 1), date(2049, 12, 31)
SIZES = {"train": 20_000, "dev": 500, "test": 1_000}


def make() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The rows of each part, (date as written, (ISO date,))."""
    from babel import Locale
    from babel.dates import format_date

    locales = [Locale.parse(code) for code in LOCALES]
    days = sorted(_days(), key=lambda day: _order(day.isoformat()))
    parts: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    begin = 0
    for part, size in (("test", SIZES["test"]), ("dev", SIZES["dev"]), ("train", SIZES["train"])):
        some, begin = days[begin : begin + size], begin + size
        parts[part] = [
            (
                format_date(day, WIDTHS[n // len(locales) % len(WIDTHS)], locales[n % len(locales)]),
                (day.isoformat(),),
            )
            for n, day in enumerate(some)
        ]
    return parts


def _days() -> Iterator[date]:
    for number in range((LAST - FIRST).days + 1):
        yield FIRST + timedelta(number)


def _order(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=16, salt=b"dates").digest()
