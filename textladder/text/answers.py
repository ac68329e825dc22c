"""Answers as spans of a passage's tokens, and which words of it the question has."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Ragged
from textladder.text.tokens import Bounds

STEM = 5  # letters in which the beginnings of two words are compared
MATCHES = (
    "the word",
    "in small letters",
    "its first letters",
)  # bits of `matches`: what the question has too


def tokens_of(span: Bounds, tokens: Sequence[Bounds]) -> Bounds | None:
    """The first and the last of the tokens that a span of characters touches; None if it touches none."""
    first = bisect_right(tokens, span[0], key=lambda bounds: bounds[1])
    last = bisect_left(tokens, span[1], key=lambda bounds: bounds[0]) - 1
    return (first, last) if first <= last else None


def matches(
    passages: Sequence[Sequence[str]], of: NDArray[np.int64], questions: Sequence[Sequence[str]]
) -> Ragged:
    """Of each token of each row's passage, as bits, in which of the ways of MATCHES its question has it: the
    exact-match feature of Chen et al. 2017, https://arxiv.org/abs/1704.00051, section 3.2, with the first
    letters in place of lemmas. passages: the words of different ones; of [n]: which is that of each row;
    questions: the words of each row's."""
    sizes = np.array([len(words) for words in passages], np.int64)
    offsets = np.append(0, np.cumsum(sizes[of]))
    asked = np.repeat(np.arange(len(questions)), [len(words) for words in questions])
    row = np.repeat(np.arange(len(of)), sizes[of])
    found = np.zeros(int(offsets[-1]), np.uint8)
    for bit, form in enumerate((_as_it_is, str.lower, _stem)):
        known: dict[str, int] = {}
        mine = Ragged.of([[known.setdefault(form(word), len(known)) for word in words] for words in passages])
        theirs = [known.get(form(word), -1) for word in chain.from_iterable(questions)]
        # One number for a row and a word: two rows never meet.
        there = np.isin(row * (len(known) + 1) + mine.take(of).flat, asked * (len(known) + 1) + theirs)
        found |= there.astype(np.uint8) << bit
    return Ragged(found, offsets)


def _as_it_is(word: str) -> str:
    return word


def _stem(word: str) -> str:
    return word.lower()[:STEM]
