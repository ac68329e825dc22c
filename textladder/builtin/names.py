"""What is this country, or language, called elsewhere? Names of CLDR, as the Babel package carries them.

A source begins with the language that is asked for ("fr: Deutschland"). A name that is tested was seen in
training, but not between these two languages: can a model put together what it knows?
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import permutations

SUMMARY = "What is this country or language called in another language? (fr: Deutschland -> Allemagne)"
SOURCE = "Unicode CLDR through Babel; Unicode License v3"
SETTINGS = {"tokenizer.units": "character", "task.metric": "exact_match"}
LOCALES = ("cs", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "sv")
TABLES = ("territories", "languages")
MOST = 24_000
DEV_SHARE, TEST_SHARE = 0.03, 0.05


def make() -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """The rows of each part, (language asked for and name, (its name there,))."""
    from babel import Locale

    rows: dict[str, str] = {}
    spelled: dict[str, str] = {}  # of names that differ in case alone, the first
    unclear = set()
    for table in TABLES:
        names = {code: getattr(Locale.parse(code), table) for code in LOCALES}
        for here, there in permutations(LOCALES, 2):
            for key in sorted(names[here].keys() & names[there].keys()):
                if not key.isdigit() and "_" not in key:
                    text, target = f"{there}: {names[here][key]}", str(names[there][key])
                    text = spelled.setdefault(text.casefold(), text)
                    if rows.setdefault(text, target) != target:
                        unclear.add(text)
    chosen = sorted(rows.keys() - unclear, key=_order)[:MOST]
    dev, test = round(MOST * DEV_SHARE), round(MOST * TEST_SHARE)
    bounds = {"dev": (0, dev), "test": (dev, dev + test), "train": (dev + test, len(chosen))}
    return {
        part: [(text, (rows[text],)) for text in chosen[start:stop]] for part, (start, stop) in bounds.items()
    }


def _order(text: str) -> bytes:
    return blake2b(text.encode("utf-8"), digest_size=16, salt=b"names").digest()
