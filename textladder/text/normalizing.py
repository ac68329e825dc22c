"""Unicode form, case, accents and HTML entities, as one normalizer of the `tokenizers` library.

It is part of tokenizer.json, and it keeps track of where each character came from, so that the span of a unit
is always a span of the text that the user gave.
"""

from __future__ import annotations

import re
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
    steps = [_entity(name, name2codepoint[name]) for name in ENTITIES.split()]
    steps.append(_entity("apos", ord("'")))
    # Last, so that "&amp;lt;" becomes "&lt;" and not "<".
    steps.append(_entity("amp", ord("&")))
    steps.append(normalizers.Replace(Regex(r"(?i:<br\s*/?>)"), " "))
    return steps


def _entity(name: str, code: int) -> normalizers.Normalizer:
    hexadecimal = "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in f"{code:x}")
    return normalizers.Replace(Regex(f"&(?:{name}|#0*{code}|#[xX]0*{hexadecimal});"), chr(code))


def without_surrogates(text: str) -> tuple[str, int]:
    """`text` with each lone surrogate as U+FFFD (one for one, so that spans stay), and their number."""
    return SURROGATE.subn("\ufffd", text)
