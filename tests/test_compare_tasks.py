"""`textladder compare` of tokens, pairs, answers and vectors: one table and page, each task's own metric."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import test_answering, test_embedding, test_pairing, test_tagging
from tests.matches import facts
from tests.program import refused, textladder
from textladder.comparing.answers import read_answers
from textladder.wording import named

FEW = {"training.max_steps": 4, "training.min_steps": 0}
SMALL = [word for key, value in FEW.items() for word in ("--set", f"{key}={value}")]
ASKED = {"passage": "Zoe lives in New York, and Kim lives in Oslo!", "question": "Where does Kim live?"}


@dataclass(frozen=True)
class Kind:
    """How a task is compared: its file, two rungs, its metric, and a text with what its answer looks like."""

    write: Callable[[Path], Path]
    rungs: str
    metric: str
    asked: str
    answered: str  # a pattern
    wrong: tuple[str, str]  # a file that another task reads, and what is said of it
    settings: tuple[str, ...] = ()


KINDS = {
    "tag": Kind(
        lambda folder: test_tagging.written(folder / "tag.conll", test_tagging.sentences(60)),
        *("window,bilstm-crf", "span_f1", "Ada lives in Rome .\n", r"Ada\t\S+\n(\S+\t\S+\n){4}\n?"),
        ("embed", "there is none of the keys text, sentence"),
    ),
    "pair": Kind(
        lambda folder: test_pairing.written(folder / "pair.jsonl", test_pairing.pairs(100)),
        *("bow,decomposable", "accuracy", "the dog runs\ta dog eats\n", r"(same|different)\t0\.\d+\n"),
        ("embed", "no column holds labels"),
    ),
    "span": Kind(
        lambda folder: test_answering.written(folder / "span.jsonl", test_answering.questions(50)),
        *("window,bilstm", "answer_f1", json.dumps(ASKED), r"[\w, ]+!?\t[\d.]+.*\n"),
        ("pair", "there is none of the keys passage, context, text"),
    ),
    "embed": Kind(
        lambda folder: test_embedding.written(
            folder / "embed.jsonl", [{"text_a": a, "text_b": b} for a, b in facts(150)]
        ),
        *("average,bow", "mrr", "dog sleeps here\n", r"\[-?\d\.\d+(e-\d+)?(, ?-?\d\.\d+(e-\d+)?)+\]\n"),
        ("tag", "a pair needs two texts"),
        ("--set", "training.learning_rate=1e-6"),  # four steps would teach it all
    ),
}


@dataclass(frozen=True)
class Done:
    kind: Kind
    words: list[Any]
    out: Path
    comparison: dict[str, Any]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    return {task: kind.write(folder) for task, kind in KINDS.items()}


@pytest.fixture(scope="module", params=KINDS)
def done(request: pytest.FixtureRequest, files: dict[str, Path]) -> Done:
    """A compare of one task."""
    kind, file = KINDS[request.param], files[request.param]
    out = file.parent / f"{request.param}-compared"
    words = ["compare", file, "--task", request.param, "--rungs", kind.rungs, "--out", out, "--json"]
    words += [*SMALL, *kind.settings]
    told = textladder(*words)
    assert told.code == 0, told.err
    return Done(kind, words, out, json.loads(told.out))


def test_the_table_has_the_tasks_own_metric_with_intervals_and_paired_tests(done: Done) -> None:
    found, kind = done.comparison, done.kind
    assert found["metric"] == kind.metric
    assert found["stopped"] == {}
    assert {row["rung"] for row in found["rows"]} == set(kind.rungs.split(","))
    (best,) = (row for row in found["rows"] if row["rung"] == found["best"])
    for row in found["rows"]:
        low, high = row["interval"]
        assert low <= row["score"] <= high
        if row is not best:
            assert 0 < row["p"] <= 1
            assert row["difference"] == pytest.approx(row["score"] - best["score"], abs=1e-6)
            low, high = row["difference_interval"]
            assert low <= row["difference"] <= high
    scores = [json.loads(path.read_text("utf-8")) for path in done.out.glob("runs/*/scores.json")]
    assert {one["rung"]: one["test"]["score"] for one in scores} == {
        row["rung"]: row["score"] for row in found["rows"]
    }


def test_the_page_stands_alone_and_says_what_was_compared(done: Done) -> None:
    page = (done.out / "index.html").read_text("utf-8")
    assert not re.search(r"https?://|@import|url\(|<link|src=", page)
    assert all(f">{row['rung']}<" in page for row in done.comparison["rows"])
    assert named(done.kind.metric) in page
    assert html.escape(done.comparison["pick"]["reason"]) in page


def test_the_pick_answers(done: Done) -> None:
    said = [
        textladder("predict", model, stdin=done.kind.asked)
        for model in (done.out, done.out / done.comparison["pick"]["model"])
    ]
    assert said[0].code == 0, said[0].err
    assert re.fullmatch(done.kind.answered, said[0].out), said[0].out
    assert said[1] == said[0]


def test_the_same_again_trains_nothing(done: Done) -> None:
    times = {path: path.stat().st_mtime_ns for path in done.out.glob("runs/*/*.*")}
    again = textladder(*done.words)
    assert again.code == 0, again.err
    assert json.loads(again.out) == done.comparison
    assert {path: path.stat().st_mtime_ns for path in done.out.glob("runs/*/*.*")} == times
    refused(textladder(*done.words, "--seeds", 2), "asked with another seeds")


@pytest.mark.parametrize("task", KINDS)
def test_a_file_of_another_task_is_refused_before_anything_is_trained(
    task: str, files: dict[str, Path], tmp_path: Path
) -> None:
    other, said = KINDS[task].wrong
    refused(textladder("compare", files[other], "--task", task, "--out", tmp_path / "out"), said)
    assert not (tmp_path / "out").exists()


def test_the_page_shows_what_is_wrong(done: Done) -> None:
    """The hardest test texts, with the right answer: spans marked where they stand, pairs with both texts."""
    page = (done.out / "index.html").read_text("utf-8")
    said = [list(read_answers(path)) for path in sorted(done.out.rglob("predictions.jsonl"))]
    assert len(said) == len(done.comparison["rows"])
    wrong = [one for row in zip(*said, strict=True) for one in row if not one.correct]
    assert wrong
    if done.comparison["task"] in ("tag", "pair"):
        assert all(f'"confusion-{number}"' in page for number in range(2)), "which labels are taken for which"
    if done.comparison["task"] in ("tag", "span"):
        gold = [one.text[mark.start : mark.end] for one in wrong for mark in one.there]
        assert any(
            re.search(f"<mark[^>]*>(<u[^>]*>)?{re.escape(html.escape(words))}<", page) for words in gold
        )
    if done.comparison["task"] in ("pair", "span"):
        assert any(f">{html.escape(one.second or '')}</blockquote>" in page for one in wrong)
    if done.comparison["task"] == "embed":  # what belongs to the text, and what was found in its place
        assert any(f">{one.gold[0]}<" in page and f">{one.predicted[0]}<" in page for one in wrong)
