"""Text that comes unit by unit: nothing is cut in two, nothing is lost."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textladder.text.pieces import Speller, Stops
from textladder.text.spelling import Spelling
from textladder.text.tokenizing import END, SPECIAL, Tokenizer, TokenizerConfig, to_bytes

TEXTS = [
    "To be, or not to be: that is the question.",
    "Whether 'tis nobler in the mind to suffer\nThe slings and arrows of outrageous fortune,",
    "Größe, naïve café, 東京, Ελλάδα, 🙂👍🏽 and the slings of the mind.",
] * 4
KINDS = ("word", "whitespace", "character", "byte", "bpe", "wordpiece", "unigram")
EXACT = ("character", "byte", "bpe")  # units that spell themselves


def tokenizer_of(units: str) -> Tokenizer:
    config = TokenizerConfig(
        units=units, vocabulary_size=400, min_count=1, unicode="none", lowercase=False, html=False
    )
    return Tokenizer.fit([TEXTS], config)


MADE = {units: tokenizer_of(units) for units in KINDS}
SPELLERS = {
    units: Speller(made, Spelling.learn([to_bytes(TEXTS)], made).join) for units, made in MADE.items()
}


def written(units: str, ids: list[int], before: list[int], text: str = "") -> list[str]:
    pieces = SPELLERS[units].after(before, text)
    return [*(pieces.add(unit) for unit in ids), pieces.end()]


@pytest.mark.parametrize("units", KINDS)
@given(data=st.data())
def test_pieces_put_together_are_the_text_of_all_units(units: str, data: st.DataObject) -> None:
    """Of any units whatever, most of them bytes that are no text, after some of them."""
    made = MADE[units]
    ids = data.draw(st.lists(st.integers(len(SPECIAL), len(made) - 1), max_size=40))
    cut = 0 if units in ("byte", "bpe") else data.draw(st.integers(0, len(ids)))
    said = "".join(written(units, ids[cut:], ids[:cut]))
    join = SPELLERS[units].join
    whole, before = join(ids), join(ids[:cut])
    assert units not in EXACT or whole == made.decode(ids)
    assert before + said == whole


@pytest.mark.parametrize("units", KINDS)
def test_texts_come_back(units: str) -> None:
    for text in TEXTS[:3]:
        ids = MADE[units].encode_one(text).tolist()
        said = "".join(written(units, ids, []))
        if units in EXACT:
            assert said == text
        else:
            assert "".join(said.split()) == "".join(text.split())


@pytest.mark.parametrize("units", ["byte", "bpe"])
@pytest.mark.parametrize("text", ["ß", "東京", "🙂", "👍🏽é"])
def test_no_character_is_cut_in_two(units: str, text: str) -> None:
    ids = MADE["byte"].encode_one(text).tolist() if units == "byte" else MADE[units].encode_one(text).tolist()
    shown = ["".join(itertools.islice(written(units, ids, []), n)) for n in range(len(ids) + 1)]
    assert shown[-1] == text
    assert all(text.startswith(part) for part in shown)


def test_bytes_that_are_no_character_are_shown_as_such() -> None:
    first, _, third = MADE["byte"].encode_one("東").tolist()
    assert written("byte", [first], []) == ["", "\ufffd"]
    assert "".join(written("byte", [third, first, third], [])) == "\ufffd" * 2  # the last two begin one
    assert MADE["byte"].decode([third, first, third]) == "\ufffd" * 2


def test_what_says_nothing_writes_nothing() -> None:
    for units in KINDS:
        assert "".join(written(units, [END], [])) == ""


def test_a_prompt_that_ends_with_a_space_brings_no_second_one() -> None:
    made = MADE["word"]
    be, not_ = made.encode_one("be not").tolist()
    assert written("word", [not_, be], [be], "to be")[:2] == [" not", " be"]
    assert written("word", [not_, be], [be], "to be ")[:2] == ["not", " be"]
    assert written("word", [not_, be], [be], "to be\n")[:2] == ["not", " be"]


def cut(text: str, stops: list[str], sizes: list[int]) -> tuple[str, bool]:
    """The text told in pieces of these sizes, over and over."""
    cutter, said, at = Stops(stops), "", 0
    for size in itertools.cycle(sizes):
        said += cutter.add(text[at : at + size])
        at += size
        if at >= len(text) or cutter.found:
            break
    return said + cutter.end(), cutter.found


@given(
    text=st.text("ab\n", max_size=30),
    stops=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4),
)
def test_stops_cut_the_text_however_it_comes(text: str, stops: list[str], sizes: list[int]) -> None:
    said, found = cut(text, stops, sizes)
    ends = [text.find(stop) for stop in stops if stop in text]
    assert found == bool(ends)
    assert text.startswith(said)
    assert not any(stop in said for stop in stops)
    if not found:
        assert said == text
    elif len(stops) == 1:
        assert said == text[: ends[0]]
    else:  # a longer stop may begin before the one that ends first
        assert said in {text[:end] for stop in stops for end in places(text, stop)}


def places(text: str, stop: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(stop, at)]


def test_the_possible_beginning_of_a_stop_is_held_back() -> None:
    cutter = Stops(["\n\n", "END"])
    assert [cutter.add(piece) for piece in ("one\n", "two E", "N", "d\n", "\nmore")] == [
        "one", "\ntwo ", "", "ENd", "",
    ]  # fmt: skip
    assert cutter.found
    assert cutter.add("more") == ""
    assert cutter.end() == ""
