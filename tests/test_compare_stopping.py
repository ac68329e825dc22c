"""A compare that is stopped and started again with the same command goes on where it was."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import settings
from tests.program import command, environment
from textladder import recipe, run
from textladder.compare import _within_budget
from textladder.comparing import crew
from textladder.comparing.crew import Crew, Request, Training
from textladder.signals import Interrupted
from textladder.terminal import Terminal

REVIEWS = str(Path(__file__).parent.parent / "docs" / "reviews.csv")
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


def asked(out: Path) -> list[str]:
    return command("compare", REVIEWS, "--rungs", "lstm", "--out", out, *settings(STOPPED))


def ended(out: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(asked(out), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done


def begun(out: Path) -> subprocess.Popen[str]:
    """In a session of its own, as a shell would start it."""
    streams = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(asked(out), **streams, text=True, env=environment(), start_new_session=True)


def logged(out: Path, process: subprocess.Popen[str]) -> Path:
    """The log of the rung in training, once something is in it."""
    log = out / "runs" / "lstm-seed1" / "log.jsonl"
    until = time.monotonic() + 120
    while not (log.exists() and log.stat().st_size):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < until
        time.sleep(0.02)
    return log


def in_session(number: int) -> list[int]:
    """The processes of a session that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, session = entry.read_text().rpartition(")")[2].split()[:4]
            found += [int(entry.parent.name)] * (int(session) == number and state != "Z")
    return found


@pytest.fixture(scope="module")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    ended(out)
    return out


@pytest.mark.parametrize(
    ("number", "all_of_them"), [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)]
)
def test_a_signal_saves_the_rung_in_training_and_the_same_command_goes_on_bit_for_bit(
    tmp_path: Path, number: signal.Signals, all_of_them: bool, never_stopped: Path
) -> None:
    """all_of_them: sent to the program and then to all its processes, as `timeout` does."""
    process = begun(tmp_path)
    log = logged(tmp_path, process)
    process.send_signal(number)
    if all_of_them:
        time.sleep(0.05)
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    assert (log.parent / "resume" / "state.safetensors").exists()
    assert "lstm-seed1: continuing at step " in ended(tmp_path).stderr
    steps = [json.loads(line)["step"] for line in log.read_text(encoding="utf-8").splitlines()]
    assert steps == sorted(steps)
    weights = "runs/lstm-seed1/model/weights.safetensors"
    assert (tmp_path / weights).read_bytes() == (never_stopped / weights).read_bytes()


class Killed:
    """A pipe to a parent that asks for the end again, while it is told of it."""

    def send(self, what: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_training_that_says_it_was_stopped_is_not_stopped_at_that(tmp_path: Path) -> None:
    def stopped(*given: Any, **named: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def child() -> None:
        run.train = stopped
        crew._child(Killed(), training, request, tmp_path, [])

    training = Training(recipe.rung("bow", "classify"), tmp_path / "bow")
    request = Request(REVIEWS, None, None, "classify", ["bow"], [], 1, None, False, "cpu")
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_what_a_killed_compare_trains_is_saved_and_ends(tmp_path: Path) -> None:
    process = begun(tmp_path)
    log = logged(tmp_path, process)
    assert len(in_session(process.pid)) > 1
    process.kill()
    until = time.monotonic() + 60
    while in_session(process.pid):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not (log.parent / "scores.json").exists()
    assert "lstm-seed1: continuing at step " in ended(tmp_path).stderr
