"""Words that only given vectors have, in the vocabulary of a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.program import BAD, GOOD, THINGS, textladder, write_csv
from textladder.model import Model
from textladder.text.tokenizing import SPECIAL, Tokenizer, TokenizerConfig
from textladder.vectors.lending import extended
from textladder.vectors.wordvectors import WordVectors

NEW_GOOD, NEW_BAD = ["splendid", "gorgeous", "tender"], ["dreary", "hollow", "stale"]


def write_vectors(path: Path) -> Path:
    """Good words lie near one point, bad ones near the opposite; other words at random."""
    draw, middle = np.random.default_rng(0), np.random.default_rng(1).normal(0, 1, 8)
    near = {**dict.fromkeys([*GOOD, *NEW_GOOD], middle), **dict.fromkeys([*BAD, *NEW_BAD], -middle)}
    lines = [
        f"{word} " + " ".join(f"{x:.4f}" for x in near.get(word, 0) + draw.normal(0, 0.2, 8))
        for word in ["The", "new_york", *near, *THINGS, "don't"]
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("as_file", [True, False])
def test_the_first_words_that_are_units_and_not_known(as_file: bool, tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "v.txt")
    config = TokenizerConfig(vector_words=4, vocabulary_size=6)
    known = Tokenizer.fit([["lovely lovely film film film plot plot"]], config)
    assert known.vocabulary == [*SPECIAL, "film", "lovely"]
    more = extended(known, path if as_file else WordVectors.load(path))
    # Beyond vocabulary_size; "The" is never a unit in lower case, "new_york" is three.
    assert more.vocabulary == [*known.vocabulary, "warm", "funny", "brilliant", "charming"]
    assert more.pieces("A warm film , LOVELY") == ["<unk>", "warm", "film", "<unk>", "lovely"]
    assert Tokenizer.from_json(more.to_json(), config).vocabulary == more.vocabulary


@pytest.mark.parametrize(
    ("change", "last"),
    [({"lowercase": False}, "The"), ({"units": "whitespace"}, "new_york"), ({}, "don't")],
)
def test_what_is_a_unit_depends_on_the_tokenizer(change: dict[str, str], last: str, tmp_path: Path) -> None:
    path = write_vectors(tmp_path / "v.txt")
    config = TokenizerConfig(vector_words=100, **change)  # type: ignore[arg-type]
    assert last in extended(Tokenizer.of_vocabulary(["film"], config), path).vocabulary


def test_a_word_that_no_training_text_has_is_understood(tmp_path: Path) -> None:
    """By vectors that stay as they are, if their words are asked for; and it is said that they can be."""
    reviews, path = write_csv(tmp_path / "reviews.csv", 120), write_vectors(tmp_path / "v.txt")
    texts = [f"The film was {word}." for word in [*NEW_GOOD, *NEW_BAD]]
    right, predicted = ["good"] * 3 + ["bad"] * 3, {}
    for words in (0, 100):
        out = tmp_path / str(words)
        settings = [
            *("encoder.embedding_dim=8", "training.freeze_embedding=true", "training.epochs=4"),
            *("training.min_steps=60", f"tokenizer.vector_words={words}"),
        ]
        options = [part for setting in settings for part in ("--set", setting)]
        ended = textladder("train", reviews, "--rung", "cnn", "--out", out, "--vectors", path, *options)
        assert ended.code == 0, ended.err
        assert ("--set tokenizer.vector_words=50000 makes" in ended.err) == (words == 0)
        answers = textladder("predict", out, stdin="\n".join(texts)).out.splitlines()
        predicted[words] = [line.split("\t")[0] for line in answers]
        assert ("splendid" in Model.load(out).tokenizer.vocabulary) == (words > 0)
    assert predicted[100] == right
    assert predicted[0] != right


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rung", "cnn"], "there are no vectors to take words from"),
        (["--rung", "cnn", "--units", "bpe", "--vectors", "v.txt"], "the units here are bpe"),
        (["--rung", "cnn", "--vectors", "none.txt"], "none.txt"),
        (["--task", "language", "--rung", "gru", "--vectors", "v.txt"], "gru writes"),
    ],
)
def test_what_cannot_be(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_vectors(tmp_path / "v.txt")
    file = write_csv(tmp_path / "reviews.csv")
    if "language" in options:
        file = tmp_path / "text.txt"
        file.write_text("a film , a plot .\n" * 400, encoding="utf-8")
    ended = textladder("train", file, "--out", "run", "--set", "tokenizer.vector_words=5", *options)
    assert ended.code == 2
    assert said in ended.err
    assert "Traceback" not in ended.err
