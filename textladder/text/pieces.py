"""Units to text as they come: no character is cut in two, and the pieces put together are the whole text."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Sequence

from textladder.text.fitting import bytes_in_order
from textladder.text.tokenizing import BEGIN, SPECIAL, UNKNOWN, Tokenizer

Join = Callable[[Iterable[int]], str]  # units -> the text that they spell
BYTE_UNITS = ("byte", "bpe")
SAID = ("", SPECIAL[UNKNOWN], "", "")  # what special units write


def bytes_of(tokenizer: Tokenizer) -> list[bytes]:
    """What each unit of bytes or BPE writes; nothing for other units."""
    if tokenizer.config.units not in BYTE_UNITS:
        return []
    byte_of = {letter: byte for byte, letter in enumerate(bytes_in_order())}
    units = tokenizer.vocabulary[len(SPECIAL) :]
    return [*(text.encode() for text in SAID), *(bytes(byte_of[letter] for letter in unit) for unit in units)]


def is_cut(data: bytes) -> bool:
    """Whether bytes are no text alone: they begin or end within a character."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return True
    return False


def in_hex(data: bytes) -> str:
    """Bytes as a reader can tell them: <0xC3>."""
    return "".join(f"<0x{byte:02X}>" for byte in data)


class Speller:
    """How units are written. Those of bytes and characters spell themselves; all others are put together by
    `join`, with the white space that they leave out (`Spelling.join`)."""

    def __init__(self, tokenizer: Tokenizer, join: Join) -> None:
        self.kind, self.join = tokenizer.config.units, join
        units = tokenizer.vocabulary[len(SPECIAL) :]
        self.strings = [*SAID, *units] if self.kind == "character" else []
        self.bytes = bytes_of(tokenizer)

    def after(self, ids: Sequence[int] = (), text: str = "") -> Pieces:
        """The text of units that come after these, which spell `text`."""
        return Pieces(self, ids[-1] if ids else BEGIN, text)


class Pieces:
    """The text of units that are told one by one."""

    def __init__(self, speller: Speller, before: int, text: str) -> None:
        self._speller, self._before = speller, before
        # White space at the end of the text before, of which its units know nothing.
        self._spaced = text[-1:].isspace() and speller.kind != "unigram"
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, unit: int) -> str:
        """The text that is certain with one more unit; bytes of a character that is not whole yet are kept
        back."""
        speller = self._speller
        if speller.strings:
            return speller.strings[unit]
        if speller.bytes:
            return self._decoder.decode(speller.bytes[unit])
        # Only the unit before another changes how that is written.
        piece = speller.join((self._before, unit))[len(speller.join((self._before,))) :]
        if self._spaced:
            piece, self._spaced = piece.lstrip(), False
        self._before = unit
        return piece

    def end(self) -> str:
        """What was kept back: U+FFFD for bytes that are no character."""
        return self._decoder.decode(b"", final=True)


class Stops:
    """Cuts a text that comes in pieces before the first of some strings; they may span pieces."""

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found = False

    def add(self, piece: str) -> str:
        """The text that no stop can begin in any more. Once one is `found` nothing follows."""
        if not self._stops or self.found:
            return "" if self.found else piece
        text = self._held + piece
        places = [place for place in map(text.find, self._stops) if place >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        kept = max(self._beginning(text, stop) for stop in self._stops)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def end(self) -> str:
        """What was held back as the possible beginning of a stop."""
        held, self._held = self._held, ""
        return held

    @staticmethod
    def _beginning(text: str, stop: str) -> int:
        """How many characters at the end of `text` are the beginning of `stop`."""
        longest = min(len(stop) - 1, len(text))
        return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
