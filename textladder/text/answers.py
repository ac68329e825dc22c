"""Answers as spans of a passage's tokens, and which words of it the question has."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from textladder.ragged import Ragged
from textladder.text.tokens import Bounds

STEM = 5  # letters in which the beginnings of two words are compared


def tokens_of(span: Bounds, tokens: Sequence[Bounds]) -> Bounds | None:
    """The first and the last of the tokens that a span of characters touches; None if it touches none."""
    first = bisect_right(tokens, span[0], key=lambda bounds: bounds[1])
    last = bisect_left(tokens, span[1], key=lambda bounds: bounds[0]) - 1
    return (first, last) if first <= last else None


def _as_it_is(word: str) -> str:
    return word


def _stem(word: str) -> str:
    return word.lower()[:STEM]


FORMS: tuple[Callable[[str], str], ...] = (_as_it_is, str.lower, _stem)
BITS = len(FORMS) + 1  # of what `matches` says


def matches(
    passages: Sequence[Sequence[str]], of: NDArray[np.int64], questions: Sequence[Sequence[str]]
) -> Ragged:
    """Of each token of each row's passage, as bits: whether its question has the word as it is, in small
    letters, and the first letters of it (in place of lemmas), and whether the passage has it only once: the
    features of Chen et al. 2017, https://arxiv.org/abs/1704.00051, section 3.2, that need no other program.

    passages: the words of different ones; of [n]: which is that of each row; questions: the words of each
    row's."""
    sizes = np.array([len(words) for words in passages], np.int64)
    offsets = np.append(0, np.cumsum(sizes[of]))
    row = np.repeat(np.arange(len(of)), sizes[of])
    asked = np.repeat(np.arange(len(questions)), [len(words) for words in questions])
    found = np.zeros(int(offsets[-1]), np.uint8)
    for bit, form in enumerate(FORMS):
        known: dict[str, int] = {}
        mine = Ragged.of([[known.setdefault(form(word), len(known)) for word in words] for words in passages])
        theirs = [known.get(form(word), -1) for word in chain.from_iterable(questions)]
        # One number for a row and a word: no two rows share one.
        keys = row * (len(known) + 1) + mine.take(of).flat
        there = np.isin(keys, asked * (len(known) + 1) + theirs)
        found |= there.astype(np.uint8) << bit
        if form is str.lower:
            _, word, times = np.unique(keys, return_inverse=True, return_counts=True)
            found |= (times[word] == 1).astype(np.uint8) << len(FORMS)
    return Ragged(found, offsets)
