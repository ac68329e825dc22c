"""Which language is this short string? Names from CLDR, as the Babel package carries them.

Twenty languages in Latin script, chosen with their neighbours (Danish beside Norwegian, Czech beside Slovak,
Spanish beside Portuguese, ...), so that the script gives nothing away. Strings that two of them share are
left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

SUMMARY = "Which of 20 languages is this short string? Names of countries, currencies, months, units, ..."
SOURCE = "Unicode CLDR through Babel; Unicode License v3"

LANGUAGES = {
    "cs": "Czech",
    "da": "Danish",
    "de": "German",
    "en": "English",
    "es": "Spanish",
    "fi": "Finnish",
    "fr": "French",
    "hr": "Croatian",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "nb": "Norwegian",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ro": "Romanian",
    "sk": "Slovak",
    "sl": "Slovenian",
    "sv": "Swedish",
    "tr": "Turkish",
}
SETTINGS = {"tokenizer.units": "character"}  # names are short: what tells a language is how it spells
PER_LANGUAGE = 1500  # strings of each, so that the whole ladder trains on them in minutes
DEV_SHARE, TEST_SHARE = 0.1, 0.2
MIN_LETTERS = 3

# Tables of a locale whose values are names. Patterns, abbreviations and codes are not.
TABLES = ("territories", "languages", "scripts", "variants", "currency_names")
FORMS = ("months", "days", "quarters")  # context -> width -> number -> name
ZONES = ("time_zones", "meta_zones")  # zone -> "city", or "long" -> form -> name


def make() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The rows of each part, (text, (language,)): PER_LANGUAGE of each language, or all it has if fewer."""
    names = {code: _names(code) for code in sorted(LANGUAGES)}
    shared = Counter(key for found in names.values() for key in {text.casefold() for text in found})
    parts: dict[str, list[tuple[str, tuple[str, ...]]]] = {"train": [], "dev": [], "test": []}
    for code, found in names.items():
        # One spelling of each, then an order that no table, hash seed or version of numpy has a say in.
        own = {text.casefold(): text for text in sorted(found, reverse=True) if shared[text.casefold()] == 1}
        chosen = sorted(own.values(), key=_order)[:PER_LANGUAGE]
        dev, test = round(len(chosen) * DEV_SHARE), round(len(chosen) * TEST_SHARE)
        label = (LANGUAGES[code],)
        parts["dev"] += [(text, label) for text in chosen[:dev]]
        parts["test"] += [(text, label) for text in chosen[dev : dev + test]]
        parts["train"] += [(text, label) for text in chosen[dev + test :]]
    return {part: sorted(rows, key=lambda row: _order(row[0], part)) for part, rows in parts.items()}


def _order(text: str, salt: str = "languages") -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=16, salt=salt.encode()).digest()


def _names(code: str) -> set[str]:
    """All names of one language that have letters enough."""
    from babel import Locale

    data = Locale.parse(code)._data
    found = {" ".join(text.split()) for text in _strings(data)}
    return {text for text in found if sum(c.isalpha() for c in text) >= MIN_LETTERS and "{" not in text}


def _strings(data: Mapping[str, Any]) -> Iterator[str]:
    for table in TABLES:
        yield from _leaves(data[table])
    for plural in data["currency_names_plural"].values():
        yield from _leaves(plural)
    for table in FORMS:
        for context in data[table].values():
            yield from _leaves(context.get("wide", {}))
    yield from _leaves(data["eras"].get("wide", {}))
    yield from _leaves(data["unit_display_names"])
    for table in ZONES:
        for zone in data[table].values():
            yield from _leaves({key: zone[key] for key in ("city", "long") if key in zone})


def _leaves(table: Any) -> Iterator[str]:
    if isinstance(table, str):
        yield table
    elif hasattr(table, "values"):
        for value in table.values():
            yield from _leaves(value)
