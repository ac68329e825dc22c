"""`textladder vectors`: what each command prints, writes and leaves behind."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.program import command, environment, textladder
from textladder.vectors.evaluating import Judge
from textladder.vectors.wordvectors import WordVectors

COMMANDS = ("train", "similar", "analogy", "evaluate", "map", "convert", "compare", "quantize", "translate")
FOOD = ["bread", "cheese", "soup", "apple", "butter", "honey"]
SHIPS = ["ship", "sail", "harbour", "sea", "captain", "anchor"]


def vectors(*arguments: object) -> Any:
    return textladder("vectors", *arguments)


def write_corpus(path: Path, lines: int = 1500, seed: int = 0) -> Path:
    """Lines about food or about ships: words of one kind are each other's neighbours."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(lines):
            kind = draw.choice((FOOD, SHIPS))
            file.write(" ".join([*draw.choices(kind, k=6), draw.choice(("the", "a"))]) + "\n")
    return path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "corpus.txt")


@pytest.fixture(scope="module")
def trained(corpus: Path) -> Path:
    out = corpus.parent / "trained"
    ended = vectors("train", corpus, "--out", out, "--dim", 12, "--epochs", 3, "--threads", 1, "--sample", 0)
    assert ended.code == 0, ended.err
    assert "14 words" in ended.out
    return out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help(name: str) -> None:
    ended = vectors(name, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: textladder vectors {name}")


def test_help_loads_no_heavy_library() -> None:
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "textladder", "vectors", "train", "--help"],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    ).stderr
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in told.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"numpy", "numba", "torch", "scipy", "sklearn", "pyarrow", "tokenizers"}


@pytest.mark.parametrize("method", ["skipgram", "cbow", "fasttext", "glove"])
def test_every_method_learns_who_stands_beside_whom(method: str, corpus: Path, tmp_path: Path) -> None:
    options = ["--dim", 10, "--epochs", 8, "--threads", 1, "--sample", 0, "--buckets", 500, "--json"]
    ended = vectors("train", corpus, "--method", method, "--out", tmp_path / "v", *options)
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert (told["words"], told["dim"], told["method"]) == (14, 10, method)
    assert told["corpus_words"] == 1500 * 7
    assert "words/s" in ended.err
    found = json.loads(vectors("similar", tmp_path / "v", "bread", "-n", 3, "--json").out)
    assert len({one["word"] for one in found["similar"]} & set(FOOD)) >= 2


def test_a_training_leaves_nothing_but_vectors(trained: Path) -> None:
    assert {path.name for path in trained.parent.iterdir()} == {"corpus.txt", "trained"}
    loaded = WordVectors.load(trained)
    assert set(loaded.words) == {*FOOD, *SHIPS, "the", "a"}
    assert loaded.matrix.shape == (14, 12)


