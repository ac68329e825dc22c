"""`textladder` with translators: what a user can do wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.program import Ended, refused, textladder
from tests.test_translate_cli import SMALL, learned, parallel, set_, texts, write
from textladder import Translator, translating


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parallel(tmp_path_factory.mktemp("wrong"))


@pytest.fixture(scope="module")
def trained(files: Path) -> Path:
    return learned(files, "--rung", "rnn-attention")[0]


def train(files: Path, out: Path, *more: object, source: str = "train.en", target: str = "train.de") -> Ended:
    return textladder(
        "train", files / source, files / target, "--task", "translate", "--rung", "gru", "--out", out, *more
    )


def test_files_of_unequal_length(files: Path, tmp_path: Path) -> None:
    (files / "short.de").write_text("eins\nzwei\n", encoding="utf-8")
    ended = train(files, tmp_path / "run", target="short.de")
    refused(ended, "train.en, line 3", "short.de has no such line: it ends after 2")


def test_empty_lines(files: Path, tmp_path: Path) -> None:
    lines = (files / "train.de").read_text(encoding="utf-8").splitlines()
    lines[6] = ""
    (files / "gap.de").write_text("\n".join(lines), encoding="utf-8")
    refused(train(files, tmp_path / "run", target="gap.de"), "train.en, line 7", "data.empty=drop")


def test_a_model_of_another_task(files: Path, tmp_path: Path, reviews: Path) -> None:
    classified = tmp_path / "classified"
    assert textladder("train", reviews, "--out", classified, "--set", "training.epochs=1").code == 0
    refused(textladder("translate", classified, stdin="a\n"), "trained for the task classify", "predict")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--beam", 0], "--beam: 0 will not do"),
        (["--n-best", 9], "--n-best, --beam"),
        (["--beam", 1, "--length-penalty", 1], "--length-penalty"),
        (["--length-penalty", -1], "--length-penalty: -1"),
        (["--mbr", 8, "--beam", 1], "--mbr, --beam: a beam of 1 has no 8 candidates"),
        (["--mbr", 1], "--mbr: 1 leaves nothing to choose from"),
        (["--mbr", 2, "--n-best", 3], "--n-best, --mbr"),
        (["--candidates", 3], "--candidates: nothing chooses among them"),
        (["--rerank-weight", 1], "--rerank-weight"),
        (["--beam", 4, "--top-k", 3], "--top-k"),
        (["--beam", 4, "--groups", 3], "--beam, --groups"),
        (["--diversity", 1], "--diversity"),
        (["--beam", 1, "--coverage-penalty", 1], "--coverage-penalty"),
        (["--prefix", "a", "--prefixes", "b"], "--prefix, --prefixes"),
    ],
)
def test_options_that_cannot_be(trained: Path, words: list[object], said: str) -> None:
    refused(textladder("translate", trained, *words, stdin="one\n"), said)


def test_targets_that_cannot_be_spelled_are_counted(files: Path, tmp_path: Path) -> None:
    source, target = write(tmp_path, "odd", 40, 4)
    target.write_text(target.read_text(encoding="utf-8").replace("Hund", "Hündin"), encoding="utf-8")
    wanted = sum(text.split().count("dog") for text in texts(40, 4)[0])
    given = [value for value in SMALL if "attention" not in value]
    ended = train(files, tmp_path / "run", "--dev", source, target, *set_([*given, "training.epochs=1"]))
    assert ended.code == 0, ended.err
    assert f"dev: {wanted} of" in ended.err
    assert "cannot be written (--units bpe can write all)" in ended.err


def test_built_in_data_of_another_task(tmp_path: Path) -> None:
    ended = textladder("train", "dates", "--out", tmp_path / "run", "--task", "classify")
    refused(ended, "dates", "--task translate")
    ended = textladder("train", "languages", "--out", tmp_path / "run", "--task", "translate")
    refused(ended, "languages", "--task classify")


def test_a_decoder_where_there_is_none(reviews: Path, tmp_path: Path) -> None:
    ended = textladder("train", reviews, "--out", tmp_path / "run", "--set", "decoder.dropout=0.1")
    refused(ended, "the task classify has no decoder")


def test_all_choices_of_an_option_are_one_list(files: Path, tmp_path: Path) -> None:
    ended = train(files, tmp_path / "run", "--set", "decoder.attention=aditive")
    refused(ended, "'aditive' will not do.\n", "scaled, multihead, none. Did you mean additive?")


def test_one_table_needs_one_width(files: Path, tmp_path: Path) -> None:
    ended = train(files, tmp_path / "run", "--set", "decoder.embedding_dim=64")
    refused(ended, "task.tied", "the encoder's have 256, the decoder's 64", "task.tied=target")


@pytest.mark.parametrize("side", ["encoder", "decoder"])
def test_texts_longer_than_the_positions(files: Path, tmp_path: Path, side: str) -> None:
    given = set_([f"{side}.positions=learned", f"{side}.max_length=16", "tokenizer.max_length=32"])
    ended = textladder(
        "train", files / "train.en", files / "train.de", "--rung", "transformer", "--task", "translate",
        "--out", tmp_path / "run", *given,
    )  # fmt: skip
    refused(ended, "tokenizer.max_length", "16 positions", "tokenizer.max_length=16")


def test_what_is_too_long_is_named_by_its_place_in_the_file(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind those that are read together, and behind those that are passed over."""
    monkeypatch.setattr(translating, "AHEAD", 2)
    made, model = Translator.load(trained), tmp_path / "model"
    recipe = made.model_.recipe.with_values({"tokenizer.max_length": 6, "tokenizer.overlong": "error"})
    made.model_.recipe, made.model_.tokenizer.config = recipe, recipe.tokenizer
    made.save(model)
    pair = tmp_path / "a.en", tmp_path / "a.de"
    for path in pair:
        path.write_text("one dog\n" * 5 + "one " * 7 + "\ntwo\n", encoding="utf-8")
    for skip, answered in ((0, 4), (3, 2)):
        ended = textladder("translate", model, pair[0], "--skip", skip)
        assert (ended.code, len(ended.out.splitlines())) == (2, answered)
        assert "a.en, text 6: this text has 7 units, more than the 6" in ended.err
    ended = textladder("translate", model, stdin="one\n" + "one " * 7)
    assert ended.code == 2
    assert "stdin, text 2: this text has 7" in ended.err
    refused(textladder("score", model, *pair), "a.en:6: this text has 7 units", "head, tail or head+tail.")


def test_a_beginning_that_cannot_be_written_is_named_by_its_text(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (tmp_path / "begins").write_text("eins\n\nEsel\n", encoding="utf-8")
    ended = textladder("translate", trained, tmp_path / "a.en", "--prefixes", tmp_path / "begins")
    refused(ended, "prefix of ", "a.en, text 3: 'Esel' is not in the vocabulary")
