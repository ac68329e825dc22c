"""Data sets of the quality benchmark that are made of files of the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import child, made_sets

TREE = "(3 (2 It) (4 (2 -LRB-) (4 (3 works) (2 \\/))))"


def test_phrases_are_the_nodes_of_a_tree() -> None:
    assert list(made_sets.phrases(TREE)) == [
        ("It", "2"),
        ("(", "2"),
        ("works", "3"),
        ("/", "2"),
        ("works /", "4"),
        ("( works /", "4"),
        ("It ( works /", "3"),
    ]


def test_phrases_are_polar_unique_and_not_of_the_held_out() -> None:
    trees = [TREE, "(1 (1 bad) (1 plot))", "(1 works)", TREE]
    made = made_sets.polar_phrases(iter(trees), {made_sets.same("It ( Works /")})
    assert dict(made) == {"works /": "1", "( works /": "1", "bad": "0", "plot": "0", "bad plot": "0"}


def test_intents_are_the_comments_of_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = "# intent = play#stop\nplay\tO\nit\tB-x\n\n\n# intent = stop\nstop\tO\n"
    (tmp_path / "x").mkdir()
    for part, text in (("train", train), ("test", train.replace("# intent = stop", "# intent = new"))):
        (tmp_path / "x" / f"{part}.conll").write_text(text, encoding="utf-8")
    found = list(made_sets.intents(tmp_path / "x" / "train.conll"))
    assert found == [("play it", "play"), ("stop", "stop")]
    monkeypatch.setattr(made_sets, "OUT", tmp_path)
    assert child.read_csv(made_sets.make_intents("x", tmp_path, "test")) == (["play it"], ["play"])


def test_toys_are_tested_on_strings_that_were_not_taught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_sets, "OUT", tmp_path)
    parts = made_sets.toy_strings()
    assert {part: len(texts) for part, texts in parts.items()} == made_sets.TOY_PARTS
    assert len({text for texts in parts.values() for text in texts}) == sum(made_sets.TOY_PARTS.values())
    assert {len(text) for text in parts["test"]} >= {3, 4, 5, 6, 7, 8}
    texts, sorted_ones = child.read_csv(made_sets.make_toy(tmp_path, "sort-dev"))
    assert texts == parts["dev"]
    assert sorted_ones == ["".join(sorted(text)) for text in texts]
