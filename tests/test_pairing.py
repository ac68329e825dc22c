"""Pairs of texts from a file to predictions: the commands, the run folder, the page, and the estimators."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from sklearn.base import clone

from tests.program import refused, textladder
from textladder import PairClassifier, PairRegressor, Problem, TextClassifier
from textladder.comparing.answers import read_answers
from textladder.inspection.findings import find
from textladder.inspection.pieces import examples as quotations

RUNGS = ["bow", "decomposable", "cnn", "attention", "bilstm", "esim"]
ANIMALS = ["dog", "cat", "bird", "horse"]
DEEDS = ["sleeps", "runs", "eats", "sings"]
SMALL = [
    *("--set", "training.max_steps=300", "--set", "training.min_steps=0", "--set", "training.epochs=60"),
    *("--set", "training.learning_rate=0.01", "--set", "task.matching_dim=16"),
]


def pairs(number, seed=0):
    """((first, second), label, score): the label says whether both are of the same animal, the score how many
    of animal and deed they share."""
    draw = random.Random(seed)
    found = []
    for n in range(number):
        one, deed = draw.choice(ANIMALS), draw.choice(DEEDS)
        same, alike = n % 2 == 0, draw.random() < 0.5
        other = one if same else draw.choice([a for a in ANIMALS if a != one])
        done = deed if alike else draw.choice([d for d in DEEDS if d != deed])
        score = 0.5 + 2 * same + alike
        texts = f"the {one} {deed} in place {n}", f"a {other} {done}"
        found.append((texts, "same" if same else "different", score))
    return found


def written(path, rows, label="label"):
    with path.open("w", encoding="utf-8") as file:
        for (a, b), said, score in rows:
            file.write(json.dumps({"text_a": a, "text_b": b, "label": said, "score": score}) + "\n")
    return path


def begun(file, out, *more, rung="bow"):
    return textladder("train", file, "--task", "pair", "--rung", rung, "--out", out, *SMALL, *more)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return written(tmp_path_factory.mktemp("pairs") / "pairs.jsonl", pairs(240))


@pytest.fixture(scope="module")
def run(file):
    told = begun(file, file.parent / "run", "--json")
    assert told.code == 0, told.err
    return file.parent / "run", json.loads(told.out), told.err


@pytest.fixture(scope="module")
def numbers(file):
    told = begun(file, file.parent / "numbers", "--label", "score", "--json")
    assert told.code == 0, told.err
    return file.parent / "numbers", json.loads(told.out), told.err


def test_training_says_what_it_read_and_how_good_it_is(run):
    out, scores, err = run
    assert "'text_a' and 'text_b', by their names" in err
    assert (scores["task"], scores["metric"]) == ("pair", "accuracy")
    assert scores["test"]["score"] > 0.8
    assert {entry["label"] for entry in scores["test"]["details"]["per_class"]} == {"same", "different"}
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == scores["test"]["count"]
    assert lines[0].keys() >= {"where", "text", "second", "label", "predicted", "confidence", "loss"}
    assert "PairClassifier" in (out / "model" / "README.md").read_text("utf-8")


def test_numbers_are_learned_where_labels_have_decimals(numbers):
    out, scores, _ = numbers
    assert scores["metric"] == "pearson"
    test = scores["test"]
    assert test["score"] > 0.8
    assert test["interval"][0] <= test["score"] <= test["interval"][1]
    assert test["scores"].keys() == {
        *("pearson", "spearman", "mean_absolute_error", "root_mean_squared_error")
    }
    said = textladder("predict", out, "-", stdin="the dog runs\ta dog runs\n")
    assert 2.5 < float(said.out) <= 3.5
    record = json.loads(textladder("predict", out, "-", "--json", stdin="the dog runs\ta cat eats\n").out)
    assert record["predictions"][0]["score"] < 2
    assert "PairRegressor" in (out / "model" / "README.md").read_text("utf-8")


def test_predicting_lines_and_files(run, tmp_path):
    out = run[0]
    said = textladder("predict", out, "-", stdin="the dog runs\ta dog eats\nthe dog runs\ta cat runs\n")
    assert [line.split("\t")[0] for line in said.out.splitlines()] == ["same", "different"]
    path = tmp_path / "new.csv"
    path.write_text('text_a,text_b\n"the cat, sings",a cat eats\nthe cat sings,\n', encoding="utf-8")
    told = textladder("predict", out, path, "--json")
    assert told.code == 0, told.err
    records = json.loads(told.out)["predictions"]
    assert records[0]["label"] == "same"
    assert records[0]["probabilities"].keys() == {"same", "different"}
    assert len(records) == 2  # a pair with an empty text gets its answer too


@pytest.mark.parametrize("matching", ["decomposable", "esim"])
def test_a_page_of_what_is_aligned(file, matching, tmp_path):
    some, page = ("--set", "training.max_steps=5"), tmp_path / "map.html"
    out = tmp_path / "run"
    assert begun(file, out, *some, "--set", f"task.matching={matching}", rung="bow").code == 0
    told = textladder("inspect", out, "--text", "the <dog> runs", "--second", "a cat", "--out", page)
    assert told.code == 0, told.err
    assert told.out.split()[0] in {"same", "different"}
    text = page.read_text("utf-8")
    assert "&lt;" in text
    assert "<dog>" not in text
    units = [len(re.findall(r"<tr><th", table)) for table in text.split("data-map=")[1:]]
    assert units[1] == 2, "a row for each word of the second text"
    shares = [float(share) for share in re.findall(r'title="([0-9.]+)"', text)]
    assert sum(shares) == pytest.approx(sum(units), abs=0.02)


def test_what_has_no_map_says_so(run, tmp_path):
    def told(*more):
        return textladder("inspect", run[0], "--text", "a dog", *more, "--out", tmp_path / "map.html")

    refused(told(), "a pair has two texts")
    refused(told("--second", "a cat"), "task.matching=decomposable")
    refused(told("--second", "a cat", "--target", "c"), "only a translator")


def test_evaluating_another_file(run, numbers, tmp_path):
    path = written(tmp_path / "other.jsonl", pairs(60, seed=1))
    assert json.loads(textladder("evaluate", run[0], path, "--json").out)["score"] > 0.8
    found = json.loads(textladder("evaluate", numbers[0], path, "--json").out)
    assert found["metric"] == "pearson"
    assert found["score"] > 0.8
    assert "60 pairs" in textladder("evaluate", numbers[0], path).out


@pytest.mark.parametrize("rung", RUNGS)
def test_every_rung_trains_and_answers(rung, file, tmp_path):
    told = begun(file, tmp_path / "run", "--json", "--set", "training.max_steps=10", rung=rung)
    assert told.code == 0, told.err
    assert json.loads(told.out)["rung"] == rung
    said = textladder("predict", tmp_path / "run", "-", stdin="the dog runs\ta dog eats\n")
    assert said.out.split("\t")[0] in {"same", "different"}


def test_answers_and_their_quotations_have_both_texts(run):
    path = run[0] / "predictions.jsonl"
    answers, line = list(read_answers(path)), json.loads(path.read_text("utf-8").splitlines()[0])
    assert (answers[0].text, answers[0].second) == (line["text"], line["second"])
    found = find(({"bow": answer} for answer in answers), ["bow"], examples=len(answers))
    assert found.hardest
    shown = quotations(found.hardest)
    assert shown.count("<blockquote") == 2 * len(found.hardest)
    assert all(f">{one.second}</blockquote>" in shown for one in found.hardest)


def test_a_compare_of_numbers_has_a_page(file, tmp_path):
    out = tmp_path / "compared"
    told = textladder(
        *("compare", file, "--task", "pair", "--rungs", "bow,decomposable", "--label", "score"),
        *("--out", out, *SMALL, "--set", "training.max_steps=20", "--json"),
    )
    assert told.code == 0, told.err
    assert json.loads(told.out)["metric"] == "pearson"
    page = (out / "index.html").read_text("utf-8")
    assert "mean absolute error" in page
    assert "The hardest test pairs" in page
    assert "nearer to the right number" in page


def test_rungs_and_look(file):
    listed = json.loads(textladder("rungs", "--task", "pair", "--json").out)["rungs"]
    assert [entry["rung"] for entry in listed] == RUNGS
    assert all(entry["parameters"] > 1000 and "http" in entry["source"] for entry in listed)
    looked = textladder("look", file, "--task", "pair")
    assert looked.code == 0, looked.err
    assert "pairs.jsonl: 240 pairs" in looked.out
    assert " / a " in looked.out


@pytest.mark.parametrize(
    ("line", "said"),
    [("one text only\n", "0 tabs are in it"), ("a\tb\tc\n", "2 tabs are in it")],
)
def test_a_line_that_is_no_pair(run, line, said):
    refused(textladder("predict", run[0], "-", stdin=line), said)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--text", "text_b", "--second", "text_b"], "given as text and as second text"),
        (["--second", "nothing"], "there is no column 'nothing'"),
        (["--set", "task.kind=score"], "is not a number"),
        (["--set", "task.loss=l2"], "no loss of labels that are classes"),
        (["--set", "task.matching=esim", "--set", "task.loss=cosine", "--label", "score"], "two vectors"),
        (["--set", "encoder.weighting=bayes", "--rung", "bow"], "weighs words by the labels"),
        (["--rung", "mlp"], "there is no rung 'mlp'"),
    ],
)
def test_wrong_input_is_told(file, tmp_path, more, said):
    refused(begun(file, tmp_path / "r", *more), said)


def test_an_empty_side_and_a_label_that_is_no_number_are_named_by_line(tmp_path):
    rows = pairs(30)
    path = written(tmp_path / "p.jsonl", [*rows, (("one", ""), "same", 1.5)])
    refused(begun(path, tmp_path / "r"), "line 31", "'text_b' is empty", "data.empty=drop")
    path = written(tmp_path / "s.jsonl", [*rows, (("one", "two"), "same", "high")])
    refused(begun(path, tmp_path / "r", "--label", "score"), "s.jsonl:31", "'high' is not a number")
    refused(begun("languages", tmp_path / "r"), "one text a row")


SETTINGS = {
    "training.max_steps": 300,
    "training.min_steps": 0,
    "training.epochs": 60,
    "training.learning_rate": 0.01,
}


def test_the_classifier():
    rows = pairs(200)
    texts, labels = [texts for texts, _, _ in rows], [label for _, label, _ in rows]
    model = PairClassifier("bow", settings=SETTINGS).fit(texts, labels)
    assert list(model.classes_) == ["different", "same"]
    assert model.score(texts, labels) > 0.8
    shares = model.predict_proba(texts[:3])
    assert shares.sum(1) == pytest.approx([1, 1, 1])
    assert list(model.predict(np.array(texts[:2]))) == labels[:2]
    for text, alone in zip(texts[:8], model.predict_proba(texts[:8]), strict=True):
        assert model.predict_proba([text])[0] == pytest.approx(alone, abs=1e-5)


def test_numbers_as_classes():
    rows = pairs(80)
    few = SETTINGS | {"training.max_steps": 5}
    model = PairClassifier("bow", settings=few).fit([r[0] for r in rows], [int(r[2] + 0.5) for r in rows])
    assert list(model.classes_) == [1, 2, 3, 4]
    assert model.predict([rows[0][0]])[0] in model.classes_


def test_the_regressor(tmp_path):
    rows = pairs(200)
    texts, scores = [texts for texts, _, _ in rows], [score for _, _, score in rows]
    model = clone(PairRegressor("bow", settings=SETTINGS)).fit(texts, scores)
    found = model.predict(texts)
    assert np.corrcoef(found, scores)[0, 1] > 0.8
    assert model.score(texts, scores) > 0.5
    assert (found.min(), found.max()) >= (0.5, 0.5)
    model.save(tmp_path / "model")
    assert PairRegressor.load(tmp_path / "model").predict(texts[:5]) == pytest.approx(found[:5], abs=1e-6)
    with pytest.raises(Problem, match="not a classifier"):
        TextClassifier.load(tmp_path / "model")


def test_the_estimators_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="X is one text"):
        PairClassifier().fit("a text", ["x"])
    with pytest.raises(ValueError, match=r"X\[1\] is"):
        PairClassifier().fit([("a", "b"), "cd"], ["x", "y"])
    with pytest.raises(ValueError, match=r"the second text of X\[1\] is empty; 2 of 3 pairs"):
        PairClassifier().fit([("a", "b"), ("a b", ""), (" ", "c")], ["x", "y", "x"])
    with pytest.raises(ValueError, match=r"the first text of X\[0\] .*settings={'data.empty': 'keep'}"):
        PairRegressor().fit([("\n", "b"), ("c", "d")], [1.0, 2.0])
    with pytest.raises(ValueError, match="a finite number for each of the 2 pairs"):
        PairRegressor().fit([("a", "b"), ("c", "d")], [1.0, float("nan")])
    with pytest.raises(ValueError, match="holds no pair"):
        PairRegressor().fit([], [])
