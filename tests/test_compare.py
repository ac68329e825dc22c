"""The main job, end to end: run, kept, stopped, continued, within a budget, with a learning curve."""

from __future__ import annotations

import html
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.program import textladder
from textladder.compare import compare_rungs, duration
from textladder.comparing.crew import Crew, Request, Training, how_it_ended, run_folder
from textladder.errors import Problem
from textladder.files import WORK
from textladder.model import Model

REVIEWS = str(Path(__file__).parent.parent / "docs" / "reviews.csv")


def compared(out: Path, **options: object) -> dict:
    return compare_rungs(REVIEWS, out, **{"rungs": ["bow", "ngrams"], **options})


def test_a_compare_names_a_pick_keeps_its_runs_and_refuses_to_be_mixed_with_another(tmp_path: Path) -> None:
    first = compared(tmp_path)
    assert {row["rung"] for row in first["rows"]} == {"bow", "ngrams"}
    assert first["pick"]["rung"] in {"bow", "ngrams"}
    assert first["pick"]["rung"] in first["pick"]["reason"]
    for row in first["rows"]:
        low, high = row["interval"]
        assert low <= row["score"] <= high
        assert row["training_seconds"] > 0
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert html.escape(first["pick"]["reason"]) in page
    assert Model.load(tmp_path).recipe.rung == first["pick"]["rung"]  # the folder stands for its pick
    assert not (tmp_path / WORK).exists()

    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/scores.json")}
    again = compared(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in times} == times  # nothing was trained anew
    assert again["rows"] == first["rows"]

    with pytest.raises(Problem, match="asked with another seeds"):
        compared(tmp_path, seeds=2)
    with pytest.raises(Problem, match="no rung 'ngram'"):
        compared(tmp_path / "typo", rungs=["ngram"])
    with pytest.raises(Problem, match="no task 'sort'"):
        compared(tmp_path / "task", task="sort")


def test_overwriting_with_what_cannot_be_compared_loses_nothing(tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "other.csv"
    compared(out, rungs=["bow"])
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    other.write_text("review,sentiment\nthe film,unheard of\n", encoding="utf-8")
    for wrong in ({"dev": other}, {"test": tmp_path / "none.csv"}, {"settings": ["data.label=nothing"]}):
        with pytest.raises(Problem):
            compared(out, overwrite=True, **wrong)
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_rung_that_cannot_be_trained_leaves_room_to_the_others(tmp_path: Path) -> None:
    recipe = tmp_path / "short.toml"
    told = 'name = "attention"\npositions = "learned"\nmax_length = 8\n'
    recipe.write_text(f'[encoder]\n{told}[task]\nname = "classify"\n', encoding="utf-8")
    found = compared(tmp_path / "out", rungs=[str(recipe), "bow"])
    assert found["pick"]["rung"] == "bow"
    (why,) = found["stopped"].values()
    assert "8 positions" in why
    assert not (run_folder(tmp_path / "out", str(recipe), 1) / WORK).exists()


def test_how_a_process_ended_that_could_not_say_it() -> None:
    assert "code 1; what it said stands above" in how_it_ended(1)
    assert how_it_ended(-signal.SIGKILL).endswith("SIGKILL; is there too little memory?")
    assert how_it_ended(-signal.SIGSEGV).endswith("SIGSEGV")


def test_seeds_shares_and_a_budget(tmp_path: Path) -> None:
    found = compared(tmp_path, seeds=2, budget=8.0, learning_curve=True, rungs=["bow", "ngrams", "mlp"])
    assert len(found["rows"]) + len(found["stopped"]) == 3
    for row in found["rows"]:
        assert len(found["runs"][row["rung"]]) == 2
        points = found["learning_curve"][row["rung"]]["points"]
        assert [point["texts"] for point in points] == [17, 50, 168]
        assert found["learning_curve"][row["rung"]]["verdict"]
    (why,) = found["stopped"].values()
    assert "dev" in why


def test_a_budget_is_of_all_trainings_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds and shares of the texts among them, when each takes all the seconds that it is given."""
    seconds: dict[Path, float] = {}

    def run(crew: Crew, training: Training) -> dict[str, Any]:
        assert training.stop_at is not None
        seconds[training.out] = training.stop_at
        return {"paused": True, "dev_score": 0.5, "training_seconds": training.stop_at}

    monkeypatch.setattr(Crew, "run", run)
    with pytest.raises(Problem, match="no rung could be trained"):  # for there is nothing on disk
        compared(tmp_path, budget=60.0, seeds=2, learning_curve=True)
    assert len(seconds) == 2 * 2 * 3
    assert sum(seconds.values()) == pytest.approx(60.0)


def test_the_command_says_whether_more_data_would_help(tmp_path: Path) -> None:
    options = ["--rungs", "bow", "--learning-curve", "--out", tmp_path]
    ended = textladder("compare", REVIEWS, *options)
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "compare.json").read_text(encoding="utf-8"))
    verdict = found["learning_curve"]["bow"]["verdict"]
    assert f"{found['pick']['reason']}\n{verdict}\nThe page: " in ended.out


def test_the_command_written_for_a_call_from_python_asks_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = ["data.label='my label'", "training.epochs=2"]
    rest = ["classify", ["bow", "ngrams"], wide, 2, 90.0, True, "cpu", ["word", "character"]]
    request = Request("my reviews.csv", "dev.csv", "test.csv", *rest)
    found = []

    def asked(file: str, out: Path, **given: Any) -> None:
        names = ("task", "rungs", "settings", "seeds", "budget", "learning_curve", "device", "units")
        parts = (str(given["dev"]), str(given["test"]))
        found.append((out, Request(file, *parts, *(given[name] for name in names))))
        raise Problem("enough", "this is what was asked.", "Go on.")

    monkeypatch.setattr("textladder.compare.compare_rungs", asked)
    program, *words = request.command(tmp_path)
    textladder(*words)
    assert program == "textladder"
    assert found == [(tmp_path, request)]
    least = Request(REVIEWS, None, None, "tag", ["cnn"], [], 1, None, False, "auto").command(tmp_path)
    assert not {"--dev", "--test", "--units", "--budget", "--set", "--learning-curve"} & set(least)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "0s", "-3", "5 days"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Problem, match="no length of time"):
        duration(text)