def test_one_thread_and_one_seed_give_the_same_vectors(corpus: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        vectors(
            "train", corpus, "--out", tmp_path / name, "--dim", 5, "--epochs", 1, "--threads", 1, "--seed", 4
        )
    first, second = (WordVectors.load(tmp_path / name) for name in ("a", "b"))
    assert first.words == second.words
    assert np.array_equal(first.matrix, second.matrix)


def test_training_goes_on_from_vectors(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("a zebra sails the ship\n" * 200)
    out = tmp_path / "grown"
    ended = vectors("train", tmp_path / "new.txt", "--continue", trained, "--out", out, "--epochs", 2)
    assert ended.code == 0, ended.err
    assert "2 words are new" in ended.err
    old, new = WordVectors.load(trained), WordVectors.load(out)
    assert set(new.words) == {*old.words, "zebra", "sails"}
    assert (new.vector_size, new.config.sample, new.config.epochs) == (12, 0, 2)  # as it was, and as asked
    assert new.counts is not None
    assert old.counts is not None
    assert new.counts.sum() == old.counts.sum() + 1000
    ended = vectors(
        "train", tmp_path / "new.txt", "--continue", trained, "--out", out, "--dim", 5, "--overwrite"
    )
    assert ended.code == 2
    assert "--dim" in ended.err
    assert "12, which cannot change" in ended.err


def test_similar(trained: Path) -> None:
    lines = vectors("similar", trained, "ship", "-n", 4).out.splitlines()
    assert len(lines) == 4
    assert all(re.fullmatch(r"\w+\t-?\d\.\d{4}", line) for line in lines)
    told = json.loads(vectors("similar", trained, "ship", "sail", "-n", 2, "--json").out)
    assert told["words"] == ["ship", "sail"]
    assert len(told["similar"]) == 2
    assert not {one["word"] for one in told["similar"]} & {"ship", "sail"}


def test_analogy(trained: Path) -> None:
    lines = vectors("analogy", trained, "bread", "ship", "cheese", "-n", 3).out.splitlines()
    assert len(lines) == 3
    told = json.loads(vectors("analogy", trained, "bread", "ship", "cheese", "--mul", "--json").out)
    assert told["method"] == "3CosMul"
    assert len(told["answers"]) == 5
    assert not {one["word"] for one in told["answers"]} & {"bread", "ship", "cheese"}


def test_evaluate(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    for name in ("one", "two"):
        (tmp_path / "sets" / f"{name}.txt").write_text(
            "bread cheese 9\nbread ship 1\nsea sail 8\nzebra sea 2\n"
        )
    questions = tmp_path / "questions.txt"
    questions.write_text(": s\nbread cheese ship sail\n: t\nbread cheese zebra yak\n")
    asked = ["evaluate", trained, "--similarity", tmp_path / "sets", "--analogies", questions]
    told = json.loads(vectors(*asked, "--json").out)
    loaded = WordVectors.load(trained)
    assert told["words"] == 14
    one = told["similarity"][0]
    assert (one["name"], one["pairs"], one["covered"], one["unknown"]) == ("one", 4, 3, ["zebra"])
    assert told["mean_spearman"] == one["spearman"]
    sections = {part["name"]: part for part in told["analogies"]["questions"]}
    assert sections["s"]["covered"] == 1
    assert (sections["t"]["covered"], sections["t"]["cosadd"]) == (0, None)
    assert len(Judge(loaded.words, loaded.matrix).places) == 14
    said = vectors(*asked).out
    assert "3 of 4" in said
    assert "1 of 2" in said


def test_map(trained: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\n".join([*FOOD, "zebra", *SHIPS, "", "ship"]) + "\n")
    ended = vectors("map", trained, "--words", words, "--out", tmp_path / "map.html", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told["words"] == 12
    assert set(told["kept"]) == {"tsne", "pca"}
    assert "1 of 13 words have no vector (zebra)." in ended.err
    page = (tmp_path / "map.html").read_text("utf-8")
    assert "12 of 14 words, 12 dimensions. 1 of 13 words have no vector (zebra)." in page


@pytest.mark.parametrize("to", ["word2vec-binary", "word2vec-text", "glove", "fasttext", "safetensors"])
def test_convert_there_and_back(to: str, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "converted"
    told = json.loads(vectors("convert", trained, out, "--to", to, "--json").out)
    assert (told["words"], told["dim"], told["format"]) == (14, 12, to)
    before, after = WordVectors.load(trained), WordVectors.load(out)
    assert after.words == before.words
    assert np.allclose(after.matrix, before.matrix, atol=1e-5)
    assert vectors("convert", trained, out, "--to", to).code == 2
    assert vectors("convert", trained, out, "--to", to, "--overwrite").code == 0


def test_limit_reads_the_first_words(trained: Path, tmp_path: Path) -> None:
    assert vectors("convert", trained, tmp_path / "v.txt", "--to", "word2vec-text", "--limit", 5).code == 0
    assert WordVectors.load(tmp_path / "v.txt").words == WordVectors.load(trained).words[:5]


def test_compare(corpus: Path, trained: Path, tmp_path: Path) -> None:
    other = write_corpus(tmp_path / "other.txt", seed=1)
    swapped = other.read_text().translate(str.maketrans({}))
    other.write_text(re.sub(r"\b(bread|ship)\b", lambda m: {"bread": "ship", "ship": "bread"}[m[1]], swapped))
    options = ["--dim", 12, "--epochs", 8, "--threads", 1, "--sample", 0]
    assert vectors("train", other, "--out", tmp_path / "w", *options).code == 0
    assert vectors("train", corpus, "--out", tmp_path / "v", *options).code == 0
    asked = ["compare", tmp_path / "v", tmp_path / "w", "--neighbours", 4, "-n", 2]
    told = json.loads(vectors(*asked, "--json").out)
    assert {one["word"] for one in told["differ"]} == {"bread", "ship"}
    assert (told["common"], told["compared"]) == (14, 14)
    said = vectors(*asked).out
    assert "14 words in both" in said
    assert "differ most" in said


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    """Stopped while it trains: code 130 (143 for SIGTERM), no folder of vectors, no working file."""
    corpus = write_corpus(tmp_path / "corpus.txt", 3000)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        out = tmp_path / f"v{code}"
        with subprocess.Popen(
            command("vectors", "train", corpus, "--out", out, "--epochs", 100_000, "--threads", 1),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process:
            end = time.monotonic() + 60
            while not list(tmp_path.glob(".v*-work/work/*")) and process.poll() is None:
                assert time.monotonic() < end, "training did not begin"
                time.sleep(0.02)
            time.sleep(1.0)
            process.send_signal(number)
            said, complaint = process.communicate(timeout=60)
        assert process.returncode == code, complaint
        assert said == ""
        assert "Traceback" not in complaint
        assert [path.name for path in tmp_path.iterdir()] == ["corpus.txt"]


def test_quantize_writes_a_smaller_folder_and_says_the_loss(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "small"
    ended = vectors("quantize", trained, out, "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["bytes_after"] < said["bytes_before"]
    assert said["correlation"] > 0.99
    close = np.abs(WordVectors.load(out).matrix - WordVectors.load(trained).matrix).max()
    assert 0 < close < 0.05
    again = vectors("quantize", trained, out)
    assert again.code == 2
    assert "--overwrite" in again.err
    assert vectors("quantize", trained, tmp_path / "other", "--kind", "int4").code == 2


def test_translate_finds_the_words_of_a_rotated_copy(trained: Path, tmp_path: Path) -> None:
    loaded = WordVectors.load(trained)
    rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0].astype(np.float32)
    rows = loaded.matrix @ rotation
    lines = [
        f"{word}-x {' '.join(map(repr, row.tolist()))}\n"
        for word, row in zip(loaded.words, rows, strict=True)
    ]
    other = tmp_path / "other.txt"
    other.write_text("".join(lines), encoding="utf-8")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("".join(f"{word} {word}-x\n" for word in loaded.words), encoding="utf-8")
    asked = ("translate", trained, other, "bread", "--dictionary", pairs, "--test", pairs, "--json")
    ended = vectors(*asked)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said["translations"][0]["found"][0]["word"] == "bread-x"
    assert said["accuracy"] == 1.0
    assert vectors("translate", trained, other).code == 2
