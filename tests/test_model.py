"""The model folder: what comes back is what was saved, or a Problem that names the file."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import textladder as package
from tests.helpers import data_of, films, small, trainer_of
from textladder import files, recipe
from textladder import model as model_file
from textladder.errors import Problem
from textladder.model import FILES, Model, find_model
from textladder.recipe import Recipe

RUNGS = recipe.rungs("classify")
UNITS = ["word", "whitespace", "character", "byte", "bpe", "wordpiece", "unigram"]
TEXTS = [*films(40, seed=7)[0], "", " ", "unheard-of", "an émigré's café \N{PILE OF POO}", "film " * 30]


def fresh(chosen: Recipe, work: Path) -> Model:
    """A model as training begins."""
    return trainer_of(chosen, work).model.eval()


@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_saves_loads_and_predicts_alike(rung: str, tmp_path: Path) -> None:
    trainer = trainer_of(small(rung, training__epochs=1), tmp_path / "work")
    trainer.train()
    trainer.model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    many = trainer.model.predict(TEXTS)
    assert many.shape == (len(TEXTS), 2)
    assert np.isfinite(many).all()
    np.testing.assert_allclose(many.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(loaded.predict(TEXTS), many)
    one_by_one = np.concatenate([loaded.predict([text]) for text in TEXTS])
    np.testing.assert_allclose(one_by_one, many, atol=1e-5)
    assert loaded.recipe.tokenizer == trainer.model.recipe.tokenizer
    assert loaded.parameter_count == trainer.model.parameter_count


@pytest.mark.parametrize("units", UNITS)
def test_every_unit_saves_loads_and_predicts_alike(units: str, tmp_path: Path) -> None:
    chosen = small("lstm", tokenizer__units=units, tokenizer__vocabulary_size=300)
    model = fresh(chosen, tmp_path / "work")
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(TEXTS), model.predict(TEXTS))
    assert loaded.tokenizer.vocabulary == model.tokenizer.vocabulary


def test_windows_of_a_text_become_one_outcome(tmp_path: Path) -> None:
    model = fresh(small("lstm", tokenizer__overlong="window", tokenizer__max_length=4), tmp_path)
    texts = ["a fine film", "the plot of the film and the music of the scene"]
    short = model.rows(texts)
    rows = model.predict_columns(model_file.Store.of(short.columns))
    assert len(rows) > 2
    expected = np.stack([rows[short.owner == number].mean(axis=0) for number in (0, 1)])
    np.testing.assert_allclose(model.predict(texts), expected, rtol=1e-5)
    np.testing.assert_allclose(model.predict(texts[1:]), expected[1:], rtol=1e-5)


def test_no_text_is_no_outcome(tmp_path: Path) -> None:
    assert fresh(small("ngrams"), tmp_path).predict([]).shape == (0, 2)


def test_longer_than_the_positions_is_a_problem(tmp_path: Path) -> None:
    chosen = small("attention", encoder__positions="learned", encoder__max_length=16)
    with pytest.raises(Problem, match="16 positions"):
        fresh(chosen, tmp_path)


# The folder.


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    fresh(small("ngrams"), tmp_path / "work").save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", [*FILES, "model.json"])
def test_a_missing_file_is_named(name: str, saved: Path) -> None:
    (saved / name).unlink()
    with pytest.raises(Problem, match=re.escape(name)):
        Model.load(saved)


@pytest.mark.parametrize("name", [*FILES, "model.json"])
def test_a_file_cut_short_is_named(name: str, saved: Path) -> None:
    whole = (saved / name).read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        (saved / name).write_bytes(whole[:length])
        with pytest.raises(Problem, match=re.escape(name)):
            Model.load(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_named(name: str, saved: Path) -> None:
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    with pytest.raises(Problem, match=re.escape(name)):
        Model.load(saved)


def change_header(folder: Path, **changes: Any) -> None:
    header = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(header | changes))


@pytest.mark.parametrize(
    "header", [{"format_version": 2}, {"format_version": "1"}, {"files": {}}, {"files": []}]
)
def test_an_unknown_header_is_a_problem(header: dict[str, Any], saved: Path) -> None:
    change_header(saved, **header)
    with pytest.raises(Problem, match=r"model\.json"):
        Model.load(saved)


def sign(folder: Path, name: str) -> None:
    """Make the checksum right again."""
    content = (folder / name).read_bytes()
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    files = json.loads((folder / "model.json").read_text())["files"]
    change_header(folder, files=files | {name: entry})


@pytest.mark.parametrize("shape", [(3, 3), (0,)])
def test_weights_of_another_shape_are_a_problem(shape: tuple[int, ...], saved: Path) -> None:
    weights = load_file(saved / "weights.safetensors")
    save_file(weights | {"task.head.output.weight": torch.zeros(shape)}, saved / "weights.safetensors")
    sign(saved, "weights.safetensors")
    with pytest.raises(Problem, match=r"weights\.safetensors"):
        Model.load(saved)


@pytest.mark.parametrize("content", ["[]", "{}", '{"labels": 3, "kind": "single"}'])
def test_labels_that_are_none_are_a_problem(content: str, saved: Path) -> None:
    (saved / "labels.json").write_text(content)
    sign(saved, "labels.json")
    with pytest.raises(Problem, match=r"labels\.json"):
        Model.load(saved)


class Killed(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize(
    ("module", "moment"), [(model_file, "save_file"), (files, "sha256"), (files, "_replace_folder")]
)
def test_a_save_that_is_interrupted_leaves_the_old_model(
    module: Any, moment: str, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    other = fresh(small("lstm"), tmp_path / "other")

    def kill(*given: Any) -> None:
        raise Killed

    monkeypatch.setattr(module, moment, kill)
    with pytest.raises(Killed):
        other.save(saved)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert Model.load(saved).recipe.rung == "ngrams"


@pytest.mark.parametrize("at_once", [True, False], ids=["exchange", "two renames"])
def test_a_model_replaces_a_model(
    at_once: bool, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not at_once:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    fresh(small("lstm"), tmp_path / "other").save(saved)
    assert Model.load(saved).recipe.rung == "lstm"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "other", "work"]


def test_other_peoples_folders_are_not_replaced(saved: Path, tmp_path: Path) -> None:
    model = Model.load(saved)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(Problem, match=r"chapter1\.tex"):
        model.save(tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter1.tex").read_text() == "years of work"
    with pytest.raises(Problem):
        model.save(tmp_path / "thesis" / "chapter1.tex")


def test_find_model(saved: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "bow"
    run.mkdir(parents=True)
    saved.rename(run / "model")
    (tmp_path / "compare.json").write_text(json.dumps({"pick": {"model": "runs/bow/model"}}))
    for path in (run / "model", run, tmp_path):
        assert find_model(path) == run / "model"
    for content in (
        "{}",
        '{"pick": null}',
        '{"pick": {"model": "runs/none"}}',
        '{"pick": {"model": 3}}',
        "{",
    ):
        (tmp_path / "compare.json").write_text(content)
        with pytest.raises(Problem):
            find_model(tmp_path)
    with pytest.raises(Problem, match="no such folder"):
        find_model(tmp_path / "none")
    with pytest.raises(Problem, match="no finished model"):
        find_model(tmp_path / "runs")


def test_nothing_in_the_package_can_run_what_it_reads() -> None:
    """Sources without pickle (but for saying no to it), torch.load, eval and exec."""
    risky = re.compile(r"(?<!allow_)\bpickle|torch\.load\b|joblib|(?<![\w.])(eval|exec)\(|allow_pickle=True")
    for path in Path(package.__file__).parent.rglob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            assert not risky.search(line), f"{path.name}:{number}: {line}"


def test_data_of_gives_both_labels() -> None:
    assert set(data_of().train.corpus.label_counts()) == {"bad", "good"}
