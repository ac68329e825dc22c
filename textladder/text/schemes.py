"""Tags of tokens and spans of tokens: the schemes IOB1, IOB2 (BIO) and BIOES, recognised, read and written.

Tjong Kim Sang and Veenstra 1999, https://aclanthology.org/E99-1023. Files are read by one rule whatever their
scheme (`metrics.chunks`); what a scheme forbids is counted, so that a broken file is not read in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.chunks import BEGIN, END, INSIDE, OUTSIDE, SINGLE, chunks

SchemeName = Literal["BIO", "IOB1", "BIOES"]
# L(ast) and U(nit) are other names of E and S.
PREFIXES = {"B": BEGIN, "I": INSIDE, "E": END, "S": SINGLE, "L": END, "U": SINGLE}
LETTERS = {OUTSIDE: "O", BEGIN: "B", INSIDE: "I", END: "E", SINGLE: "S"}
OF_SCHEME = {
    "BIO": (BEGIN, INSIDE),
    "IOB1": (BEGIN, INSIDE),
    "BIOES": (BEGIN, INSIDE, END, SINGLE),
}
Span = tuple[int, int, str]  # first token (or character), the one after the last, label


def parted(tag: str) -> tuple[int, str] | None:
    """ "B-ORG" -> (BEGIN, "ORG"), "O" -> (OUTSIDE, ""); None for a tag of no scheme."""
    if tag == "O":
        return OUTSIDE, ""
    prefix, hyphen, label = tag.partition("-")
    return (PREFIXES[prefix], label) if hyphen and label and prefix in PREFIXES else None


def marks_spans(tags: Iterable[str]) -> bool:
    """Whether these tags are those of a scheme: all of them, and one at least that is not O."""
    found = [parted(tag) for tag in tags]
    return all(one is not None for one in found) and any(one != (OUTSIDE, "") for one in found)


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Spans of tokens, by the rule of conlleval. The tags are those of one sentence."""
    found = [parted(tag) or (OUTSIDE, "") for tag in tags]
    if not any(prefix for prefix, _ in found):
        return []
    names = list(dict.fromkeys(label for _, label in found))
    number = {name: n for n, name in enumerate(names)}
    prefixes = np.array([prefix for prefix, _ in found])
    types = np.array([number[label] for _, label in found])
    firsts = np.zeros(len(found), np.bool_)
    return [(start, end, names[kind]) for start, end, kind in chunks(prefixes, types, firsts).tolist()]


@dataclass
class Recognised:
    """What a file's tags tell of its scheme, sentence by sentence (`see`)."""

    bare_starts: int = 0  # chunks that begin with I or E: illegal but in IOB1
    needless_begins: int = 0  # B where IOB1 has I: no chunk of that type ends before it
    begins: int = 0
    odd_ends: int = 0  # BIOES: a chunk of several tokens without E, or of one without S
    ends: int = 0  # E and S

    def see(self, tags: Sequence[str]) -> None:
        before, label_before = OUTSIDE, ""
        for tag in [*tags, "O"]:
            prefix, label = parted(tag) or (OUTSIDE, "")
            going_on = before in (BEGIN, INSIDE) and prefix in (INSIDE, END) and label == label_before
            if before in (BEGIN, INSIDE) and not going_on:
                self.odd_ends += 1
            if prefix in (INSIDE, END) and not going_on:
                self.bare_starts += 1
            if prefix == BEGIN:
                self.begins += 1
                self.needless_begins += not (before != OUTSIDE and label == label_before)
            self.ends += prefix in (END, SINGLE)
            before, label_before = prefix, label

    @property
    def scheme(self) -> SchemeName:
        if self.ends:
            return "BIOES"
        return "IOB1" if self.bare_starts and not self.needless_begins else "BIO"

    @property
    def illegal(self) -> int:
        """Chunks that the scheme forbids."""
        return {"BIOES": self.bare_starts + self.odd_ends, "IOB1": 0, "BIO": self.bare_starts}[self.scheme]

    def note(self, name: str) -> str:
        written = {"BIO": "IOB2 (BIO)", "IOB1": "IOB1", "BIOES": "BIOES"}[self.scheme]
        said = f"The tags of {name} are read as {written}."
        if self.illegal:
            said += f" {self.illegal:,} illegal transitions were repaired by the rule of conlleval."
        return said


class TagSet:
    """The tags of a model: of `scheme` over labels, or (scheme None) the labels themselves.

    prefixes, types: [L] of each tag; the type of O is -1.
    """

    def __init__(self, labels: Sequence[str], scheme: SchemeName | None) -> None:
        self.labels, self.scheme = list(labels), scheme
        kinds = OF_SCHEME[scheme] if scheme else (SINGLE,)
        pairs = [(prefix, kind) for kind in range(len(labels)) for prefix in kinds]
        pairs = [(OUTSIDE, -1), *pairs] if scheme else pairs
        self.prefixes = np.array([prefix for prefix, _ in pairs], np.int64)
        self.types = np.array([kind for _, kind in pairs], np.int64)
        self.names = [
            (LETTERS[prefix] + (f"-{labels[kind]}" if prefix else "")) if scheme else labels[kind]
            for prefix, kind in pairs
        ]
        self._number = {pair: number for number, pair in enumerate(pairs)}

    def __len__(self) -> int:
        return len(self.names)

    def of_spans(
        self, spans: Iterable[Sequence[int]], tokens: int, firsts: NDArray[np.bool_] | None = None
    ) -> NDArray[np.int64]:
        """[tokens] the tags that write these spans of tokens (first, after the last, label); what no span
        covers is O, or, without a scheme, -1. firsts: of several sentences end to end, where each begins."""
        tags = np.full(tokens, 0 if self.scheme else -1, np.int64)
        if self.scheme is None:
            for start, end, kind in spans:
                tags[start:end] = self._number[SINGLE, kind]
            return tags
        last, last_kind = -1, -1
        for start, end, kind in spans:
            inside = self._number[INSIDE, kind]
            tags[start:end] = inside
            beside = start == last and kind == last_kind and (firsts is None or not firsts[start])
            if self.scheme != "IOB1" or beside:
                tags[start] = self._number[BEGIN, kind]
            if self.scheme == "BIOES":
                tags[end - 1] = self._number[END if end - start > 1 else SINGLE, kind]
            last, last_kind = end, kind
        return tags

    def legal(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """[L, L] which tag may follow which, [L] which may begin a sentence, [L] which may end one."""
        number = len(self)
        if self.scheme is None:
            return np.ones((number, number), np.bool_), np.ones(number, np.bool_), np.ones(number, np.bool_)
        before, after = self.prefixes[:, None], self.prefixes[None, :]
        same = self.types[:, None] == self.types[None, :]
        opened = np.isin(before, (BEGIN, INSIDE))
        if self.scheme == "IOB1":  # I may stand anywhere, B only after a chunk of its type
            follows = (after != BEGIN) | (opened & same)
            return follows, self.prefixes != BEGIN, np.ones(number, np.bool_)
        goes_on = np.isin(after, (INSIDE, END))
        if self.scheme == "BIO":
            follows = ~goes_on | (opened & same)
            return follows, self.prefixes != INSIDE, np.ones(number, np.bool_)
        follows = (opened & goes_on & same) | (~opened & ~goes_on)
        return follows, ~np.isin(self.prefixes, (INSIDE, END)), ~np.isin(self.prefixes, (BEGIN, INSIDE))
