"""Unknown words: which of the source stands for each, and what of a source the model has read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.program import refused, textladder
from tests.test_translating import small
from textladder import Translator, translating
from textladder.errors import Problem
from textladder.forcing import check_replacing, forced, replaced, source_spans
from textladder.ragged import Ragged
from textladder.search import Hypothesis
from textladder.text.tokenizing import END, UNKNOWN

SOURCES = ["one cat runs", "two dogs run", "one dog runs", "two cats run", "cat cats dog dogs"] * 6
TARGETS = ["eine Katze", "zwei Hunde", "ein Hund", "zwei Katzen", "Katze Katzen Hund Hunde"] * 6


@pytest.fixture(scope="module")
def unsure() -> Translator:
    """It knows few words, and thinks <unk> the most probable after any."""
    made = small("rnn-attention", training__epochs=1, tokenizer__min_count=1, task__tied="none")
    made = made.set_params(units="whitespace").fit(SOURCES, TARGETS)
    task = translating.task_of(made.model_)
    task.output.bias.data[UNKNOWN - 1] = 9.0
    return made


def hypothesis(*ids: int) -> Hypothesis:
    return Hypothesis(ids, -1.0, -1.0, True)


def test_each_unknown_unit_is_the_word_that_it_looked_at_most(unsure: Translator) -> None:
    model, names = unsure.model_, unsure.model_.tokenizer.vocabulary
    texts = ["one  Zebra, runs", "Axolotl", "two cats"]
    known = names.index("Hund")
    found = [
        [hypothesis(known, UNKNOWN, UNKNOWN, END), hypothesis(UNKNOWN, known)],
        [hypothesis(UNKNOWN, END)],
        [hypothesis(known, END)],
    ]
    ids = model.rows(texts).columns["text"]
    said = replaced(model, texts, ids, found)
    pieces = [["one", "Zebra,", "runs"], ["Axolotl"], ["two", "cats"]]
    for row, several in enumerate(found):
        for one, text in zip(several, said[row], strict=True):
            columns = {"text": Ragged.of([ids[row]]), "label": Ragged.of([one.ids])}
            _, (shares,) = forced(model, columns, aligned=True)
            wanted = [
                pieces[row][int(looked.argmax())] if unit == UNKNOWN else names[unit]
                for unit, looked in zip(one.ids, shares, strict=True)
                if unit != END
            ]
            assert text == " ".join(wanted)
    assert said[1] == ["Axolotl"]
    assert said[2] == ["Hund"]


def test_translations_have_words_of_the_source_for_unknown_ones(unsure: Translator) -> None:
    plain = unsure.translate("one Zebra runs")[0]
    assert "<unk>" not in plain.text
    assert "Zebra" not in plain.text
    best = unsure.translate("one Zebra runs", replace_unknown=True, beam=3, n_best=2, alignment=True)
    for one in best:
        assert set(one.text.split()) <= {"one", "Zebra", "runs", *unsure.model_.tokenizer.vocabulary[4:]}
        assert "<unk>" not in one.text
    assert {"one", "Zebra", "runs"} & set(best[0].text.split())
    assert unsure.translate("", replace_unknown=True, beam=1)[0].text.startswith("<unk>"), "there is no word"


@pytest.mark.parametrize(
    ("overlong", "read"), [("head", "b c d e"), ("tail", "e f g h"), ("head+tail", "b c g h")]
)
def test_spans_are_those_of_the_units_that_are_read(unsure: Translator, overlong: Any, read: str) -> None:
    model, text = unsure.model_, "b c d e f g h"
    before = model.tokenizer.config
    model.tokenizer.config = replace(before, max_length=4, overlong=overlong)
    try:
        assert " ".join(text[slice(*span)] for span in source_spans(model, text)) == read
    finally:
        model.tokenizer.config = before


def test_lines_with_words_of_the_source(unsure: Translator, tmp_path: Path) -> None:
    unsure.save(tmp_path / "model")
    ended = textladder("translate", tmp_path / "model", "--replace-unknown", stdin="one Zebra runs\n")
    assert ended.out.strip() == unsure.translate("one Zebra runs", replace_unknown=True)[0].text


def test_where_nothing_can_be_replaced(tmp_path: Path) -> None:
    texts = ["ab", "ba", "abba"] * 5
    spelling = small("rnn-attention", training__epochs=1).set_params(units="byte").fit(texts, texts)
    with pytest.raises(Problem, match="no unknown words"):
        spelling.translate("ab", replace_unknown=True)
    spelling.save(tmp_path / "model")
    ended = textladder("translate", tmp_path / "model", "--replace-unknown", stdin="ab\n")
    refused(ended, "--replace-unknown: units of byte")
    blind = small("gru", training__epochs=1).fit(texts, texts)
    with pytest.raises(Problem, match="no attention"):
        check_replacing(blind.model_)


def test_forced_decoding_of_nothing(unsure: Translator) -> None:
    nothing = {"text": Ragged.of([]), "label": Ragged.of([])}
    assert forced(unsure.model_, nothing, aligned=True) == ([], [])
    assert np.array_equal(unsure.model_.rows([""]).columns["text"].lengths, [0])
