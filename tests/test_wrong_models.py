"""A model folder that is damaged, newer or none at all, and texts that a model cannot be given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tests.program import refused, textladder, train, write_csv
from textladder.files import sha256


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "model", tmp_path / "model"))


@pytest.mark.parametrize("name", ["recipe.toml", "weights.safetensors", "tokenizer.json", "labels.json"])
def test_a_model_with_a_wrong_file(name: str, copied: Path, reviews: Path) -> None:
    file = copied / name
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    refused(textladder("evaluate", copied, reviews), name, "cut short", "Copy the whole folder again")
    changed = bytearray(content)
    changed[len(content) // 2] ^= 1
    file.write_bytes(bytes(changed))
    refused(textladder("predict", copied, stdin="a film\n"), name, "changed")
    file.unlink()
    refused(textladder("predict", copied, stdin="a film\n"), name, "missing")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ('{"format_version": 99, "files": {}}', "version is 99"),
        ('{"format_version"', "model.json"),
        ("[]", "model.json"),
        ("{}", "model.json"),
        ('{"format_version": 1}', "model.json"),
        ('{"format_version": 1, "files": {}}', "model.json"),
        ('{"format_version": 1, "files": {"../../x": {"bytes": 1, "sha256": ""}}}', "not listed in it"),
    ],
)
def test_a_model_with_a_wrong_header(header: str, said: str, copied: Path, reviews: Path) -> None:
    (copied / "model.json").write_text(header, encoding="utf-8")
    if header == '{"format_version": 1, "files": {}}':
        (copied / "weights.safetensors").unlink()
    refused(textladder("evaluate", copied, reviews), said)


def test_a_folder_that_is_no_model(reviews: Path, tmp_path: Path) -> None:
    refused(textladder("evaluate", tmp_path, reviews), str(tmp_path), "no finished model")
    refused(textladder("predict", tmp_path / "no"), "there is no such folder")
    refused(textladder("predict", reviews, stdin="a\n"), str(reviews), "a model is a folder", "first")


def test_predicting_a_csv_without_the_text_column(reviews: Path, tmp_path: Path) -> None:
    file = write_csv(tmp_path / "named.csv", header=("opinion", "verdict"))
    out = tmp_path / "run"
    assert train(file, out, "--text", "opinion", "--label", "verdict").code == 0
    refused(textladder("predict", out, reviews), "there is no column 'opinion'", "text")
    assert textladder("predict", out, reviews, "--text", "text").code == 0
    assert textladder("evaluate", out, reviews, "--text", "text", "--label", "label").code == 0
    (tmp_path / "a.txt").write_text("a lovely film\n", encoding="utf-8")
    assert textladder("predict", out, tmp_path / "a.txt").out.startswith("good\t")


def test_stdin_that_is_no_text(trained: Path) -> None:
    refused(textladder("predict", trained, stdin=b"caf\xe9\n"), "stdin, line 1", "byte 4", "0xe9")
    ended = textladder("predict", trained, stdin=b"good\n" * 3 + b"a\0b\n")
    assert ended.code == 2
    assert "stdin, line 4" in ended.err
    assert "NUL" in ended.err


def forge(folder: Path, name: str, rows: int) -> None:
    """Leave the table `name` the first `rows` rows, with checksums that are right."""
    path = folder / "weights.safetensors"
    weights = load_file(path)
    save_file(weights | {name: weights[name][:rows].clone()}, path)
    header = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    header["files"][path.name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    (folder / "model.json").write_text(json.dumps(header), encoding="utf-8")


@pytest.mark.parametrize("name", ["encoder.index.keys", "encoder.embedding.weight", "encoder.row_weights"])
def test_a_model_with_a_forged_table(name: str, copied: Path) -> None:
    forge(copied, name, 3)
    refused(textladder("predict", copied, stdin="a film\n"), "weights.safetensors", "rows")
