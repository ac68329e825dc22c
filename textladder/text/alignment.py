"""Given tokens and the units of a tokenizer: the one place where the two meet.

Each token is cut into units by itself, so that no unit ever lies in two tokens and the place of a token in
the text is known whatever the tokenizer does to its characters. A token's first unit stands for it (Devlin et
al. 2019, section 5.3). Tokens of which a tokenizer leaves nothing are read as <unk>.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.letters import WIDTH, spelled
from textladder.ragged import Numbers, Ragged
from textladder.text.tokenizing import BEGIN, END, UNKNOWN, Tokenizer
from textladder.text.tokens import Bounds

SPACED = ("character", "byte", "bpe")  # units that tell a space between two tokens


@dataclass(frozen=True)
class Aligned:
    """units: ids of each sentence. firsts: of each token, its first unit, counted within the sentence.
    letters: [units * WIDTH] of each sentence, those of a token at its first unit, else padding."""

    units: Ragged
    firsts: Ragged
    letters: Ragged

    def take(self, rows: Numbers) -> Aligned:
        """The sentences named, in that order."""
        return Aligned(self.units.take(rows), self.firsts.take(rows), self.letters.take(rows))


def align(tokenizer: Tokenizer, texts: Sequence[str], tokens: Sequence[Sequence[Bounds]]) -> Aligned:
    """Sentences with the bounds of their tokens as units."""
    words = [[text[a:b] for a, b in bounds] for text, bounds in zip(texts, tokens, strict=True)]
    sizes = np.array([len(row) for row in words], np.int64)
    parts, own, mark = pieces(tokenizer, texts, tokens, words)
    # A part is a token, or the space before one; `own` says which parts are tokens.
    lengths = parts.lengths
    if not lengths[own].all():
        parts = _filled(parts, own)
        lengths = parts.lengths
    owner = np.repeat(np.arange(len(words)), sizes * (2 if mark else 1))
    ends = int(tokenizer.config.ends)
    counts = np.bincount(owner, lengths, minlength=len(words)).astype(np.int64)
    offsets = np.append(0, np.cumsum(counts + 2 * ends))
    within = parts.offsets[:-1] - np.append(0, np.cumsum(counts))[owner] + ends
    firsts = Ragged(within[own], np.append(0, np.cumsum(sizes)))
    units = _with_ends(parts.flat, counts, offsets) if ends else Ragged(parts.flat, offsets)
    letters = np.zeros((int(offsets[-1]), WIDTH), np.uint8)
    places = firsts.flat + np.repeat(offsets[:-1], sizes)
    letters[places] = spelled(list(chain.from_iterable(words)))
    return Aligned(units, firsts, Ragged(letters.ravel(), offsets * WIDTH))


def taught(kind: str, texts: Sequence[str], tokens: Sequence[Sequence[Bounds]]) -> list[str]:
    """What a tokenizer of these units learns its vocabulary from, to know what `align` will ask of it."""
    if kind in SPACED:
        return list(texts)
    return [text[a:b] for text, bounds in zip(texts, tokens, strict=True) for a, b in bounds]


def pieces(
    tokenizer: Tokenizer, texts: Sequence[str], tokens: Sequence[Sequence[Bounds]], words: list[list[str]]
) -> tuple[Ragged, NDArray[np.bool_], bool]:
    """Units of each part; which parts are tokens; whether every second part is the space before a token."""
    kind = tokenizer.config.units
    flat = list(chain.from_iterable(words))
    if kind not in SPACED:
        return _encoded(tokenizer, flat), np.ones(len(flat), np.bool_), False
    spaces = [
        " " if n and text[bounds[n - 1][1] : a] else ""
        for text, bounds in zip(texts, tokens, strict=True)
        for n, (a, _) in enumerate(bounds)
    ]
    if kind == "bpe":  # a space is part of the unit after it
        joined = [space + word for space, word in zip(spaces, flat, strict=True)]
        return _encoded(tokenizer, joined), np.ones(len(flat), np.bool_), False
    both = list(chain.from_iterable(zip(spaces, flat, strict=True)))
    return _encoded(tokenizer, both), np.arange(len(both)) % 2 == 1, True


def _encoded(tokenizer: Tokenizer, parts: list[str]) -> Ragged:
    ids = tokenizer.encode(parts)
    if not tokenizer.config.ends or not parts:
        return ids
    inside = np.ones(len(ids.flat), np.bool_)
    inside[ids.offsets[:-1]] = inside[ids.offsets[1:] - 1] = False
    return Ragged(ids.flat[inside], ids.offsets - 2 * np.arange(len(ids.offsets)))


def _filled(parts: Ragged, own: NDArray[np.bool_]) -> Ragged:
    """With <unk> in every token that has no unit."""
    empty = (parts.lengths == 0) & own
    flat = np.insert(parts.flat, parts.offsets[:-1][empty], UNKNOWN)
    return Ragged(flat, parts.offsets + np.append(0, np.cumsum(empty)))


def _with_ends(flat: NDArray[Any], counts: NDArray[np.int64], offsets: NDArray[np.int64]) -> Ragged:
    whole = np.full(int(offsets[-1]), BEGIN, flat.dtype)
    whole[offsets[1:] - 1] = END
    inside = np.ones(len(whole), np.bool_)
    inside[offsets[:-1]] = inside[offsets[1:] - 1] = False
    whole[inside] = flat
    return Ragged(whole, offsets)


@dataclass(frozen=True)
class Windows:
    """Rows of at most so many units. owner: [R] the sentence of each; tokens: [R + 1] which tokens (of all
    sentences, in their order) each row counts: every token is counted once. The firsts of `aligned` are those
    of the tokens that count; seen: [R, 2] of those whose first unit a row has, the first and the one
    after the last. begin: [R] the unit of its sentence that a row begins with."""

    aligned: Aligned
    owner: NDArray[np.int64]
    tokens: NDArray[np.int64]
    seen: NDArray[np.int64]
    begin: NDArray[np.int64]


def windows(aligned: Aligned, limit: int) -> Windows:
    """Sentences of more than `limit` units as rows that overlap: each counts the tokens that begin in its
    middle, and sees a quarter of the limit before and after them."""
    lengths = aligned.units.lengths
    if (lengths <= limit).all():
        tokens = aligned.firsts.offsets
        each = np.stack([tokens[:-1], tokens[1:]], 1)
        return Windows(aligned, np.arange(len(lengths)), tokens, each, np.zeros(len(lengths), np.int64))
    middle, side = max(limit // 2, 1), limit // 4
    owner, begins, ends, bounds = [], [], [], []
    for row, length in enumerate(lengths.tolist()):
        for start in range(0, max(length, 1), middle) if length > limit else (0,):
            owner.append(row)
            begins.append(max(start - side, 0) if length > limit else 0)
            ends.append(min(start + middle + side, length) if length > limit else length)
            bounds.append(start)
    rows, a, b = (np.array(values, np.int64) for values in (owner, begins, ends))
    units, places = _spans(aligned.units, rows, a, b, 1), np.array(bounds, np.int64)
    letters = _spans(aligned.letters, rows, a, b, WIDTH)
    firsts = aligned.firsts
    token_owner = np.repeat(np.arange(len(firsts)), firsts.lengths)
    # A token's row: the last of its sentence that begins to count at or before its first unit.
    far = int(lengths.max()) + 1
    at = np.searchsorted(rows * far + places, token_owner * far + firsts.flat, side="right") - 1
    tokens = np.append(0, np.cumsum(np.bincount(at, minlength=len(rows))))
    begun, key = token_owner * far + firsts.flat, rows * far
    seen = np.stack([np.searchsorted(begun, key + a), np.searchsorted(begun, key + b)], 1)
    return Windows(Aligned(units, Ragged(firsts.flat - a[at], tokens), letters), rows, tokens, seen, a)


def _spans(
    ragged: Ragged, rows: NDArray[np.int64], begins: NDArray[np.int64], ends: NDArray[np.int64], size: int
) -> Ragged:
    lengths = (ends - begins) * size
    offsets = np.append(0, np.cumsum(lengths))
    starts = ragged.offsets[rows] + begins * size
    return Ragged(ragged.flat[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)], offsets)
