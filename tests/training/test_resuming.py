"""A run that was stopped, however, and continued is the run that was never stopped, bit for bit."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.helpers import data_of, small, trained, trainer_of
from textladder.errors import Problem
from textladder.recipe import Recipe
from textladder.signals import Interrupted
from textladder.trainer import Trainer
from textladder.training import optimizing, resuming
from textladder.training.logging import RunLog
from textladder.training.resuming import STATE

SAVING = {"training__save_seconds": 0.0, "training__checks_per_epoch": 2}
CASES = {
    "adam on sparse rows": ("bow", {}),
    "adagrad on sparse rows": ("ngrams", {}),
    "adamw and dropout": ("lstm", {"dropout": True}),
    "sgd with momentum, accumulation": (
        "cnn",
        {"training__optimizer": "sgd", "training__momentum": 0.9, "training__accumulate": 4, "dropout": True},
    ),
    "moving average": ("gru", {"training__average": "ema", "dropout": True}),
    "adamw, rows put off, decay": ("lstm", {"dropout": True, "training__weight_decay": 0.1}),
    "moving average, rows put off": ("gru", {"training__average": "ema", "dropout": True}),
    "average of the last checks": ("ngrams", {"training__average": "last", "training__average_checks": 2}),
    "average of epochs, layer norms": ("attention", {"training__average": "epochs", "dropout": True}),
}
DEFERRING = [case for case in CASES if "rows put off" in case]


class Stop(Exception):  # noqa: N818
    """What stops a run in these tests."""


def left_by(out: Path) -> dict[str, Any]:
    """All that a run leaves, without its clocks."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    scores = json.loads((out / "scores.json").read_text())
    return {
        "weights": (out / "model" / "weights.safetensors").read_bytes(),
        "predictions": (out / "predictions.jsonl").read_text(),
        "log": [{key: value for key, value in line.items() if key != "seconds"} for line in lines],
        "scores": [scores["dev"], scores["test"], scores["epochs"], scores["best_epoch"], scores["stopped"]],
    }


def stop_after(step: int, monkeypatch: pytest.MonkeyPatch, how: Any) -> None:
    """Call `how` when the step has been logged, before its state is saved."""
    plain = Trainer._record

    def record(self: Trainer, taken: Any, log: Any) -> None:
        plain(self, taken, log)
        if taken.step == step:
            how()

    monkeypatch.setattr(Trainer, "_record", record)


def fail() -> None:
    raise Stop


