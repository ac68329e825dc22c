"""`textladder score`, and what the other commands say of a language model."""

from __future__ import annotations

import csv
import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.program import refused, textladder
from tests.test_language_compare import TINY
from tests.test_language_estimator import lines, sentences
from textladder import LanguageModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the rung ngram on characters."""
    folder = tmp_path_factory.mktemp("model")
    text = lines(folder / "a.txt", 600)
    ended = textladder("train", text, "--rung", "ngram", "--units", "character", "--out", folder / "run")
    assert ended.code == 0, ended.err
    assert "blocks), dev" in ended.out
    assert "ms for one more unit" in ended.out
    return folder / "run"


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a small net on characters."""
    folder = tmp_path_factory.mktemp("net")
    tiny = folder / "tiny.toml"
    tiny.write_text(TINY.format(name="tiny"), encoding="utf-8")
    ended = textladder("train", lines(folder / "a.txt", 300), "--rung", tiny, "--out", folder / "run")
    assert ended.code == 0, ended.err
    assert "nats/unit" in ended.err
    return folder / "run"


def scored(model: Path, file: object, *more: object, stdin: str = "") -> dict:
    ended = textladder("score", model, file, "--json", *more, stdin=stdin)
    assert ended.code == 0, ended.err
    found: dict = json.loads(ended.out)
    return found


def test_the_figures_of_a_text_follow_from_its_bits(model: Path, tmp_path: Path) -> None:
    text = "".join(sentences(60, seed=5))
    (tmp_path / "b.txt").write_text(text, encoding="utf-8")
    found = scored(model, tmp_path / "b.txt")
    assert found["characters"] == len(text)
    assert found["words"] == len(text.split())
    assert found["units_predicted"] == len(text) + 1
    assert (found["units"], found["documents"]) == ("character", 1)
    assert found["count"] == math.ceil(len(text) / 1000)
    assert found["bits_per_character"] == pytest.approx(found["bits"] / len(text), rel=1e-5)
    assert found["perplexity"] == pytest.approx(2 ** (found["bits"] / (len(text) + 1)), rel=1e-5)
    assert found["perplexity_per_word"] == pytest.approx(2 ** (found["bits"] / found["words"]), rel=1e-4)
    low, high = found["interval"]
    assert low <= found["score"] == found["bits_per_character"] <= high
    assert "context|units=6|blocks=crossed" in found["signature"]
    assert "ends=" in found["signature"]
    assert "unknown=" in found["signature"]


def test_a_net_says_which_windows_it_is_judged_with(net: Path) -> None:
    found = scored(net, "-", stdin="the king saw the land.\n" * 9)
    assert "context|window=1536|stride=1024" in found["signature"]


def test_any_source_of_the_same_text_is_scored_alike(model: Path, tmp_path: Path) -> None:
    text = "".join(sentences(30, seed=6))
    (tmp_path / "b.txt").write_text(text, encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(text.encode()))
    plain = scored(model, tmp_path / "b.txt")
    for other in (scored(model, tmp_path / "b.txt.gz"), scored(model, "-", stdin=text)):
        assert other == plain
    said = textladder("evaluate", model, tmp_path / "b.txt", "--json")
    assert json.loads(said.out) == plain
    rows = tmp_path / "b.csv"
    with rows.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), (text, "x"), ("the king", "y")])
    found = scored(model, rows)
    assert (found["documents"], found["characters"]) == (2, len(text) + 8)
    assert "not used" in found["notes"][0]  # the labels
    lined = scored(model, tmp_path / "b.txt", "--set", "data.documents=line")
    assert lined["documents"] == 30


