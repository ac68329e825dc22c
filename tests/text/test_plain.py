"""The compiled path gives what the `tokenizers` library gives, for every code point and for real texts."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real import real
from textladder.batch import Ragged
from textladder.text import fitting, tokenizing
from textladder.text.plain import PlainCounter, PlainCounters, PlainEncoder, Scanner, merge
from textladder.text.tokenizing import SPECIAL, Tokenizer, TokenizerConfig, scanner

UNITS = ["word", "whitespace", "character", "byte"]
MARKUP = (
    "a&lt; &gt; &LT; &amp;lt; n&#39;t &#039; &quot; &apos &apos; &eacute; &lt;br&gt; <br&gt; &lt;br> &amp; "
    "AT&T & <br> <br /> /> <BR/> <b> <br bread don't ' '' <s> <pad> x"
)
ascii_texts = st.one_of(
    st.text(st.characters(max_codepoint=127), max_size=60),
    st.text("abZ'19 &#;<>brBR/\t\n_\x00\x1c\x0b", max_size=60),
    st.lists(st.sampled_from(MARKUP.split(" "))).map("".join),
)


@cache
def tokenizer(units: str, **changes: object) -> Tokenizer:
    texts = ["ab Zb a'b 1 9 & # ; < > br / ' _ b r t don't AT T \x00 the\tend e x é ß я ω", "<br/>a"]
    return Tokenizer.fit([texts], TokenizerConfig(units=units, min_count=1, **changes))


@cache
def encoder(t: Tokenizer, wide: bool = False) -> PlainEncoder:
    vocabulary = [*SPECIAL, *map(chr, range(256))] if t.config.units == "byte" else t.vocabulary
    table: Scanner = scanner(t.config)
    if wide:
        table.widen()
    return PlainEncoder(table, vocabulary)


def by_library(t: Tokenizer, texts: Ragged) -> Ragged:
    return t._encode_slowly(texts, np.arange(len(texts)))


@given(ascii_texts)
@settings(max_examples=300, deadline=None)
@pytest.mark.parametrize("units", UNITS)
@pytest.mark.parametrize("changes", [{}, {"lowercase": False, "html": False, "unicode": "none"}])
def test_ascii_is_cut_as_by_the_library(units: str, changes: dict, text: str) -> None:
    t = tokenizer(units, **changes)
    ids = encoder(t).one(text.encode())
    if ids is None:
        assert t.config.html or (units == "whitespace" and "<" in text)
    else:
        assert ids.tolist() == t._encoding(text).ids


def test_ascii_without_entities_is_always_plain() -> None:
    every = "".join(map(chr, range(128)))
    assert encoder(tokenizer("word")).one(every.encode()) is not None
    assert encoder(tokenizer("word")).one(b"") is not None
    assert encoder(tokenizer("word")).one(b"AT&T & R&D") is not None
    assert encoder(tokenizer("word")).one(b"a &lt;&amp;&gt;&quot;&#39;&apos; b") is not None
    assert encoder(tokenizer("word")).one(b"a &eacute; b") is None


@pytest.mark.parametrize("units", ["word", "whitespace", "character"])
@pytest.mark.parametrize("changes", [{}, {"unicode": "none"}, {"accents": "strip", "unicode": "NFC"}])
def test_every_code_point_is_cut_as_by_the_library(units: str, changes: dict) -> None:
    """Each beside letters, digits, punctuation and spaces, which is where the cut could go wrong."""
    t = tokenizer(units, **changes)
    codes = [code for code in range(0x10000) if not 0xD800 <= code < 0xE000 and chr(code) not in "&<"]
    texts = Ragged.of_strings([f"a{chr(c)}b !{chr(c)}! {chr(c)} {chr(c)}'b{chr(c)}" for c in codes])
    ids, counts = encoder(t, wide=True).many(texts)
    plain = np.flatnonzero(counts >= 0)
    expected = by_library(t, texts.take(plain))
    np.testing.assert_array_equal(expected.lengths, counts[plain])
    np.testing.assert_array_equal(expected.flat, ids)
    # Most of the plane is plain: the fast path is for all languages that need no normalisation.
    assert len(plain) > 0.6 * len(codes) or "accents" in changes


@pytest.mark.parametrize("units", UNITS)
def test_mixed_rows_come_back_in_order(units: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizing, "WARM_UP_BYTES", 0)
    monkeypatch.setattr("textladder.text.plain.BYTES_PER_THREAD", 64)
    t = Tokenizer.fit([["a b é ab"]], TokenizerConfig(units=units, min_count=1))
    texts = Ragged.of_strings(["ab", "", "é", "a &amp; b", "😀 a", "b" * 100, "", "ﬁ", "a\x00"] * 40)
    fast, slow = t.encode(texts), by_library(t, texts)
    np.testing.assert_array_equal(fast.offsets, slow.offsets)
    np.testing.assert_array_equal(fast.flat, slow.flat)


@pytest.mark.parametrize(
    "bad", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"\xe2\x82", b"\x80", b"\xc3("]
)
def test_bytes_that_are_not_utf8_are_not_plain(bad: bytes) -> None:
    assert encoder(tokenizer("word"), wide=True).one(bad) is None


texts_of_words = st.lists(
    st.sampled_from(["a", "bc", "<", "<s>", "<pad>", "pad>", "<unk>", "na\u00efve", "e\u0301", "\U0001f600"])
).map(" ".join)


@given(st.lists(ascii_texts, max_size=8))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("units", ["word", "whitespace", "character"])
def test_counts_are_those_of_the_library(units: str, texts: list[str]) -> None:
    counter = PlainCounter(scanner(TokenizerConfig(units=units)))
    plain = counter.add(Ragged.of_strings(texts))
    expected = fitting.count(
        [[text for text, ok in zip(texts, plain, strict=True) if ok]], TokenizerConfig(units=units)
    )
    counted = fitting.Tally()
    counted.fast = counter
    assert counted.frequent(1) == (expected, sum(expected.values()), len(expected))


@given(st.lists(ascii_texts, max_size=8))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("least", [0, 1 << 30])
def test_two_counters_count_as_one(least: int, texts: list[str]) -> None:
    rows = Ragged.of_strings(texts)
    one, two = (kind(scanner(TokenizerConfig())) for kind in (PlainCounter, PlainCounters))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textladder.text.plain.BYTES_PER_THREAD", least)
        assert one.add(rows).tolist() == two.add(rows).tolist()
    assert one.result() == two.result()
    two.keep(two.result())
    assert one.result() == two.result()


def test_tables_grow_and_go_on_in_the_middle_of_a_row() -> None:
    counter = PlainCounter(scanner(TokenizerConfig()))
    counter._empty(2, 4)
    words = [f"word{n}" for n in range(500)]
    assert counter.add(Ragged.of_strings([" ".join(words), "x " * 9, " ".join(words[:7])])).all()
    assert counter.result() == {**{w: 1 + (n < 7) for n, w in enumerate(words)}, "x": 9}


@given(st.lists(texts_of_words, max_size=6), st.lists(texts_of_words, max_size=6), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("warm_up", [0, 1 << 30])
def test_tallies_add_up(warm_up: int, one: list[str], other: list[str], least: int) -> None:
    config = TokenizerConfig(units="whitespace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "WARM_UP_BYTES", warm_up)
        counted, more = (fitting.tally([texts], config) for texts in (one, other))
    counted.add(more)
    expected = Counter(Tokenizer.of_vocabulary([], config).cut(" ".join([*one, *other])))
    top = max(expected.values(), default=0)
    found = {unit: n for unit, n in expected.items() if n >= min(least, top)}
    assert counted.frequent(least) == (found, expected.total(), len(expected))


@pytest.mark.parametrize("warm_up", [0, 1 << 30])
def test_counting_in_little_memory_keeps_the_frequent(warm_up: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "WARM_UP_BYTES", warm_up)
    chunks = [[f"often rare{n}a rare{n}b"] * 1 for n in range(200)]
    found = fitting.count(chunks, TokenizerConfig(), most_units=40)
    assert len(found) <= 42
    assert found["often"] >= 200


def test_without_the_compiled_path_all_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["The dog &amp; the fox", "don't stop", "naïve"] * 5
    config = TokenizerConfig(min_count=1)
    monkeypatch.setattr(tokenizing, "WARM_UP_BYTES", 0)
    monkeypatch.setattr(fitting, "WARM_UP_BYTES", 0)
    fast = Tokenizer.fit([texts], config)
    ids = fast.encode(texts)
    assert fast._plain is not None
    monkeypatch.setitem(__import__("sys").modules, "textladder.text.plain", None)
    slow = Tokenizer.fit([texts], config)
    assert slow._plain is None
    assert slow.vocabulary == fast.vocabulary
    np.testing.assert_array_equal(slow.encode(texts).flat, ids.flat)


def test_a_changed_pipeline_is_left_to_the_library() -> None:
    t = tokenizer("word")
    changed = Tokenizer.from_json(t.to_json().replace("NFKC", "NFC"), t.config)
    assert changed._compiled is None


def test_merge_takes_rows_from_both_sides() -> None:
    slow = Ragged.of([[7, 7], []], np.int32)
    merged = merge(np.array([1, 2, 3], np.int32), np.array([1, -1, 2, 0, -1]), slow)
    assert [merged[n].tolist() for n in range(5)] == [[1], [7, 7], [2, 3], [], []]


@pytest.mark.parametrize("units", UNITS)
def test_real_texts(units: str) -> None:
    with real("ag_news/test.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:2000]
    t = Tokenizer.fit([texts], TokenizerConfig(units=units))
    fast = t.encode(texts)
    slow = by_library(t, Ragged.of_strings(texts))
    np.testing.assert_array_equal(fast.offsets, slow.offsets)
    np.testing.assert_array_equal(fast.flat, slow.flat)
