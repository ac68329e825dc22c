"""The main job, end to end: run, kept, stopped, continued, within a budget, with a learning curve."""

from __future__ import annotations

import html
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import settings
from textladder import recipe
from textladder.compare import _within_budget, compare_rungs, duration
from textladder.comparing.crew import Crew, Request, Training, how_it_ended, run_folder
from textladder.errors import Problem
from textladder.files import WORK
from textladder.model import Model
from textladder.signals import Interrupted
from textladder.terminal import Terminal

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
    (why,) = found["stopped"].values()  # three in round 1, two in round 2
    assert "dev" in why


ASKED = Request("", None, None, "classify", [], [], 1, None, False, "cpu")


class Clocked(Crew):
    """Trains by a clock of its own, as `run.train` does with `stop_at`; one training is stopped half-way."""

    def __init__(self, out: Path, stop_after: int | None) -> None:
        super().__init__(out, ASKED, [], Terminal(io.StringIO()))
        self.until_stop = stop_after

    def run(self, training: Training) -> dict[str, Any]:
        clock = training.out / "seconds"
        seconds = float(clock.read_text()) if clock.exists() else 0.0
        limit, score = training.stop_at or 0.0, 1 / len(training.recipe.rung)
        if seconds >= limit:  # it is finished as it stands
            return {"training_seconds": seconds, "dev": {"score": score}}
        stopped = self.until_stop == 0
        clock.parent.mkdir(parents=True, exist_ok=True)
        clock.write_text(repr((seconds + limit) / 2 if stopped else limit + 0.125))
        if stopped:
            raise Interrupted(signal.SIGTERM)
        if self.until_stop is not None:
            self.until_stop -= 1
        return {"paused": True, "training_seconds": limit + 0.125, "dev_score": score}


def test_a_compare_within_a_budget_goes_on_in_the_round_where_it_was_stopped(tmp_path: Path) -> None:
    rungs = {name: recipe.rung(name, "classify") for name in ("bow", "cnn", "lstm", "ngrams", "bilstm")}

    def halved(out: Path, stop_after: int | None = None) -> Any:
        out.mkdir(exist_ok=True)
        return _within_budget(Clocked(out, stop_after), rungs, 64.0, True)

    whole, jobs = halved(tmp_path / "whole"), 5 + 3 + 2
    assert whole.survivors == ("bow", "cnn")
    assert sum(whole.seconds.values()) == pytest.approx(64, abs=1)
    for stop_after in range(jobs):
        out = tmp_path / str(stop_after)
        with pytest.raises(Interrupted):
            halved(out, stop_after)
        assert halved(out) == whole
        assert halved(out, 0) == whole  # nothing is trained anew


STOPPED = {"training.epochs": 12, "training.patience": 0, "training.log_every": 1, "training.batch_texts": 8}


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    compared(out, rungs=["lstm"], settings=[f"{key}={value}" for key, value in STOPPED.items()])
    return out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_rung_in_training_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals, never_stopped: Path
) -> None:
    command = [sys.executable, "-m", "textladder", "compare", REVIEWS, "--rungs", "lstm"]
    command += ["--out", str(tmp_path), *settings(STOPPED)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    log = tmp_path / "runs" / "lstm-seed1" / "log.jsonl"
    until = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size):
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said.decode()
    assert b"Traceback" not in said
    assert (log.parent / "resume" / "state.safetensors").exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stderr
    assert "lstm-seed1: continuing at step " in again.stderr
    steps = [json.loads(line)["step"] for line in log.read_text(encoding="utf-8").splitlines()]
    assert steps == sorted(steps)
    weights = "runs/lstm-seed1/model/weights.safetensors"
    assert (tmp_path / weights).read_bytes() == (never_stopped / weights).read_bytes()


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("10m", 600), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "ten", "0s", "-3", "5 days"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(Problem, match="no length of time"):
        duration(text)
