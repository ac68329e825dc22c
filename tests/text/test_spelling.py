"""What units leave open: it is a code, and from it the text can be written again."""

from __future__ import annotations

import itertools
import json
import math
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textladder.ragged import Ragged
from textladder.text.gaps import Gaps
from textladder.text.letters import Letters
from textladder.text.spelling import EXACT, Held, Spelling, Units
from textladder.text.tokenizing import BEGIN, END, UNKNOWN, Tokenizer, TokenizerConfig

KINDS = ["word", "whitespace", "character", "byte", "bpe", "wordpiece", "unigram"]
LEARNED = [
    "The cat sat.\nThe dog (a big dog) sat too.",
    "a cat\n\n \u00abdog\u00bb  sat\t",
    "Don't, cat!",
] * 4
ALPHABET = "cat dog\n\t\u00a0.(<s>&amp;\u2581\u0301\u00e9DŽ日\U0001f600'#"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=30) | st.text(max_size=12)


@cache
def tokenizer(units: str, **values: Any) -> Tokenizer:
    raw: dict[str, Any] = {"unicode": "none", "lowercase": False, "html": False}
    config = TokenizerConfig(units=units, min_count=5, vocabulary_size=300, **raw | values)  # type: ignore[arg-type]
    return Tokenizer.fit([LEARNED], config)


@cache
def spelling(units: str, **values: Any) -> Spelling:
    made = tokenizer(units, **values)
    learned = Spelling.learn([Ragged.of_strings(LEARNED)], made)
    return Spelling(made, json.loads(json.dumps(learned.to_dict())))


def written(made: Spelling, texts: list[str], starts: list[bool]) -> list[str]:
    """Documents from units, gaps and spelled units alone: what a reader of the code would do."""
    units = Units(made.tokenizer)
    found = units.open(texts, np.array([*starts, True]), Held())
    gaps, unknown = iter(found.gap), iter(found.unknown)
    documents = [""] * sum(starts)
    document = -1
    for text, begins in zip(texts, starts, strict=True):
        if begins:
            if document >= 0 and units.gap_before[END]:
                documents[document] += next(gaps)
            document += 1
        for unit in made.tokenizer.encode([text])[0].tolist():
            gap = next(gaps) if units.gap_before[unit] else ""
            name = next(unknown) if unit == UNKNOWN else units.names[unit]
            documents[document] += gap + name
    if document >= 0 and units.gap_before[END]:
        documents[document] += next(gaps)
    assert next(gaps, None) is None
    assert next(unknown, None) is None
    return documents


@pytest.mark.parametrize("units", [kind for kind in KINDS if kind not in EXACT])
@pytest.mark.parametrize(
    "values", [{}, {"unicode": "NFKC", "lowercase": True, "html": True}], ids=["raw", "normal"]
)
@settings(max_examples=150, deadline=None)
@given(parts=st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=4))
def test_the_text_can_be_written_again(
    units: str, values: dict[str, Any], parts: list[tuple[str, bool]]
) -> None:
    made = spelling(units, **values)
    texts = [text for text, _ in parts]
    starts = [begins or n == 0 for n, (_, begins) in enumerate(parts)]
    wanted: list[str] = []
    for text, begins in zip(texts, starts, strict=True):
        wanted = [*wanted, ""] if begins else wanted
        wanted[-1] += made.tokenizer.normalise(text)
    assert written(made, texts, starts) == wanted


@pytest.mark.parametrize("units", KINDS)
@settings(max_examples=50, deadline=None)
@given(text=TEXTS)
def test_units_are_those_of_the_tokenizer(units: str, text: str) -> None:
    made = tokenizer(units)
    ((normal, ids, _),) = Units(made).spans([text])
    assert normal == made.normalise(text)
    assert ids == made.encode([text])[0].tolist()


@pytest.mark.parametrize("units", ["word", "whitespace", "character", "wordpiece", "unigram"])
def test_it_is_a_proper_code(units: str) -> None:
    """Of all texts with the same units, the probabilities add up to at most one, and to nearly one where the
    texts that are left out (longer ones, other characters) are unlikely."""
    made = spelling(units)
    letters = "ca \n" if units == "character" else "cat \n"
    texts = ["".join(text) for n in range(7) for text in itertools.product(letters, repeat=n)]
    sums: dict[tuple[int, ...], float] = defaultdict(float)
    nats = made.nats(Ragged.of_strings(texts))
    units_of = made.tokenizer.encode(texts)
    for row, cost in enumerate(nats.tolist()):
        assert cost >= 0
        sums[tuple(units_of[row].tolist())] += math.exp(-cost)
    assert max(sums.values()) <= 1 + 1e-9
    if units in {"word", "whitespace", "wordpiece"}:
        assert sums[tuple(made.tokenizer.encode_one("cat").tolist())] > 0.5


@pytest.mark.parametrize("units", EXACT)
def test_bytes_and_their_pairs_leave_nothing_open(units: str) -> None:
    made = spelling(units)
    assert made.nats(Ragged.of_strings(["any  text\n", "日本"])).tolist() == [0, 0]
    assert list(made.to_dict()) == ["signature"]


