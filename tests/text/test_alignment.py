"""Tokens and units meet exactly, under every tokenizer and for any characters."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textladder.letters import WIDTH, spelled
from textladder.text.alignment import align, taught, windows
from textladder.text.sentences import rebuilt
from textladder.text.tokenizing import UNKNOWN, Tokenizer, TokenizerConfig

UNITS = ("word", "whitespace", "character", "byte", "bpe", "wordpiece", "unigram")
SENTENCES = [
    ["the", "cat", "sat", "on", "the", "mat"],
    ["don't", "U.N.", "10,000", "ﬁne", "naïve", "日本語"],
    ["a", "&amp;", "<br>", "e\u0301", "\u200b", "\u00a0", "new york"],
]
_KNOWN: dict[tuple[str, bool], Tokenizer] = {}


def tokenizer_of(units: str, ends: bool) -> Tokenizer:
    """Learned once: a property is tried many times."""
    if (units, ends) not in _KNOWN:
        config = TokenizerConfig(units=units, min_count=1, vocabulary_size=400, ends=ends)  # type: ignore[arg-type]
        pairs = [rebuilt(words, [True] * len(words)) for words in SENTENCES * 5]
        words = taught(units, [text for text, _ in pairs], [bounds for _, bounds in pairs])
        _KNOWN[units, ends] = Tokenizer.fit([words], config)
    return _KNOWN[units, ends]


def aligned(tokenizer, sentences, spaced=True):
    pairs = [rebuilt(words, [spaced] * len(words)) for words in sentences]
    return align(tokenizer, [text for text, _ in pairs], [bounds for _, bounds in pairs])


def alone(tokenizer, part):
    """The units of a part of a text that is read by itself, without ends."""
    (units,) = tokenizer.encode([part])
    return units.tolist()[1:-1] if tokenizer.config.ends else units.tolist()


def pieces_of(tokenizer, words, spaced):
    """What must stand from each token's first unit to the next one's."""
    kind = tokenizer.config.units
    for place, word in enumerate(words):
        before = " " if spaced and place and kind == "bpe" else ""  # a space belongs to the unit after it
        last = place + 1 == len(words)
        after = alone(tokenizer, " ") if spaced and not last and kind in ("character", "byte") else []
        yield (alone(tokenizer, before + word) or [UNKNOWN]) + after


def check(tokenizer, sentences, found, spaced=True):
    """Each token has its own first unit, in order, and the units from there on are its own pieces."""
    ends = int(tokenizer.config.ends)
    assert len(found.units) == len(found.firsts) == len(sentences)
    for row, words in enumerate(sentences):
        firsts, units = found.firsts[row], found.units[row]
        assert len(firsts) == len(words)
        assert (np.diff(firsts) > 0).all()
        assert not len(firsts) or firsts[0] == ends
        bounds = pairwise([*firsts.tolist(), len(units) - ends])
        assert [units[a:b].tolist() for a, b in bounds] == list(pieces_of(tokenizer, words, spaced))
        letters = found.letters[row].reshape(-1, WIDTH)
        assert np.array_equal(letters[firsts], spelled(words))
        assert not np.delete(letters, firsts, axis=0).any()


@pytest.mark.parametrize("ends", [False, True], ids=["bare", "with ends"])
@pytest.mark.parametrize("units", UNITS)
def test_first_units_are_those_of_the_tokens(units, ends):
    tokenizer = tokenizer_of(units, ends)
    for spaced in (True, False):
        found = aligned(tokenizer, [*SENTENCES, []], spaced)
        check(tokenizer, [*SENTENCES, []], found, spaced)


def test_a_token_is_one_unit_under_whitespace():
    found = aligned(tokenizer_of("whitespace", False), [SENTENCES[0]])
    assert found.firsts[0].tolist() == list(range(6))
    assert len(found.units[0]) == 6


def test_a_token_of_which_nothing_is_left_is_unknown():
    tokenizer = tokenizer_of("whitespace", False)
    found = aligned(tokenizer, [["cat", "\u2028", "sat"]])
    assert found.units[0][1] == UNKNOWN
    assert found.firsts[0].tolist() == [0, 1, 2]


any_word = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(UNITS),
    st.booleans(),
    st.booleans(),
    st.lists(st.lists(any_word, max_size=6), max_size=4),
)
def test_any_characters_keep_their_place(units, ends, spaced, sentences):
    tokenizer = tokenizer_of(units, ends)
    check(tokenizer, sentences, aligned(tokenizer, sentences, spaced), spaced)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9),
    st.lists(st.integers(0, 40), max_size=4),
    st.sampled_from(["character", "whitespace"]),
)
def test_windows_count_every_token_once(limit, lengths, units):
    tokenizer = tokenizer_of(units, False)
    draw = np.random.default_rng(0)
    sentences = [[draw.choice(["cat", "a", "ab"]) for _ in range(length)] for length in lengths]
    whole = aligned(tokenizer, sentences)
    found = windows(whole, limit)
    assert (found.aligned.units.lengths <= max(limit, 1)).all()
    assert found.tokens[-1] == sum(lengths)
    assert (np.diff(found.tokens) >= 0).all()
    assert (np.diff(found.owner) >= 0).all()
    # The unit at each token's place is the one that it has in the whole sentence.
    units_of = np.concatenate(
        [whole.units[row][whole.firsts[row]] for row in range(len(sentences))] or [np.zeros(0, int)]
    )
    counted = np.concatenate(
        [found.aligned.units[row][found.aligned.firsts[row]] for row in range(len(found.owner))]
        or [np.zeros(0, int)]
    )
    assert counted.tolist() == units_of.tolist()


def test_long_words_keep_both_ends():
    (letters,) = spelled(["a" * 30 + "ing"])
    assert letters[0] == 1
    assert letters[-1] == 2
    assert bytes(letters[-4:-1]) == b"ing"
    assert (letters != 0).all()
