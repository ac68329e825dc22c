"""The classic numbers, and the walk that shows them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.text import bagging
from textladder.text.steps import render, walk, walk_with
from textladder.text.stopwords import ENGLISH
from textladder.text.tokenizing import Tokenizer, TokenizerConfig

SENTENCE = "The sneaky foxes jumped over the dog"
TEXTS = ["the cat sat on the mat", "the dog sat", "", "a cat and a dog and a cat"]


def test_counts_and_tf_idf_are_those_of_scikit_learn() -> None:
    theirs = CountVectorizer(token_pattern=r"\S+")
    expected = theirs.fit_transform(TEXTS).toarray()
    number = theirs.vocabulary_
    ids = Ragged.of([[number[word] for word in text.split()] for text in TEXTS])
    counted = bagging.counts(ids, len(number))
    np.testing.assert_array_equal(counted, expected)
    weighted = bagging.tf_idf(counted, bagging.inverse_document_frequency(counted))
    np.testing.assert_allclose(
        weighted, TfidfVectorizer(token_pattern=r"\S+").fit_transform(TEXTS).toarray(), rtol=1e-5
    )


def test_one_hot_has_one_one_per_unit() -> None:
    rows = bagging.one_hot(np.array([2, 0, 2]), 4)
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 1, 0]]
    assert bagging.one_hot(np.zeros(0, np.int64), 4).shape == (0, 4)


def test_rare_words_are_counted_over_all_texts() -> None:
    assert bagging.replace_rare([["a", "b"], ["a", "c"]], 2) == [["a", "<unk>"], ["a", "<unk>"]]


def test_stop_words_leave_negation_alone() -> None:
    assert bagging.without_stop_words(["The", "film", "is", "not", "good", ",", "no"]) == [
        "film",
        "not",
        "good",
        "no",
    ]
    assert {"the", "and", "it's"} <= ENGLISH
    assert not {"not", "no", "never", "good", ""} & ENGLISH


def test_lemmas_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("simplemma")
    assert bagging.lemmas(["foxes", "jumped", "better"])[:2] == ["fox", "jump"]
    with pytest.raises(Problem, match="no such language: there is no dictionary"):
        bagging.lemmas(["a"], "no such language")
    monkeypatch.setitem(sys.modules, "simplemma", None)
    with pytest.raises(Problem, match=r"textladder\[lemma\]"):
        bagging.lemmas(["foxes"])
    assert walk(SENTENCE)[3].explanation == 'left out; for them: pip install "textladder[lemma]"'


def test_the_walk_shows_every_stage() -> None:
    stages = {stage.name: stage.value for stage in walk(SENTENCE)}
    assert list(stages) == [
        "normalise", "tokenise", "stop words", "lemmas", "rare words", "ids", "one-hot", "counts", "TF-IDF",
    ]  # fmt: skip
    assert stages["normalise"] == SENTENCE.lower()
    assert [SENTENCE[t["start"] : t["end"]].lower() for t in stages["tokenise"]] == SENTENCE.lower().split()
    assert stages["stop words"] == ["sneaky", "foxes", "jumped", "dog"]
    assert stages["lemmas"] == stages["rare words"] == ["sneaky", "fox", "jump", "dog"]
    columns = stages["one-hot"]["columns"]
    assert [columns[unit] for unit in stages["ids"]] == stages["lemmas"]
    assert [row.index(1) for row in stages["one-hot"]["rows"]] == stages["ids"]
    assert stages["counts"] == {"sneaky": 1, "fox": 1, "jump": 1, "dog": 1}
    assert stages["TF-IDF"] == dict.fromkeys(stages["counts"], 0.5)


def test_a_corpus_makes_words_rare_and_weights_unequal() -> None:
    stages = {stage.name: stage.value for stage in walk(SENTENCE, ["a fox, a fox", "the dog jumps"])}
    assert stages["rare words"] == ["<unk>", "fox", "jump", "dog"]
    assert stages["ids"][0] == 1


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("word", ["a", "fée", "!"]),
        ("whitespace", ["a", "fée!"]),
        ("character", ["a", " ", "f", "é", "e", "!"]),
        ("byte", ["a", "Ġ", "f", "Ã", "©", "e", "!"]),
    ],
)
def test_units(units: Any, expected: list[str]) -> None:
    text = "A fée!"
    shown = walk(text, config=TokenizerConfig(units=units, min_count=1))[1].value
    assert [token["unit"] for token in shown] == expected
    covered = {place for token in shown for place in range(token["start"], token["end"])}
    assert "".join(text[place] for place in sorted(covered)).replace(" ", "") == "Afée!"


@pytest.mark.parametrize("units", ["bpe", "wordpiece", "unigram"])
def test_learned_units_are_those_of_a_model(units: Any, capsys: pytest.CaptureFixture[str]) -> None:
    config = TokenizerConfig(units=units, vocabulary_size=320)
    with pytest.raises(Problem, match=f"--units {units}: .* learns"):
        walk(SENTENCE, config=config)
    tokenizer = Tokenizer.fit([[SENTENCE.replace("jumped", "jump")] * 5 + ["unjustly dumped"]], config)
    stages = walk_with(tokenizer, SENTENCE)
    shown = {stage.name: stage.value for stage in stages}
    assert list(shown) == ["normalise", "tokenise", "ids", "one-hot", "counts"]
    pieces = [token["unit"] for token in shown["tokenise"]]
    assert "".join(piece.strip("Ġ▁#") for piece in pieces) == SENTENCE.lower().replace(" ", "")
    assert not any(piece.strip("Ġ▁#") == "jumped" for piece in pieces)  # never seen: composed
    assert shown["ids"] == tokenizer.encode_one(SENTENCE).tolist()
    columns, rows = shown["one-hot"]["columns"], shown["one-hot"]["rows"]
    assert [columns[row.index(1)] for row in rows] == pieces
    assert {sum(row) for row in rows} == {1}
    assert shown["counts"] == Counter(pieces)
    json.dumps([stage.to_dict() for stage in stages])
    render(stages)
    assert pieces[0] in capsys.readouterr().out
    render(walk_with(tokenizer, ""))


@pytest.mark.parametrize("text", [SENTENCE, "", "...", "[bold]x[/bold] \ud800 &amp; 😀", "the " * 200])
def test_every_text_can_be_shown(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    stages = walk(text)
    json.dumps([stage.to_dict() for stage in stages])
    render(stages)
    assert "9. TF-IDF" in capsys.readouterr().out
