"""The rung ngram from the command line: a run folder like any other, and what is said of wrong input."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.program import refused, textladder
from tests.test_run import SCORES
from textladder import counted, measuring, recipe, run
from textladder.arpa_cli import UNSPELLED
from textladder.counted import CountedModel
from textladder.errors import Problem
from textladder.estimators import TextClassifier
from textladder.files import WORK
from textladder.loading import load_model
from textladder.ngrams.config import NgramConfig
from textladder.preparing import read_data
from textladder.recipe import Recipe
from textladder.tasks.judging import Block

LINES = [
    "the cat sat on the mat and the dog sat on the rug",
    "a dog and a cat are friends when the sun is warm",
    "the sun is warm and the mat is red, said the cat",
    "when the rug is wet the dog is not a friend of the cat",
]
LANGUAGE = ("--task", "language", "--rung", "ngram")


@pytest.fixture(autouse=True)
def _little_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MANY_SECONDS", 0.0)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 40 blocks of one document."""
    draw = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(LINES[i] for i in draw.integers(0, 4, 800)) + "\n")
    return path


@pytest.mark.parametrize("units", ["character", "word", "bpe", "byte"])
def test_a_run_like_any_other(text: Path, tmp_path: Path, units: str) -> None:
    out = tmp_path / "run"
    more = ("--set", "tokenizer.vocabulary_size=300") if units == "bpe" else ()
    ended = textladder("train", text, *LANGUAGE, "--units", units, "--out", out, "--json", *more)
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert said == json.loads((out / "scores.json").read_text())
    more_of_language = {"training_units", "training_characters", "ngrams"}
    more_of_language |= {"training_units_per_second", "training_characters_per_second"}
    assert set(said) >= (SCORES - {"training_texts_per_second"}) | more_of_language
    names = {"log.jsonl", "model", "predictions.jsonl", "recipe.toml", "scores.json"}
    assert set(os.listdir(out)) == names
    assert (said["stopped"], said["epochs"], said["metric"]) == ("one pass", 1.0, "bits_per_character")
    assert said["parameters"] == sum(said["ngrams"]["counts"])
    assert said["ngrams"]["order"] == (7 if units in ("character", "byte") else 5)
    assert said["size_mb"] > 0
    assert said["throughput"] > 0
    assert 0 < said["latency_ms"]["p50"] <= said["latency_ms"]["p95"]
    assert 0 < said["test"]["score"] < 1, "four lines, over and over"
    assert f"context|units={said['ngrams']['order'] - 1}" in said["test"]["signature"]
    (line,) = (json.loads(line) for line in (out / "log.jsonl").read_text().splitlines())
    assert (line["event"], line["dev_score"], line["best"]) == ("check", said["dev"]["score"], True)
    model = load_model(out)
    assert isinstance(model, CountedModel)
    assert Recipe.load(out / "recipe.toml") == model.recipe
    assert (out / "model" / "README.md").read_text().startswith("# ngram")