@pytest.mark.parametrize("case", CASES)
def test_stopped_anywhere_and_resumed_is_never_stopped(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung, changes = CASES[case]
    if case in DEFERRING:
        monkeypatch.setattr(optimizing, "LARGE", 0)
    chosen = small(rung, **{**SAVING, **changes})
    trained(chosen, tmp_path / "whole")
    steps = json.loads((tmp_path / "whole" / "log.jsonl").read_text().splitlines()[-1])["step"]
    for step in sorted({1, 2, steps // 2, steps}):
        with pytest.MonkeyPatch.context() as patch:
            stop_after(step, patch, fail)
            with pytest.raises(Stop):
                trained(chosen, tmp_path / "parts")
        assert not (tmp_path / "parts" / "scores.json").exists()
        trained(chosen, tmp_path / "parts", resume=True)
        assert left_by(tmp_path / "parts") == left_by(tmp_path / "whole")
        (tmp_path / "parts" / "scores.json").unlink()


def test_stopped_at_every_step_in_turn(tmp_path: Path) -> None:
    chosen = small("lstm", dropout=True, training__epochs=1, **SAVING)
    trained(chosen, tmp_path / "whole")
    for step in range(1, 7):
        with pytest.MonkeyPatch.context() as patch:
            stop_after(step, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
            with pytest.raises(Interrupted) as told:
                trained(chosen, tmp_path / "parts", resume=step > 1)
        assert told.value.exit_code == 128 + signal.SIGTERM
    trained(chosen, tmp_path / "parts", resume=True)
    assert left_by(tmp_path / "parts") == left_by(tmp_path / "whole")


def test_early_stopping_is_remembered(tmp_path: Path) -> None:
    chosen = small("ngrams", training__patience=2, training__epochs=50, training__learning_rate=0.0, **SAVING)
    whole = trained(chosen, tmp_path / "whole")
    assert whole["stopped"] == "early stopping"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textladder.run._finish", lambda *given: fail())
        with pytest.raises(Stop):
            trained(chosen, tmp_path / "parts")
    trained(chosen, tmp_path / "parts", resume=True)
    assert left_by(tmp_path / "parts") == left_by(tmp_path / "whole")


def test_a_budget_pauses_and_goes_on(tmp_path: Path) -> None:
    chosen = small("ngrams", **SAVING)
    paused = trained(chosen, tmp_path / "run", stop_at=1e-9)
    assert set(paused) == {"paused", "dev_score", "training_seconds"}
    assert not (tmp_path / "run" / "scores.json").exists()
    assert trained(chosen, tmp_path / "run", resume=True, stop_at=1e9)["stopped"] == "epochs"
    paused = trained(chosen, tmp_path / "other", stop_at=1e-9)
    finished = trained(chosen, tmp_path / "other", resume=True, stop_at=1e-9)  # as it stands
    assert finished["stopped"] == "budget"
    assert finished["dev"]["score"] == paused["dev_score"]


def test_resuming_before_the_first_state_starts_anew(tmp_path: Path) -> None:
    chosen = small("bow", training__save_seconds=1000)
    trained(chosen, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(3, patch, fail)
        with pytest.raises(Stop):
            trained(chosen, tmp_path / "parts")
    trained(chosen, tmp_path / "parts", resume=True)
    assert left_by(tmp_path / "parts") == left_by(tmp_path / "whole")


def _sitting(chosen: Recipe, out: Path) -> None:
    torch.set_num_threads(1)
    trained(chosen, out, resume=True)


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="needs POSIX")
@pytest.mark.parametrize("rung", ["lstm", "ngrams"])
def test_killed_at_random_moments(rung: str, tmp_path: Path) -> None:
    """SIGKILL, 10 times for each rung, wherever it happens to be: reading, training, saving, scoring."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["textladder.run", "textladder.encoders.recurrent", "tests.helpers"])
    chosen = small(rung, dropout=rung == "lstm", training__epochs=40, training__patience=0, **SAVING)
    trained(chosen, tmp_path / "whole")
    draw, kills, sitting = random.Random(rung), 0, 0
    while kills < 10 or not (tmp_path / f"parts{sitting}" / "scores.json").exists():
        process = context.Process(target=_sitting, args=(chosen, tmp_path / f"parts{sitting}"))
        process.start()
        process.join(timeout=draw.uniform(0.05, 0.7) if kills < 10 else 120)
        if process.exitcode is None:
            process.kill()
            process.join()
            kills += 1
        else:
            assert process.exitcode == 0
            assert left_by(tmp_path / f"parts{sitting}") == left_by(tmp_path / "whole")
            sitting += kills < 10
    assert left_by(tmp_path / f"parts{sitting}") == left_by(tmp_path / "whole")


def test_a_save_that_is_interrupted_leaves_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(small("lstm"), tmp_path / "work", tmp_path)
    trainer._save()
    before = (tmp_path / "resume" / STATE).read_bytes()

    def torn(tensors: Any, path: Path, metadata: Any) -> None:
        Path(path).write_bytes(b"half of it")
        raise Stop

    monkeypatch.setattr(resuming, "save_file", torn)
    with pytest.raises(Stop):
        trainer._save()
    assert (tmp_path / "resume" / STATE).read_bytes() == before


def _stopped(tmp_path: Path) -> tuple[Recipe, Path]:
    """A run that stopped with a state, and the path of the state."""
    chosen = small("ngrams", **SAVING)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(3, patch, fail)
        with pytest.raises(Stop):
            trained(chosen, tmp_path)
    return chosen, tmp_path / "resume" / STATE


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_state_cut_short_is_a_problem(share: float, tmp_path: Path) -> None:
    chosen, state = _stopped(tmp_path)
    whole = state.read_bytes()
    state.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(Problem, match=r"state\.safetensors"):
        trained(chosen, tmp_path, resume=True)


def test_a_changed_state_is_a_problem(tmp_path: Path) -> None:
    chosen, state = _stopped(tmp_path)
    whole = bytearray(state.read_bytes())
    whole[-9] ^= 1
    state.write_bytes(whole)
    with pytest.raises(Problem, match="changed since it was saved"):
        trained(chosen, tmp_path, resume=True)
    save_file(load_file(state), state)  # without the words that go with it
    with pytest.raises(Problem, match="another version"):
        trained(chosen, tmp_path, resume=True)


def test_the_state_of_another_model_is_a_problem(tmp_path: Path) -> None:
    _, _ = _stopped(tmp_path)
    with pytest.raises(Problem, match="another model"):
        trained(small("lstm", **SAVING), tmp_path, resume=True)


def test_other_texts_are_a_problem(tmp_path: Path) -> None:
    chosen, _ = _stopped(tmp_path)
    trainer = trainer_of(chosen, tmp_path / "work", tmp_path, data_of(49))
    with pytest.raises(Problem, match="other texts or labels"):
        trainer.train(resume=True)


def test_a_log_whose_last_line_was_cut_short(tmp_path: Path) -> None:
    lines = [f'{{"event": "step", "step": {n}}}\n' for n in (1, 2, 3)]
    (tmp_path / "log.jsonl").write_text("".join(lines) + '{"event": "st')
    with RunLog(tmp_path, 2) as log:
        log.write(event="step", step=3)
    assert (tmp_path / "log.jsonl").read_text().splitlines() == [line.strip() for line in lines]


def test_a_tensor_without_values_has_a_checksum() -> None:
    """What compiled code makes empty has strides of 0, which torch does not view as bytes."""
    odd = torch.empty_strided((0,), (0,), dtype=torch.int64)
    assert resuming._checksum({"a": odd}) == resuming._checksum({"a": torch.zeros(0, dtype=torch.int64)})
    assert resuming._checksum({"a": odd}) != resuming._checksum({"b": odd})
