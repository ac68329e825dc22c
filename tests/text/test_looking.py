"""What look reports, on texts whose answer is known."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from textladder.text.corpus import Corpus
from textladder.text.looking import Look, look
from textladder.text.reading import open_source
from textladder.text.tokenizing import TokenizerConfig


@pytest.fixture(scope="module")
def seen() -> Look:
    texts = [f"text number {i} about film" for i in range(40)] + [
        "",
        "  ",
        "Twice seen",
        "twice  SEEN",
        "caf\ufffd",
    ]
    texts += ["<b>bold</b>", "русский текст", "cafÃ©", "bell\x07", "one two three four five six seven"]
    labels = [("pos",)] * 42 + [("pos",), ("neg",)] + [("Pos",)] * 5 + [("pos",)]
    test = Corpus.of(["twice seen", "new film"], [("pos",), ("other",)], name="test.csv")
    config = TokenizerConfig(max_length=6, min_count=1)
    return look(Corpus.of(texts, labels, name="a.csv"), test=test, config=config)


def test_counts(seen: Look) -> None:
    assert (seen.rows, seen.empty, seen.unlabelled) == (50, 2, 0)
    assert seen.labels == {"pos": 44, "Pos": 5, "neg": 1}
    assert not seen.multilabel
    assert seen.characters["0"] == 0
    assert seen.characters["1"] == len("one two three four five six seven")
    assert seen.units["1"] == 8, "<b>bold</b>"
    assert seen.too_long == 2, "the seven words, and <b>bold</b>"
    assert 0 < seen.cut_share < 0.05
    assert sorted(seen.oddities.values()) == [1] * 5


def test_copies_and_leakage(seen: Look) -> None:
    assert (seen.copies.exact, seen.copies.contradicting) == (2, 1)
    assert (seen.shared["test"].exact, seen.shared["test"].near) == (1, 0)
    assert seen.unseen_labels == {"test": ["other"]}
    assert seen.unknown_in == "test"
    assert seen.unknown_share == pytest.approx(1 / 4)


def test_what_to_heed(seen: Look) -> None:
    said = "\n".join(seen.warnings())
    for part in (
        "2 classes with fewer than 10 texts: 'Pos' (5), 'neg' (1)",
        "44 times the texts",
        "differ by case or white space only: 'Pos', 'pos'",
        "2 empty texts",
        "2 texts longer than 6 word units",
        "1 text repeating an earlier one with another label",
        "Labels of test that train has not: 'other'",
        "1 of 2 texts of test stand in train too",
        "1 text with replacement character",
        "1 text with letters that are not Latin",
    ):
        assert part in said


def test_it_can_be_written_and_shown(seen: Look) -> None:
    written = json.loads(json.dumps(seen.to_dict()))
    assert written["labels"] == seen.labels
    assert written["shared"]["test"]["exact"] == 1
    assert written["warnings"] == seen.warnings()
    out = io.StringIO()
    seen.render(Console(file=out, width=100))
    for line in seen.lines():
        assert line.strip() in out.getvalue()
    assert "a.csv: 50 texts" in out.getvalue()
    assert len(seen.examples["pos"]) == 2


def test_a_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "text,label\n" + "".join(f"some text {i},{'ab'[i % 2]}\n" for i in range(50)), encoding="utf-8"
    )
    seen = look(open_source(path))
    assert seen.rows == 50
    assert "a.csv is read as csv." in seen.notes
    assert seen.labels == {"a": 25, "b": 25}
    assert seen.shared == {}


@pytest.mark.parametrize("texts", [[], [""], ["one"]])
def test_next_to_nothing(texts: list[str]) -> None:
    seen = look(Corpus.of(texts, [("a",)] * len(texts)))
    assert seen.rows == len(texts)
    assert seen.lines()
