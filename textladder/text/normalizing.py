"""Unicode form, case, accents and HTML entities, as one normalizer of the `tokenizers` library.

It is part of tokenizer.json, and it keeps track of where each character came from, so that the span of a unit
is always a span of the text that the user gave.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from html.entities import name2codepoint

from tokenizers import Regex, normalizers

# The named entities that occur in running text; each is also read as &#NNN; and &#xHHH;. Anything else
# that looks like an entity stays as it is written.
ENTITIES = (
    "quot lt gt nbsp ensp emsp thinsp ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo laquo raquo lsaquo "
    "rsaquo hellip bull middot copy reg trade euro pound yen cent sect deg times frac12 iexcl iquest "
    "agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml "
    "ntilde ograve oacute ocirc otilde ouml oslash ugrave uacute ucirc uuml yuml szlig"
)

CODES = {name2codepoint[name]: name for name in ENTITIES.split()} | {ord("'"): "apos"}

SURROGATE = re.compile("[\ud800-\udfff]")


def normalizer(unicode: str, lowercase: bool, accents: str, html: bool) -> normalizers.Normalizer:
    """HTML, then the Unicode form, then case, then accents; an empty sequence where nothing is asked for."""
    steps: list[normalizers.Normalizer] = _html() if html else []
    if unicode != "none":
        steps.append(normalizers.NFC() if unicode == "NFC" else normalizers.NFKC())
    if lowercase:
        steps.append(normalizers.Lowercase())
    if accents == "strip":
        # Letters are taken apart, lose their marks, and the rest (Hangul syllables) is put together again.
        steps += [normalizers.NFD(), normalizers.StripAccents(), normalizers.NFC()]
    return normalizers.Sequence(steps)


def _html() -> list[normalizers.Normalizer]:
    # The ampersand last, so that "&amp;lt;" becomes "&lt;" and not "<".
    steps: list[normalizers.Normalizer] = [
        normalizers.Replace(Regex(_entity(code)), chr(code)) for code in [*CODES, ord("&")]
    ]
    steps.append(normalizers.Replace(Regex(r"(?i:<br\s*/?>)"), " "))
    return steps


def _entity(code: int) -> str:
    """The ways to write a character as an entity, as a pattern for both Python and the library."""
    hexadecimal = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{code:x}")
    return f"&(?:{CODES.get(code, 'amp')}|#0*{code}|#[xX]0*{hexadecimal});"


def without_surrogates(text: str) -> tuple[str, int]:
    """`text` with each lone surrogate as U+FFFD (one for one, so that spans stay), and their number."""
    return SURROGATE.subn("\ufffd", text)


def whole_spans(text: str, spans: list[tuple[int, int]], html: bool) -> list[tuple[int, int]]:
    """The library's spans, made whole.

    The library places a character that was made of several at one of them: "&amp;" at its semicolon, an "e"
    and a combining accent at the "e". Here a span takes in all of an entity, a letter with all its
    combining marks if it has several (normal forms may put them in another order), and the characters that
    went into its last one.
    """
    if text.isascii() and not (html and ("&" in text or "<" in text)):
        return spans
    block = {place: (start, stop) for start, stop in _blocks(text, html) for place in range(start, stop)}
    taken = bytearray(len(text))  # 1 where a character is in a span
    for start, stop in spans:
        taken[start:stop] = b"\1" * (stop - start)
    whole: list[tuple[int, int]] = []
    for span in spans:
        start, stop = span
        if stop > start:
            start, stop = block.get(start, span)[0], block.get(stop - 1, span)[1]
        while stop < len(text) and not (taken[stop] or text[stop].isspace() or text[stop] in "&<"):
            stop += 1
        whole.append((start, stop))
    return whole


def _blocks(text: str, html: bool) -> Iterator[tuple[int, int]]:
    """Where characters stand that only make sense together; of two that overlap, the later is the larger."""
    start = 0
    for place in range(len(text) + 1):
        if place == len(text) or not _is_mark(text[place]):
            letter = max(start - 1, 0)
            # One mark after a plain letter stays; several, or a letter with a mark in it, may change places.
            if place - start > 1 or (place > start and unicodedata.decomposition(text[letter])):
                yield letter, place
            start = place + 1
    for found in _ENTITY_OR_BREAK.finditer(text) if html else ():
        stop = found.end()
        while stop < len(text) and _is_mark(text[stop]):
            stop += 1
        yield found.start(), stop


def _is_mark(char: str) -> bool:
    """Whether a normal form may move the character past another mark; so it may half-width voicing marks."""
    return not char.isascii() and unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) > 0


_LESS, _GREATER = (f"(?:{char}|{_entity(ord(char))})" for char in "<>")
_ENTITY_OR_BREAK = re.compile(
    "|".join([rf"{_LESS}[bB][rR]\s*/?{_GREATER}", *(_entity(code) for code in [*CODES, ord("&")])])
)