@pytest.mark.parametrize("kind", ["model", "net"])
def test_every_unit_is_told_with_its_bits(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder = request.getfixturevalue(kind)
    text = "the king saw the gaté.\nand the queen\theard.\n" * 40
    (tmp_path / "b.txt").write_text(text, encoding="utf-8")
    found = scored(folder, tmp_path / "b.txt", "--per-token")
    tokens = found["tokens"]
    assert "".join(token["text"] for token in tokens) == text
    assert len(tokens) == found["units_predicted"] == len(text) + 1
    assert tokens[-1]["unit"] == "</s>"
    said = np.array([token["bits"] for token in tokens])
    # What an unknown unit costs to spell is said of the text as a whole.
    assert said.sum() == pytest.approx(math.log2(found["perplexity"]) * len(tokens), rel=1e-4)
    assert found["units_unknown"] == 80 == sum(token["unknown"] for token in tokens)
    surprising = np.array([token["surprising"] for token in tokens])
    assert surprising.any()
    assert said[surprising].min() > said[~surprising].max()


@pytest.mark.parametrize("units", ["byte", "bpe", "word"])
def test_the_texts_of_units_put_together_are_the_text(units: str, tmp_path: Path) -> None:
    """A character of several units is told once, with the last of them."""
    given = ("--rung", "ngram", "--units", units, "--set", "tokenizer.vocabulary_size=280")
    train_on = lines(tmp_path / "a.txt", 200)
    assert textladder("train", train_on, "--task", "language", *given, "--out", tmp_path / "run").code == 0
    text = "the king saw 東京, a gaté 🦊.\nand\n" * 3
    (tmp_path / "b.txt").write_text(text, encoding="utf-8")
    found = scored(tmp_path / "run", tmp_path / "b.txt", "--per-token")
    tokens = found["tokens"]
    said = "".join(token["text"] for token in tokens)
    assert said == ("".join(text.split()) if units == "word" else text)
    if units != "word":
        named = [(token["unit"], token["text"]) for token in tokens]
        at = named.index(("<0xA9>", "é"))
        assert named[at - 1] == ("<0xC3>", "")
        ended = textladder("score", tmp_path / "run", tmp_path / "b.txt", "--per-token")
        shown = [line.split("\t")[2] for line in ended.out.splitlines() if line.count("\t") == 2]
        assert shown[at - 1 : at + 1] == ["<0xC3>", "é"]


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_text_without_a_probability_costs_infinitely_much(tmp_path: Path) -> None:
    units = "-99 <s>\n-1 </s>\n-1 the\n-1 king\n"
    (tmp_path / "m.arpa").write_text(f"\\data\\\nngram 1=4\n\n\\1-grams:\n{units}\n\\end\\\n")
    assert "no <unk>" in textladder("arpa", tmp_path / "m.arpa", tmp_path / "m").out
    known, unknown = "the king " * 300 + "\n", "the zebra\n"
    (tmp_path / "b.txt").write_text(known + unknown)
    for command in ("score", "evaluate"):
        ended = textladder(command, tmp_path / "m", tmp_path / "b.txt")
        assert ended.code == 0, ended.err
        assert "bits per character infinite (95 % interval " in ended.out
        assert "perplexity infinite per whitespace unit, infinite per word" in ended.out
        assert "infinite bits for" in ended.out
    ended = textladder("score", tmp_path / "m", "-", "--per-token", stdin=unknown)
    assert "infinite\t!?\tzebra" in ended.out.splitlines()
    assert "interval infinite to infinite, 1 block" in ended.out
    found = scored(tmp_path / "m", tmp_path / "b.txt", "--per-token")
    assert (found["bits_per_character"], found["perplexity"], found["bits"]) == (None, None, None)
    low, high = found["interval"]  # of the blocks that are drawn some have no zebra
    assert 0 < low < 10
    assert high is None
    lm = LanguageModel.load(tmp_path / "m")
    assert lm.bits_per_character([unknown]) == lm.perplexity([unknown]) == math.inf
    assert lm.score([unknown]) == -math.inf


def test_what_people_see(model: Path) -> None:
    ended = textladder("score", model, "-", "--per-token", stdin="the king saw the land.\n" * 9 + "a\tZ\n")
    assert ended.code == 0, ended.err
    first, *rest = ended.out.splitlines()
    assert first.split("\t")[2] == "t"
    assert "\x1b" not in ended.out  # colour is for terminals
    assert [line.split("\t")[2] for line in rest[:3]] == ["h", "e", " "]
    assert any(line.split("\t")[1:] == ["!?", "\\t"] for line in rest)
    assert any(line.split("\t")[1:] == ["!?", "Z"] for line in rest)
    assert sum("\t!" in line for line in rest) < 20
    text = "the king saw the land.\n" * 9 + "a\tZ\n"
    found = scored(model, "-", stdin=text)
    low, high = found["interval"]
    assert (
        f"bits per character {found['bits_per_character']:.4f} (95 % interval {low:.4f} to {high:.4f}, "
        in ended.out
    )
    assert "1 block of 1 document)" in ended.out
    assert f"perplexity {found['perplexity']:.6g} per character unit, " in ended.out
    assert f"{found['perplexity_per_word']:.6g} per word\n" in ended.out
    assert f" bits for {len(text)} characters, 47 words, {len(text) + 1} units (2 unknown)\n" in ended.out
    assert ended.out.endswith(found["signature"] + "\n")


def test_a_command_of_another_task_names_the_right_one(model: Path, trained: Path, tmp_path: Path) -> None:
    text = lines(tmp_path / "b.txt", 3)
    refused(textladder("predict", model, text), "textladder generate", "textladder score")
    refused(textladder("score", trained, text), "task classify", "textladder evaluate")
    refused(textladder("score", model, tmp_path / "none.txt"), "none.txt")
    refused(textladder("score", model, "-", stdin=" \n"), "stdin", "no text in it")
    refused(textladder("score", tmp_path, text), "no finished model")


def test_the_card_says_how_to_use_the_model(net: Path) -> None:
    card = (net / "model" / "README.md").read_text(encoding="utf-8")
    assert "bits_per_character" in card
    assert "textladder generate" in card
    assert "LanguageModel.load" in card
    assert "TextClassifier" not in card
