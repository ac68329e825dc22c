"""Every mistake with word vectors is met with what is wrong, where, and what to do: code 2, no traceback."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.program import Ended, refused, textladder
from textladder.text.store import StoreWriter


def vectors(*arguments: object) -> Ended:
    return textladder("vectors", *arguments)


def train(corpus: Path, out: Path, *more: object) -> Ended:
    return vectors("train", corpus, "--out", out, "--dim", 4, "--epochs", 1, "--threads", 1, *more)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("corpus") / "corpus.txt"
    path.write_text("the sea and the ship and the sail\n" * 50)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vectors") / "good.txt"
    draw = np.random.default_rng(0)
    rows = [f"word{i} " + " ".join(f"{x:.3f}" for x in draw.standard_normal(4)) for i in range(20)]
    path.write_text("20 4\n" + "\n".join(rows) + "\n")
    return path


# training


@pytest.mark.parametrize("text", ["", "\n\n  \n"])
def test_an_empty_corpus(text: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text(text)
    refused(train(tmp_path / "empty.txt", tmp_path / "v"), "empty.txt")
    assert not (tmp_path / "v").exists()


def test_every_word_is_too_rare(tmp_path: Path) -> None:
    (tmp_path / "rare.txt").write_text("one two two three\n")
    refused(train(tmp_path / "rare.txt", tmp_path / "v"), "rare.txt", "min-count")
    assert not (tmp_path / "v").exists()


def test_a_file_that_is_not_there(corpus: Path, good: Path, tmp_path: Path) -> None:
    refused(train(corpus.with_name("corpse.txt"), tmp_path / "v"), "no such file", "Did you mean corpus.txt")
    missing = good.with_name("goood.txt")
    for asked in (("similar", missing, "a"), ("analogy", missing, "a", "b", "c"), ("compare", good, missing)):
        refused(vectors(*asked), "goood.txt")
    refused(vectors("map", missing, "--out", tmp_path / "m.html"), "goood.txt")
    refused(vectors("map", missing, "--out", tmp_path / "m.png"), "not a picture")
    refused(vectors("convert", missing, tmp_path / "w"), "goood.txt")
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "skipgramm"], "Did you mean skipgram"),
        (["--units", "words"], "Did you mean word"),
        (["--window", 0], "--window"),
        (["--negative", -1], "--negative"),
        (["--char-orders", 6, 3], "--char-orders"),
        (["--learning-rate", "nan"], "--learning-rate"),
    ],
)
def test_a_value_that_makes_no_sense(options: list[Any], said: str, corpus: Path, tmp_path: Path) -> None:
    refused(train(corpus, tmp_path / "v", *options), said)
    assert not (tmp_path / "v").exists()


def test_a_folder_that_holds_something(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "v"
    out.mkdir()
    (out / "precious.txt").write_text("mine")
    refused(train(corpus, out, "--overwrite"), str(out), "precious.txt")
    assert [file.name for file in out.iterdir()] == ["precious.txt"]


def test_a_folder_in_use(corpus: Path, tmp_path: Path) -> None:
    out, beside = tmp_path / "v", tmp_path / ".v-work"
    beside.mkdir()
    with (beside / ".lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(train(corpus, out), f"{out}: another run is writing here")
    assert train(corpus, out).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
    before = (out / "vectors.safetensors").read_bytes()
    refused(train(corpus, out, "--seed", 5), "--overwrite")
    assert (out / "vectors.safetensors").read_bytes() == before
    assert train(corpus, out, "--seed", 5, "--overwrite").code == 0
    assert (out / "vectors.safetensors").read_bytes() != before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(corpus: Path, good: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        refused(train(corpus, tmp_path / "v"), "may not be written to")
        refused(vectors("convert", good, tmp_path / "w", "--to", "glove"), "may not be written to")
        refused(vectors("map", good, "--out", tmp_path / "m.html"), "may not be written to")
    finally:
        tmp_path.chmod(0o700)


def test_a_path_through_a_file(corpus: Path, good: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(train(corpus, tmp_path / "file" / "v"), "file")
    refused(vectors("map", good, "--out", tmp_path / "file" / "m.html"), "file")
    refused(vectors("convert", good, tmp_path / "file" / "w", "--to", "glove"), "file")


def test_a_disk_that_fills_while_encoding(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(StoreWriter, "append", full)
    refused(train(corpus, tmp_path / "v"), "the disk is full")
    assert not (tmp_path / "v").exists()


# vector files


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3 2\na 1 2\nb 1 2 3\nc 1 2\n", "line 3"),
        ("3 2\na 1 2\nb 1\nc 1 2\n", "line 3"),
        ("3 2\na 1 2\nb 1 x\nc 1 2\n", "line 3"),
        ("3 2\na 1 2\nb 1 nan\nc 1 2\n", "line 3"),
        ("4 2\na 1 2\nb 1 2\nc 1 2\n", "4"),
        ("2 2\na 1 2\nb 1 2\nc 1 2\n", "2"),
        ("3 2\na 1 2\nb 1 2\na 3 4\n", "line 4"),
        ("3 2\na 1 2\nnew york 1 2\nc 1 2\n", "line 3"),
        ("a 1 2\nb 1 2 3\n", "line 2"),
        ("hello\n", "wrong.txt"),
        ("", "empty"),
    ],
)
def test_a_broken_text_file_of_vectors(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(text)
    refused(vectors("similar", path, "a"), "wrong.txt", said)


def test_a_word_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    path.write_bytes(b"3 2\na 1 2\ncaf\xe9 1 2\nc 1 2\n")
    refused(vectors("similar", path, "a"), "wrong.txt, line 3", "UTF-8")


@pytest.mark.parametrize("cut", [2, 9, 60])
def test_a_binary_file_that_was_cut_off(cut: int, good: Path, tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.bin", tmp_path / "short.bin"
    assert vectors("convert", good, whole, "--to", "word2vec-binary").code == 0
    short.write_bytes(whole.read_bytes()[:-cut])
    refused(vectors("similar", short, "word1"), "short.bin, byte")


def test_a_fasttext_binary_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(struct.pack("<ii", 793712314, 12) + bytes(20))
    refused(vectors("similar", path, "a"), "model.bin")


def test_a_damaged_folder(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "v"
    assert vectors("convert", good, out).code == 0
    (weights,) = out.glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-5])
    refused(vectors("similar", out, "word1"), str(out))
    (tmp_path / "other").mkdir()
    refused(vectors("similar", tmp_path / "other", "a"), "other")


# questions


def test_an_unknown_word(good: Path) -> None:
    refused(vectors("similar", good, "wrd1"), "wrd1", "word1")
    refused(vectors("analogy", good, "word1", "word2", "wordd3"), "wordd3", "word3")
    refused(vectors("similar", good, "Word1"), "Word1", "word1")


def test_a_broken_evaluation_file(good: Path, tmp_path: Path) -> None:
    pairs, questions = tmp_path / "pairs.txt", tmp_path / "questions.txt"
    pairs.write_text("word1 word2 3\nword1 word2\n")
    questions.write_text(": s\nword1 word2 word3\n")
    refused(vectors("evaluate", good, "--similarity", pairs), "pairs.txt, line 2")
    refused(vectors("evaluate", good, "--analogies", questions), "questions.txt, line 2")
    refused(vectors("evaluate", good), "nothing to judge by", "--similarity")
    refused(vectors("evaluate", good, "--similarity", tmp_path / "none.txt"), "no such file")
    (tmp_path / "folder").mkdir()
    refused(vectors("evaluate", good, "--similarity", tmp_path / "folder"), "no .txt")


def test_a_map_that_cannot_be_drawn(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.html"
    refused(vectors("map", good, "--out", out, "--layout", "tsen"), "Did you mean tsne")
    (tmp_path / "words.txt").write_text("word1\nzebra\n")
    refused(vectors("map", good, "--out", out, "--words", tmp_path / "words.txt"), "1 words are to be drawn")
    (tmp_path / "none.txt").write_text("\n")
    refused(vectors("map", good, "--out", out, "--words", tmp_path / "none.txt"), "no word")
    assert not out.exists()


def test_conversions_that_cannot_be(good: Path, tmp_path: Path) -> None:
    refused(vectors("convert", good, tmp_path / "w", "--to", "word2vec"), "Did you mean word2vec-text")
    (tmp_path / "w").write_text("mine")
    refused(vectors("convert", good, tmp_path / "w", "--to", "glove"), "--overwrite")
    assert (tmp_path / "w").read_text() == "mine"


def test_sets_that_cannot_be_compared(good: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("2 2\nalpha 1 2\nbeta 2 1\n")
    refused(vectors("compare", good, tmp_path / "other.txt"), "0 words in common")