def test_known_characters_cost_nothing() -> None:
    made = spelling("character")
    known, unknown = made.nats(Ragged.of_strings(["cat sat", "cat \U0001f600"]))
    assert known == 0
    assert math.log(0x110000) < unknown < math.log(0x110000) + 4


@pytest.mark.parametrize("units", ["word", "wordpiece", "unigram", "whitespace"])
def test_cuts_change_nothing(units: str) -> None:
    """A document costs the same whole and in blocks, as long as no unit is cut."""
    text = "The cat sat.\n\nThe zebra (a dog) sat too.  \n cat"
    cuts = {"unigram": [0, 12, 24, len(text)]}.get(units, [0, 8, 13, 14, 24, 43, len(text)])
    blocks = [text[a:b] for a, b in itertools.pairwise(cuts)]
    made = spelling(units)
    starts = np.array([True, *[False] * (len(blocks) - 1), True])
    held = Held()
    apart = [
        made.nats(Ragged.of_strings([block]), starts[n : n + 2], held).sum() for n, block in enumerate(blocks)
    ]
    together = made.nats(Ragged.of_strings(blocks), starts)
    assert together == pytest.approx(apart)
    if units != "unigram":  # whose blocks begin with a space of their own
        assert together.sum() == pytest.approx(made.nats(Ragged.of_strings([text])).sum())


def test_gaps_know_both_neighbours() -> None:
    texts = [f"The cat (a {animal}) sat. Dog and cat sat (cat)." for animal in ["dog", "cat"] * 30]
    known = Tokenizer.fit([texts], tokenizer("word").config)
    made, unit = Spelling.learn([Ragged.of_strings(texts)], known), known.encode_one
    (dot, cat, opens) = unit(". cat (").tolist()
    assert made.between(cat, dot) == ""
    assert made.between(cat, cat) == " "
    assert made.between(opens, cat) == ""
    assert made.between(BEGIN, cat) == ""
    assert made.join(unit("The cat sat.")) == "The cat sat."
    assert made.join(unit("( cat")) == "(cat"


@pytest.mark.parametrize("units", KINDS)
def test_joined_units_begin_alike(units: str) -> None:
    """What is written of the first units is the beginning of what is written of all (`text.pieces`)."""
    made = spelling(units)
    ids = made.tokenizer.encode_one("The cat (a dog) sat.\nThe dog").tolist()
    whole = made.join(ids)
    assert all(whole.startswith(made.join(ids[:n])) for n in range(len(ids)))
    if units in {"character", "byte", "bpe", "unigram"}:
        assert whole == made.tokenizer.decode(ids)


def test_gap_probabilities_sum_to_one() -> None:
    gaps = [" "] * 50 + [""] * 20 + ["\n"] * 5 + ["\t"]
    left = [n % 7 for n in range(len(gaps))]
    right = [4 if gap == "" else 5 + n % 3 for n, gap in enumerate(gaps)]
    made = Gaps.of(json.loads(json.dumps(Gaps.learn(left, right, gaps).to_dict())))
    assert made.known == [" ", "", "\n"]
    for pair in [(0, 4), (3, 5), (99, 98)]:
        listed = sum(math.exp(-made.nats([pair[0]], [pair[1]], [gap])[0]) for gap in made.known)
        other = made.nats([pair[0]], [pair[1]], ["\t"])[0] - made.others.nats("\t")
        assert listed + math.exp(-other) == pytest.approx(1)
    assert made.right.keys() == {4, *made.right.keys()}
    assert made.nats([0], [4], [""])[0] < 0.1 < made.nats([0], [5], [""])[0]


@pytest.mark.parametrize("ends", [True, False])
@given(strings=st.lists(st.text("ab\0", max_size=4), max_size=20))
def test_probabilities_of_letters_sum_to_one(ends: bool, strings: list[str]) -> None:
    made = Letters(**json.loads(json.dumps(Letters.learn(strings, ends).to_dict())))
    for before in ("", "a", "ab", "x"):
        whole = sum(made._share(("\0" + before)[-2:], char) for char in ["a", "b", "\0", "x", ""])
        rest = (0x110000 - 4) * made._share(("\0" + before)[-2:], "y")
        assert 1 - 1e-4 < whole + rest <= 1 + 1e-9  # characters that are listed are among those of Unicode


def test_what_is_learned_is_cheaper() -> None:
    texts = ["A text, of words and of (rare) words.\nAnd more.", "It says: words, words, words."] * 50
    made = tokenizer("word")
    before, after = Spelling(made, {}), Spelling.learn([Ragged.of_strings(texts)], made)
    assert after.nats(Ragged.of_strings(texts)).sum() < 0.3 * before.nats(Ragged.of_strings(texts)).sum()


def test_a_sample_is_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textladder.text.spelling.LEARN_BYTES", 5000)
    chunks = [Ragged.of_strings([f"text {n}, (of) many\n"] * 300) for n in range(20)]
    made = Spelling.learn(chunks, tokenizer("word"), np.arange(6000) == 0)
    assert 200 < sum(made.gaps.counts) < 3000
    assert made.gaps.known[:2] == ["", " "]