def test_the_scores_are_those_of_the_kept_model(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert textladder("train", text, *LANGUAGE, "--units", "character", "--out", out).code == 0
    scores, model = json.loads((out / "scores.json").read_text()), load_model(out)
    chosen = model.recipe
    data = read_data(chosen.data, tmp_path / "data", str(text), reads="documents")
    made, history = run.train_model(chosen, data, tmp_path / "work")
    shutil.rmtree(tmp_path / "work")
    assert isinstance(made, CountedModel)
    assert history[-1]["dev_score"] == scores["dev"]["score"]
    assert made.parameter_count == scores["parameters"]
    assert isinstance(model, CountedModel)
    one, other = (some.ngrams.arrays.log_probability for some in (made, model))
    np.testing.assert_array_equal(one, other)


def test_an_own_seed_an_own_estimator_and_useless_settings(text: Path, tmp_path: Path) -> None:
    given = ("--set", "encoder.estimator=interpolation", "--set", "training.epochs=3", "--seed", 5)
    ended = textladder("train", text, *LANGUAGE, *given, "--out", tmp_path, "--json")
    assert ended.code == 0, ended.err
    assert "no difference is made by training.epochs" in ended.err
    said = json.loads(ended.out)
    assert said["seed"] == 5
    assert sum(said["ngrams"]["estimated"]["weights"]) == pytest.approx(1)
    assert said["ngrams"]["estimated"]["held_out_units"] > 0


def test_a_folder_is_not_lost_and_a_run_is_taken_up(text: Path, tmp_path: Path) -> None:
    words = ("train", text, *LANGUAGE, "--out", tmp_path)
    assert textladder(*words).code == 0
    before = (tmp_path / "scores.json").read_text()
    refused(textladder(*words), "a finished run")
    refused(textladder(*words, "--resume", "--set", "encoder.order=2"), "other settings (encoder.order)")
    assert "is finished already" in textladder(*words, "--resume").err
    assert not (tmp_path / WORK).exists()
    # What cannot be counted leaves what was there.
    (tmp_path / "short.txt").write_text("a b\n\nc\n\nd\n\ne\n")
    short = ("train", tmp_path / "short.txt", *LANGUAGE, "--out", tmp_path, "--overwrite")
    refused(textladder(*short, "--set", "data.documents=line"), "too few for an n-gram", "Choose order")
    assert (tmp_path / "scores.json").read_text() == before
    (tmp_path / "scores.json").unlink()  # as if it had been killed
    assert textladder(*words, "--resume").code == 0
    after = json.loads((tmp_path / "scores.json").read_text())
    assert after["test"] == json.loads(before)["test"]


def test_labelled_texts(tmp_path: Path) -> None:
    names = {"Czech": ["novak", "novotny", "nemec"], "Irish": ["obrien", "oneill", "oconnor"]}
    with (tmp_path / "names.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((name, label) for _ in range(40) for label in names for name in names[label])
    ended = textladder(
        "train", tmp_path / "names.csv", *LANGUAGE, "--units", "character", "--out", tmp_path / "run"
    )
    assert ended.code == 0, ended.err
    model = load_model(tmp_path / "run")
    assert isinstance(model, CountedModel)
    assert model.task.names == ["Czech", "Irish"]
    for label, first in (("Czech", "n"), ("Irish", "o")):
        begun = model.ngrams.step(model.ngrams.start(inside=True), model.task.index[label])
        likeliest = int(model.ngrams.next(begun).argmax())
        assert model.tokenizer.vocabulary[likeliest] == first
    assert [row["units"] for row in _lines(tmp_path / "run" / "predictions.jsonl")]


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_compared_with_a_net(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\n".join(LINES * 30))
    small = ("--set", "training.epochs=1", "--set", "training.max_steps=2")
    ended = textladder(
        *("compare", text, "--task", "language", "--rungs", "ngram,lstm", "--units", "character"),
        *("--out", tmp_path / "c", "--json", *small),
    )
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert set(said["runs"]) == {"ngram", "lstm"}
    assert said["pick"]["rung"] == "ngram"
    assert isinstance(load_model(tmp_path / "c"), CountedModel)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--set", "encoder.order=9"), ("9 is not between 1 and 7",)),
        (("--set", "encoder.estimator=kneser"), ("encoder.estimator", "kneser-ney")),
        (("--set", "encoder.hidden_dim=8"), ("encoder.hidden_dim", "order")),
        (("--set", "encoder.prune=[1]"), ("are not thresholds",)),
        (("--vectors", "vectors.bin"), ("--vectors", "no vectors of units")),
        (("--device", "nonsense"), ("--device",)),
    ],
)
def test_wrong_input(text: Path, tmp_path: Path, given: tuple[str, ...], said: tuple[str, ...]) -> None:
    refused(textladder("train", text, *LANGUAGE, "--out", tmp_path / "run", *given), *said)
    assert not (tmp_path / "run").exists()


def test_it_is_no_rung_of_another_task(tmp_path: Path) -> None:
    tables = recipe.rung("bow", "classify").tables() | {"encoder": {"name": "ngram"}}
    with pytest.raises(Problem, match="no vectors for the task classify"):
        Recipe.of(tables, "my.toml")
    with pytest.raises(Problem, match="Did you mean ngram"):
        recipe.encoder_config("ngramm")
    assert recipe.encoder_config("ngram") is NgramConfig


def test_a_stop_leaves_nothing_half_written(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, check: Callable[[], None]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        check()

    monkeypatch.setattr(counted, "count", stopped)
    ended = textladder("train", text, *LANGUAGE, "--out", tmp_path / "run")
    assert ended.code == 130
    assert "stopped. To begin anew, run the same command again (train: with --resume)" in ended.err
    assert not (tmp_path / "run").exists()  # it had not begun
    monkeypatch.undo()
    monkeypatch.setattr(measuring, "MANY_SECONDS", 0.0)
    assert textladder("train", text, *LANGUAGE, "--out", tmp_path / "run", "--resume").code == 0


def test_it_is_not_loaded_as_a_classifier(text: Path, tmp_path: Path) -> None:
    assert textladder("train", text, *LANGUAGE, "--out", tmp_path).code == 0
    with pytest.raises(Problem, match="a model for the task language, not a classifier"):
        TextClassifier.load(tmp_path)


def test_a_document_is_one_context_across_blocks(text: Path, tmp_path: Path) -> None:
    """What one block costs depends on the units before it, in the blocks before it."""
    assert textladder("train", text, *LANGUAGE, "--out", tmp_path / "run").code == 0
    model = load_model(tmp_path / "run")
    assert isinstance(model, CountedModel)
    data = read_data(model.recipe.data, tmp_path / "data", str(text), reads="documents")
    assert data.test is not None
    from textladder.streams import store_stream

    store = store_stream(data.test, model.tokenizer, model.labels, tmp_path / "ids", judged=True)
    outcomes = model.block_outcomes(store)
    ids = np.asarray(store.columns["text"].flat)
    whole = model.ngrams.log_probs_of_stream(ids)
    assert len(outcomes) > 1
    assert outcomes[:, Block.NATS].sum() == pytest.approx(-whole.sum())
    assert outcomes[:, Block.UNITS].sum() == len(ids) - 1
    np.testing.assert_allclose(model.unit_nats(store), -whole)


def test_to_an_arpa_file_and_back(text: Path, tmp_path: Path) -> None:
    given = ("--units", "whitespace", "--set", "encoder.order=3", "--json")
    assert textladder("train", text, *LANGUAGE, *given, "--out", tmp_path / "run").code == 0
    ended = textladder("arpa", tmp_path / "run", tmp_path / "model.arpa.gz")
    assert ended.code == 0, ended.err
    with gzip.open(tmp_path / "model.arpa.gz", "rt", encoding="utf-8") as file:
        counts = [line.split("=")[1] for line in file if line.startswith("ngram ")]
    assert ", ".join(f"{int(n):,} of order {k}" for k, n in enumerate(counts, 1)) in ended.out
    ended = textladder("arpa", tmp_path / "model.arpa.gz", tmp_path / "again", "--json")
    assert ended.code == 0, ended.err
    one, two = (load_model(tmp_path / name) for name in ("run", "again"))
    assert isinstance(one, CountedModel)
    assert isinstance(two, CountedModel)
    assert json.loads(ended.out) == {"counts": two.ngrams.counts, "notes": [UNSPELLED]}
    assert two.ngrams.vocabulary == one.ngrams.vocabulary
    ids = one.tokenizer.encode(["the sun sat on a wet zebra", "when the"])
    assert ids.flat.tolist() == two.tokenizer.encode(["the sun sat on a wet zebra", "when the"]).flat.tolist()
    np.testing.assert_allclose(one.ngrams.log_probs(ids).flat, two.ngrams.log_probs(ids).flat, atol=1e-5)
    ended = textladder("score", tmp_path / "again", text, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["bits_per_character"] < 1


def test_labels_that_an_arpa_file_does_not_know_are_told(tmp_path: Path) -> None:
    ends = ["".join(letters) for letters in product("aeiou", repeat=3)]
    rows = [f"nov{end},Czech\nobr{end},Irish\n" for end in ends]
    (tmp_path / "names.csv").write_text("text,label\n" + "".join(rows))
    given = ("--units", "character", "--set", "encoder.order=2", "--out", tmp_path / "run")
    assert textladder("train", tmp_path / "names.csv", *LANGUAGE, *given).code == 0
    ended = textladder("arpa", tmp_path / "run", tmp_path / "m.arpa")
    assert ended.code == 0
    assert "An ARPA file knows no labels" in ended.out
    assert "<label:Czech>" in ended.out


def test_what_is_no_arpa_file_and_no_counted_model(text: Path, tmp_path: Path, trained: Path) -> None:
    broken = tmp_path / "broken.arpa"
    broken.write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-1 a\n-x b\n\n\\end\\\n")
    refused(textladder("arpa", broken, tmp_path / "out"), "broken.arpa, line 6")
    assert sorted(os.listdir(tmp_path)) == ["broken.arpa"]
    refused(textladder("arpa", tmp_path / "none.arpa", tmp_path / "out"), "none.arpa")
    refused(textladder("arpa", trained, tmp_path / "out.arpa"), "no model of counted n-grams")
    refused(textladder("arpa", broken, tmp_path / "out", "--units", "bpe"), "--units bpe")
    refused(textladder("arpa", broken, tmp_path / "out", "--units", "wird"), "--units wird")
    add_k = ("--set", "encoder.estimator=add-k", "--out", tmp_path / "run")
    assert textladder("train", text, *LANGUAGE, *add_k).code == 0
    refused(textladder("arpa", tmp_path / "run", tmp_path / "out.arpa"), "cannot say what add-k gives")
