"""Word vectors from files: the public text formats, wrong files, and the whole way through `train`."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.program import BAD, GOOD, textladder, write_csv
from textladder import measuring, recipe
from textladder.errors import Problem
from textladder.layers.bags import RowTable
from textladder.layers.embedding import UnitEmbedding
from textladder.model import Model
from textladder.text.tokenizing import SPECIAL
from textladder.vectors.filling import fill

VOCABULARY = [*SPECIAL, "film", "plot", "missing"]
GLOVE = "film 0.5 -1 2\nunknown 1 2 3\n. . 1 2 3\nplot 1e-1 0 0.25\nfilm 9 9 9\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["", "5 3\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_public_formats(header: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("v.txt.gz" if packed else "v.txt")
    path.write_bytes(gzip.compress((header + GLOVE).encode()) if packed else (header + GLOVE).encode())
    embedding = nn.Embedding(len(VOCABULARY), 3)
    coverage = fill(embedding, VOCABULARY, path)
    assert embedding.weight[4].tolist() == [0.5, -1, 2]  # the first of the two
    np.testing.assert_allclose(embedding.weight[5].detach(), [0.1, 0, 0.25])
    assert (coverage.found, coverage.units) == (2, 3)
    assert coverage.line() == f"{path}: vectors for 2 of 3 units (66.7%); the others start at random"


def test_the_other_rows_get_the_deviation_of_the_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    vocabulary = [*SPECIAL, *(f"w{i}" for i in range(4000))]
    values = np.random.default_rng(0).normal(0, 0.37, (2000, 8))
    lines = [f"w{i} " + " ".join(f"{x:.6f}" for x in row) for i, row in enumerate(values)]
    embedding = UnitEmbedding(len(vocabulary), 8)
    fill(embedding, vocabulary, write(tmp_path / "v.txt", "\n".join(lines)))
    assert embedding.weight[2004:].std().item() == pytest.approx(0.37, rel=0.05)
    assert not embedding.weight[0].any()  # padding stays zero


def test_units_of_a_row_table_are_filled_and_its_ngrams_are_not(tmp_path: Path) -> None:
    table = RowTable(len(VOCABULARY) + 2, 3, 0.1)
    assert fill(table, VOCABULARY, write(tmp_path / "v.txt", GLOVE)).found == 2
    assert table.weight[4].tolist() == [0.5, -1, 2]
    assert table.weight.shape == (9, 3)


@pytest.mark.parametrize(
    ("text", "width", "where", "what"),
    [
        (GLOVE, 5, "v.txt", "3 wide, the embedding 5"),
        ("a 1 2 3\nfilm 1 two 3\n", 3, "line 2", "not a number"),
        ("a 1 2 3\nfilm 1 2\n", 3, "line 2", "2 numbers after the word, not 3"),
        ("a 1 2 3\nfilm 1 nan 3\n", 3, "line 2", "not finite"),
        ("a 1 2 3\nb 1 2 3\n", 3, "v.txt", "none of its words"),
        ("film\n", 3, "line 1", "no vector"),
        ("", 3, "v.txt", "empty"),
    ],
)
def test_wrong_files(text: str, width: int, where: str, what: str, tmp_path: Path) -> None:
    path = write(tmp_path / "v.txt", text)
    with pytest.raises(Problem) as caught:
        fill(nn.Embedding(len(VOCABULARY), width), VOCABULARY, path)
    assert where in caught.value.where
    assert what in caught.value.what
    assert caught.value.next_step


def test_an_encoder_without_rows(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no row per unit"):
        fill(None, VOCABULARY, write(tmp_path / "v.txt", GLOVE))


@pytest.mark.parametrize("rung", [name for name in recipe.rungs("classify") if name != "bow"])
def test_frozen_vectors_stay_and_tuned_ones_move(
    rung: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the command line, and there in the saved model."""
    monkeypatch.setattr(measuring, "MANY_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "ONE_TEXTS", 1)
    dim = "dim" if rung in ("ngrams", "mlp") else "embedding_dim"
    reviews = write_csv(tmp_path / "reviews.csv")
    words = [*GOOD, *BAD, "film", "plot"]
    vectors = {w: np.random.default_rng(i).normal(0, 1, 8).round(4) for i, w in enumerate(words)}
    path = write(tmp_path / "v.vec", "\n".join(f"{w} {' '.join(map(str, v))}" for w, v in vectors.items()))
    kept = {}
    for frozen in ("true", "false"):
        out = tmp_path / frozen
        settings = [f"encoder.{dim}=8", f"training.freeze_embedding={frozen}", "training.epochs=1"]
        options = [part for setting in settings for part in ("--set", setting)]
        ended = textladder("train", reviews, "--rung", rung, "--out", out, "--vectors", path, *options)
        assert ended.code == 0, ended.err
        assert "vectors for " in ended.err
        model = Model.load(out)
        assert model.encoder.embedding is not None
        row = model.tokenizer.vocabulary.index("film")
        kept[frozen] = np.allclose(model.encoder.embedding.weight[row].detach(), vectors["film"])
    assert kept == {"true": True, "false": False}


def test_bow_takes_no_vectors(tmp_path: Path) -> None:
    reviews, path = write_csv(tmp_path / "reviews.csv"), write(tmp_path / "v.txt", GLOVE)
    ended = textladder("train", reviews, "--rung", "bow", "--out", tmp_path / "run", "--vectors", path)
    assert ended.code == 2
    assert "takes no vectors" in ended.err
