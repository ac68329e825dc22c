"""Answers from a file to predictions: the commands, the run folder, and the estimator."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.program import refused, textladder
from textladder import AnswerExtractor, Problem
from textladder.comparing.answers import Mark, read_answers, statistic_of
from textladder.inspection.findings import find
from textladder.inspection.pieces import examples as quotations
from textladder.metrics.squad import Judgement

WHO = ["Ada", "Bob", "Eve", "Kim", "Max", "Zoe"]
WHERE = ["Rome", "New York", "Oslo", "Rio", "Paris"]
RUNGS = ["window", "cnn", "bilstm", "bidaf", "attention"]
SETTINGS = {
    "training.max_steps": 80,
    "training.min_steps": 0,
    "training.epochs": 60,
    "training.patience": 0,
    "training.learning_rate": 0.01,
    "encoder.embedding_dim": 16,
    "encoder.hidden_dim": 16,
    "encoder.embedding_dropout": 0.0,
    "encoder.dropout": 0.0,
    "task.dropout": 0.0,
    "task.modelling_dim": 16,
}
SMALL = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]


def questions(number, seed=0, unanswered=False):
    """(passage, question, answers) in which the word that is asked for says where the answer stands."""
    draw = random.Random(seed)
    found = []
    for _ in range(number):
        (first, second), (here, there) = draw.sample(WHO, 2), draw.sample(WHERE, 2)
        passage = f"{first} lives in {here}, and {second} lives in {there}!"
        for name, place in ((first, here), (second, there)):
            found.append((passage, f"Where does {name} live?", [(passage.index(place), place)]))
        if unanswered:
            other = draw.choice([name for name in WHO if name not in (first, second)])
            found.append((passage, f"Where does {other} live?", []))
    return found


def written(path, rows):
    """A file of JSON Lines."""
    lines = [
        {"passage": p, "question": q, "answers": [{"text": text, "start": start} for start, text in answers]}
        for p, q, answers in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def trained(file, out, *more):
    return textladder("train", file, "--task", "span", "--rung", "window", "--out", out, *SMALL, *more)


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    return written(tmp_path_factory.mktemp("asked") / "asked.jsonl", questions(120))


@pytest.fixture(scope="module")
def run(asked):
    """A trained folder, and what the command said."""
    out = asked.parent / "run"
    told = trained(asked, out, "--json")
    assert told.code == 0, told.err
    return out, json.loads(told.out), told.err


def test_training_says_what_it_read_and_how_good_it_is(run):
    out, scores, err = run
    assert "asked.jsonl is read as jsonl." in err
    assert "first texts; those of one are in the same part" in err
    assert scores["task"] == "span"
    assert scores["metric"] == "answer_f1"
    test = scores["test"]
    assert test["score"] > 0.9
    assert test["interval"][0] <= test["score"] <= test["interval"][1]
    assert "rules=squad-1.1" in test["signature"]
    assert "bootstrap" in test["signature"]
    assert test["scores"].keys() == {"answer_f1", "exact_match"}
    assert [entry["word"] for entry in test["details"]["per_question_word"]] == ["where"]
    lines = [json.loads(line) for line in (out / "predictions.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == test["count"]
    assert sum(line["answer_f1"] for line in lines) / len(lines) == pytest.approx(test["score"])
    for line in lines:
        start, end = line["predicted"]
        assert line["text"][start:end] == line["answer"]
        assert [line["text"][slice(*span)] for span in line["gold"]] == line["answers"]
        assert line["second"].startswith("Where does")


def test_predictions_as_lines_and_as_json(run, tmp_path):
    passage = "Zoe lives in New York, and Kim lives in Oslo!"
    given = [{"passage": passage, "question": f"Where does {name} live?"} for name in ("Kim", "Zoe")]
    lines = "".join(json.dumps(one) + "\n" for one in given)
    said = textladder("predict", run[0], stdin=lines)
    assert said.code == 0, said.err
    assert [line.split("\t")[0] for line in said.out.splitlines()] == ["Oslo", "New York"]
    told = json.loads(textladder("predict", run[0], "--json", stdin=lines).out)["predictions"]
    for one, record in zip(given, told, strict=True):
        assert record["question"] == one["question"]
        assert record["answer"] == passage[record["start"] : record["end"]]
        assert 0 < record["confidence"] <= 1
        assert record["n_best"][0]["answer"] == record["answer"]
    path = tmp_path / "more.jsonl"
    path.write_text(lines, encoding="utf-8")
    assert json.loads(textladder("predict", run[0], path, "--json").out)["predictions"] == told
    refused(textladder("predict", run[0], stdin="\nwhere?\n"), "line 1: this is no passage")


def test_a_page_of_what_is_looked_at(run, tmp_path):
    page, passage = tmp_path / "map.html", "Ada lives in Rome, and Bob lives in <Oslo>!"
    question = "Where does Ada live?"
    told = textladder("inspect", run[0], "--text", passage, "--second", question, "--out", page)
    assert told.code == 0, told.err
    assert told.out.splitlines()[0] == "Rome"
    text = page.read_text("utf-8")
    assert "<Oslo>" not in text
    tables = text.split("data-map=")[1:]
    assert [table.count("<tr><th") for table in tables] == [13, 13], "a row for each token"
    shares = [[float(share) for share in re.findall(r'title="([0-9.]+)"', table)] for table in tables]
    assert sum(shares[0]) == pytest.approx(13, abs=0.1)
    for column in range(3):
        assert sum(shares[1][column::3]) == pytest.approx(1, abs=0.02)
    assert np.argmax(shares[1][1::3]) == 3, "the answer begins at Rome"
    refused(textladder("inspect", run[0], "--text", "a dog", "--out", page), "no question about the passage")


def test_evaluating_squad_files(run, tmp_path):
    rows = questions(20, seed=5)
    paragraphs = [
        {
            "context": p,
            "qas": [
                {"id": "q", "question": q, "answers": [{"text": t, "answer_start": s} for s, t in answers]}
            ],
        }
        for p, q, answers in rows
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}], "version": "1.1"}), encoding="utf-8")
    told = json.loads(textladder("evaluate", run[0], path, "--json").out)
    assert told["score"] > 0.9
    assert told["count"] == len(rows)
    assert "answer_f1" in textladder("evaluate", run[0], path).out


def test_a_saved_model_says_the_same_and_no_question_depends_on_its_batch(run):
    extractor = AnswerExtractor.load(run[0])
    rows = questions(12, seed=8)
    passages, asked = [p for p, _, _ in rows], [q for _, q, _ in rows]
    together = extractor.predict(passages, asked)
    for passage, question, found in zip(passages, asked, together, strict=True):
        (alone,) = extractor.predict([passage], [question])
        assert alone[:3] == found[:3]
        assert alone.confidence == pytest.approx(found.confidence, abs=1e-4)
        assert passage[found.start : found.end] == found.text
    best = extractor.n_best(passages[0], asked[0])
    assert best[0][:3] == together[0][:3]
    assert len(best) == 5


def test_questions_without_an_answer(tmp_path):
    path = written(tmp_path / "two.jsonl", questions(120, unanswered=True))
    told = trained(path, tmp_path / "run", "--json")
    assert told.code == 0, told.err
    scores = json.loads(told.out)["test"]
    assert "rules=squad-2.0" in scores["signature"]
    assert scores["scores"]["unanswerable_accuracy"] > 0.7
    assert scores["scores"]["answerable_f1"] > 0.7
    given = {"passage": "Ada lives in Rome, and Bob lives in Rio!", "question": "Where does Eve live?"}
    (record,) = json.loads(textladder("predict", tmp_path / "run", "--json", stdin=json.dumps(given)).out)[
        "predictions"
    ]
    assert {one["answer"] for one in record["n_best"]} >= {None, "Rome", "Rio"}


def test_what_compare_reads_of_a_run_and_shows_of_it(run):
    """The same score from predictions.jsonl alone; gold and predicted places marked in the passage."""
    out, scores, _ = run
    path = out / "predictions.jsonl"
    test = scores["test"]
    for metric in ("answer_f1", "exact_match"):
        assert statistic_of([path], metric, []).value == pytest.approx(test["scores"][metric])
    answers = [
        replace(answer, judged=Judgement(0.0, 0.0, True), said=(Mark(0, 3),)) for answer in read_answers(path)
    ]
    found = find(({"window": answer} for answer in answers), ["window"], examples=len(answers))
    shown = quotations(found.hardest)
    assert shown.count("<mark>") == 2 * len(answers)  # of each the answer, and the key
    for one in answers:
        assert one.second is not None
        assert f">{one.second}</blockquote>" in shown
        assert f"<u>{one.text[:3]}</u>" in shown
        assert f"<mark>{one.gold[0]}</mark>" in shown


def test_misplaced_answers_are_listed_in_the_folder_of_the_run(tmp_path):
    rows = questions(20)
    wrong = [(p, q, [(answers[0][0] + 1, answers[0][1])]) for p, q, answers in rows[:4]]
    path, out = written(tmp_path / "wrong.jsonl", wrong + rows[4:]), tmp_path / "run"
    refused(trained(path, out), "4 of 40 answers do not stand in their passage")
    listed = [json.loads(line) for line in (out / "misplaced-train.jsonl").read_text("utf-8").splitlines()]
    assert len(listed) == 4
    assert listed[0]["nearest"]["start"] == listed[0]["start"] - 1
    told = trained(path, out, "--set", "data.misplaced=snap", "--set", "training.max_steps=2")
    assert told.code == 0, told.err
    assert "4 answers that do not stand in their passage where the file says were moved" in told.err


def test_passages_that_two_files_share_are_told(asked, tmp_path):
    rows = questions(120)
    known = written(tmp_path / "dev.jsonl", [(p, "Who?", []) for p, _, _ in rows[:6]] + questions(5, seed=77))
    told = trained(asked, tmp_path / "run", "--dev", known, "--set", "training.max_steps=2")
    assert told.code == 0, told.err
    assert " questions of dev are about passages of train." in told.err
    assert "questions have no answer; every training question has one" in told.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--set", "data.format=csv"], "'csv' has no answers"),
        (["--label", "gold"], "no key 'gold'"),
        (["--set", "tokenizer.overlong=head", "--set", "tokenizer.max_length=4"], "nothing can be cut"),
        (["--set", "task.longest=0"], "a whole number from 1 on"),
        (["--rung", "bow"], "there is no rung 'bow'"),
    ],
)
def test_wrong_input_is_told(asked, tmp_path, more, said):
    refused(trained(asked, tmp_path / "r", *more), said)


def test_a_look_at_questions(tmp_path):
    path = written(tmp_path / "two.jsonl", questions(10, unanswered=True))
    told = textladder("look", path, "--task", "span")
    assert told.code == 0, told.err
    assert "two.jsonl: 30 questions" in told.out
    assert "10 of 30 questions have no answer." in told.out
    assert "label" not in told.out


def test_built_in_data_has_no_questions(tmp_path):
    refused(trained("languages", tmp_path / "r"), "one text a row")


def test_the_rungs_are_listed():
    listed = json.loads(textladder("rungs", "--task", "span", "--json").out)["rungs"]
    assert [entry["rung"] for entry in listed] == RUNGS
    assert all(entry["parameters"] > 1000 and "http" in entry["source"] for entry in listed)


def test_the_estimator():
    rows = questions(80)
    passages, asked = [p for p, _, _ in rows], [q for _, q, _ in rows]
    spans = [[(start, start + len(text)) for start, text in answers] for _, _, answers in rows]
    extractor = AnswerExtractor("window", settings=SETTINGS).fit(passages, asked, spans)
    (found,) = extractor.predict(["Ada lives in Rome, and Kim lives in New York!"], ["Where does Kim live?"])
    assert found[:3] == (36, 44, "New York")
    assert extractor.score(passages, asked, [[text for _, text in answers] for _, _, answers in rows]) > 0.9
    assert extractor.history_


def test_the_estimator_refuses_what_it_cannot_use(run):
    extractor = AnswerExtractor.load(run[0])
    with pytest.raises(ValueError, match="passages is one text"):
        extractor.predict("a text", ["?"])
    with pytest.raises(ValueError, match="there is no question"):
        extractor.predict([], [])
    with pytest.raises(Problem, match="1 passages, 2 questions"):
        extractor.predict(["a"], ["b", "c"])
    with pytest.raises(Problem, match="do not stand in their passage"):
        AnswerExtractor("window").fit(["a b"], ["?"], [["c"]])
    with pytest.raises(Problem, match="no such folder"):
        AnswerExtractor.load("nowhere")
