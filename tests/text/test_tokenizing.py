"""Tokenizers: what goes in comes out, spans are exact, a file is the tokenizer."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from unicodedata import category

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.text.opening import WARM_UP_BYTES
from textladder.text.tokenizing import SPECIAL, UNKNOWN, Tokenizer, TokenizerConfig

UNITS = ["word", "whitespace", "character", "byte", "bpe", "wordpiece", "unigram"]
EXACT = ["word", "whitespace", "character"]
CORPUS = [
    "The quick brown fox doesn't jump over the lazy dog.",
    "Le café est fermé, dit-il; über naïve Straße.",
    "Быстрая лиса 日本語のテスト 😀 👍🏽 नमस्ते مرحبا שלום",
    "It's 3.14 &amp; more<br />or less: a_b @user #tag 'quoted'",
] * 8
# Combining marks, right to left, emoji sequences, joiners, conjoining Hangul, ligatures, entities.
ODD = [*"éaAİßσΣς ̧̣́ऀििাো‍‌️👩👨👧👍🏽🇫🇷שלاً ﷺﬁ½²Åꙮｶﾞﾡￂ가ᄀ",
    "각", "&amp;", "&eacute;", "&lt;br&gt;", "<br/>", "&#39;", " ", "\n", "\x00", "\ud800",
    "日", "'", "’", "e",
]  # fmt: skip
# Characters that stand for themselves, whatever stands beside them.
SIMPLE = sorted({char for char in "".join(CORPUS).lower() if category(char)[0] != "M"} - set("&<"))
unicode_texts = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(ODD), max_size=25).map("".join),
    st.text("ab &;<>br/'\n", max_size=20),
)


@cache
def tokenizer(units: str, **changes: object) -> Tokenizer:
    return Tokenizer.fit([CORPUS], TokenizerConfig(units=units, vocabulary_size=600, min_count=1, **changes))


@pytest.mark.parametrize("units", UNITS)
def test_special_units_come_first_and_the_size_is_kept(units: str) -> None:
    vocabulary = tokenizer(units).vocabulary
    assert tuple(vocabulary[:4]) == SPECIAL
    assert len(set(vocabulary)) == len(vocabulary) <= 600


@pytest.mark.parametrize("units", UNITS)
def test_no_text_can_write_a_special_unit(units: str) -> None:
    ids = tokenizer(units).encode(["<pad> <s> </s> x<s>y", "<s>", "<PAD>"]).flat
    assert not set(ids.tolist()) & {0, 2, 3}


@pytest.mark.parametrize("units", ["byte", "character", "bpe"])
@pytest.mark.parametrize("text", [*CORPUS[:4], "", "  two  spaces ", "tab\tline\n"])
def test_decoding_gives_the_normalised_text(units: str, text: str) -> None:
    t = tokenizer(units)
    known = units != "character" or set(t.normalise(text)) <= set(t.vocabulary)
    assert not known or t.decode(t.encode_one(text)) == t.normalise(text)


@given(unicode_texts)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("units", ["byte", "bpe"])
def test_bytes_lose_nothing(units: str, text: str) -> None:
    t = tokenizer(units)
    assert t.decode(t.encode_one(text)) == t.normalise(text)


@given(unicode_texts)
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("units", UNITS)
def test_spans_are_in_bounds_in_order_and_one_per_unit(units: str, text: str) -> None:
    t = tokenizer(units)
    spans = t.offsets(text)
    assert len(spans) == len(t.encode_one(text)) == len(t.encode([text])[0])
    assert all(0 <= start <= stop <= len(text) for start, stop in spans)
    assert all(a[0] <= b[0] and a[1] <= b[1] for a, b in pairwise(spans))


@given(unicode_texts)
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("units", EXACT)
@pytest.mark.parametrize("accents", ["keep", "strip"])
def test_the_text_of_a_span_holds_its_unit(units: str, accents: str, text: str) -> None:
    t = tokenizer(units, accents=accents)
    for unit, (start, stop) in zip(t.cut(text), t.offsets(text), strict=True):
        assert unit in t.normalise(text[start:stop])


def letters_of(units: str, piece: str) -> bytes:
    """What a piece writes, without the marks of its vocabulary, in UTF-8."""
    if units in ("byte", "bpe"):
        alphabet = tokenizer("byte").vocabulary[len(SPECIAL) :]  # a character for each byte
        return bytes(map(alphabet.index, piece))
    marks = {"wordpiece": "##", "unigram": "▁"}
    return piece.replace(marks.get(units, ""), "").encode()


@given(unicode_texts)
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("units", ["byte", "bpe", "wordpiece", "unigram"])
def test_the_text_of_a_span_holds_its_piece(units: str, text: str) -> None:
    t = tokenizer(units)
    for piece, (start, stop) in zip(t.pieces(text), t.offsets(text), strict=True):
        if piece != SPECIAL[UNKNOWN]:
            assert letters_of(units, piece) in t.normalise(text[start:stop]).encode()


@given(st.text(SIMPLE, max_size=30))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("units", UNITS)
def test_where_characters_stand_for_themselves_a_span_is_its_unit_and_no_more(units: str, text: str) -> None:
    t = tokenizer(units)
    assert t.normalise(text) == text
    character = [n for n, char in enumerate(text) for _ in char.encode()]  # that a byte is of
    written = before = 0
    for piece, (start, stop) in zip(t.pieces(text), t.offsets(text), strict=True):
        letters = letters_of(units, piece)
        if units in ("byte", "bpe"):
            written += len(letters)
            assert (start, stop - 1) == (character[written - len(letters)], character[written - 1])
        elif letters:  # of unigram, what begins a word may stand alone, at no place of its own
            assert before <= start
            spelled = text[start:stop].strip(" ") if units == "unigram" else text[start:stop]
            assert piece == SPECIAL[UNKNOWN] or spelled.encode() == letters
            before = stop


@given(unicode_texts)
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("units", ["word", "character", "byte", "bpe", "wordpiece", "unigram"])
def test_spans_leave_out_only_spaces(units: str, text: str) -> None:
    t = tokenizer(units, html=False)
    covered = {place for start, stop in t.offsets(text) for place in range(start, stop)}
    assert all(text[place].isspace() for place in set(range(len(text))) - covered)


def test_words_are_what_a_reader_calls_words() -> None:
    cut = tokenizer("word", lowercase=False).cut
    assert cut("Don't stop, it's 3.14!") == ["Don't", "stop", ",", "it's", "3", ".", "14", "!"]
    assert cut("'quoted' well-known a_b") == ["'", "quoted", "'", "well", "-", "known", "a", "_", "b"]
    assert cut("👩‍👩‍👧 👍🏽! 🇫🇷🇩🇪") == ["👩‍👩‍👧", "👍🏽", "!", "🇫🇷", "🇩🇪"]
    assert cut("日本語") == ["日", "本", "語"]
    assert cut("na\u0131\u0308ve") == ["na\u0131\u0308ve"]
    assert cut("a<BR />b &lt;i&gt; AT&amp;T") == ["a", "b", "<", "i", ">", "AT", "&", "T"]


def test_spans_of_entities_and_composed_letters_are_whole() -> None:
    text = "caf&eacute; e\u0301te\u0301 &amp; x"
    spans = tokenizer("word").offsets(text)
    assert [text[a:b] for a, b in spans] == ["caf&eacute;", "e\u0301te\u0301", "&amp;", "x"]


def test_normal_forms_are_chosen() -> None:
    assert tokenizer("character").normalise("ﬁ É") == "fi é"
    assert tokenizer("character", unicode="NFC", lowercase=False).normalise("ﬁ E\u0301") == "ﬁ É"
    assert tokenizer("character", unicode="none", html=False).normalise("&amp; E\u0301") == "&amp; e\u0301"
    assert tokenizer("character", accents="strip").normalise("Crème 한국") == "creme 한국"


@pytest.mark.parametrize("units", UNITS)
def test_a_file_is_the_tokenizer(units: str, tmp_path) -> None:
    t = tokenizer(units)
    t.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json", t.config)
    assert loaded.vocabulary == t.vocabulary
    assert loaded.to_json() == t.to_json()
    np.testing.assert_array_equal(loaded.encode(CORPUS).flat, t.encode(CORPUS).flat)


@pytest.mark.parametrize("units", [*EXACT, "bpe", "wordpiece", "byte"])
def test_the_same_texts_give_the_same_vocabulary_in_any_chunks(units: str) -> None:
    config = TokenizerConfig(units=units, vocabulary_size=600, min_count=1)
    chunks = [Ragged.of_strings(CORPUS[:7]), CORPUS[7:20], CORPUS[20:]]
    assert Tokenizer.fit(chunks, config).vocabulary == tokenizer(units).vocabulary


def test_rare_units_are_left_out_and_the_most_frequent_kept() -> None:
    texts = ["a a a b b c", "c d <unk> <pad>"]
    fit = Tokenizer.fit([texts], TokenizerConfig(units="whitespace", vocabulary_size=6, min_count=2))
    assert fit.vocabulary == [*SPECIAL, "a", "b"]
    assert fit.encode_one("a c d b").tolist() == [4, 1, 1, 5]


@pytest.mark.parametrize("units", UNITS)
def test_lone_surrogates_and_empty_texts_pass(units: str) -> None:
    t = tokenizer(units)
    assert t.encode(["", "a\ud800b"]).lengths[0] == 0
    np.testing.assert_array_equal(t.encode_one("a\ud800b"), t.encode_one("a\ufffdb"))
    assert len(t.encode([])) == 0


@pytest.mark.parametrize("units", ["word", "character", "byte"])
def test_lone_surrogates_are_counted_and_alike_by_every_way(units: str) -> None:
    t = Tokenizer.from_json(tokenizer(units).to_json(), tokenizer(units).config)
    t.encode(["warm " * WARM_UP_BYTES])  # the compiled way, from here on
    texts = ["a\ud800b \udfff", "plain"]
    many = t.encode(texts)
    assert t.replaced == 2
    np.testing.assert_array_equal(t.encode_one(texts[0]), many[0])
    assert t.replaced == 4
    np.testing.assert_array_equal(many[0], t.encode_one("a\ufffdb \ufffd"))
    assert t.replaced == 4


def test_wrong_input_is_a_problem(tmp_path) -> None:
    with pytest.raises(Problem, match="not UTF-8"):
        tokenizer("word").encode(Ragged.of([[0x61, 0xFF]], np.uint8))
    with pytest.raises(Problem, match="too small"):
        Tokenizer.fit([CORPUS], TokenizerConfig(units="bpe", vocabulary_size=100))
    with pytest.raises(Problem, match="no unigram units"):
        Tokenizer.fit([[]], TokenizerConfig(units="unigram"))
    path = tmp_path / "tokenizer.json"
    with pytest.raises(Problem, match="no such file"):
        Tokenizer.load(path, TokenizerConfig())
    path.write_text(tokenizer("word").to_json()[:-20])
    with pytest.raises(Problem, match="not a tokenizer"):
        Tokenizer.load(path, TokenizerConfig())
    other = json.loads(tokenizer("word").to_json())
    other["model"]["vocab"] = {"<unk>": 0, "a": 1}
    path.write_text(json.dumps(other))
    with pytest.raises(Problem, match="first units"):
        Tokenizer.load(path, TokenizerConfig())
    other["model"]["vocab"] = {unit: n for n, unit in enumerate(SPECIAL)} | {"a": 9}
    path.write_text(json.dumps(other))
    with pytest.raises(Problem, match="one has number 9"):
        Tokenizer.load(path, TokenizerConfig())
