"""The run folder: what is in it, and whom it belongs to."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import data_of, small, trained
from textladder.errors import Problem
from textladder.model import Model
from textladder.recipe import Recipe
from textladder.run import claim, train_model
from textladder.signals import noted
from textladder.trainer import Keeper, pick_device

SCORES = {
    *("format_version", "task", "rung", "seed", "units", "metric", "higher_is_better", "dev", "test"),
    *("training_seconds", "training_texts", "training_texts_per_second", "epochs", "best_epoch", "stopped"),
    *("precision", "parameters", "tokenizer", "data", "peak_memory_mb", "size_mb"),
    *("latency_ms", "throughput"),
}


def test_what_a_run_leaves(tmp_path: Path) -> None:
    chosen = small("ngrams")
    scores = trained(chosen, tmp_path)
    assert sorted(os.listdir(tmp_path)) == [
        "log.jsonl",
        "model",
        "predictions.jsonl",
        "recipe.toml",
        "scores.json",
    ]
    assert json.loads((tmp_path / "scores.json").read_text()) == scores
    assert set(scores) == SCORES
    assert Recipe.load(tmp_path / "recipe.toml") == chosen
    for part in ("dev", "test"):
        low, high = scores[part]["interval"]
        assert 0 <= low <= scores[part]["score"] <= high <= 1
    lines = [json.loads(line) for line in (tmp_path / "predictions.jsonl").read_text().splitlines()]
    assert [line["where"] for line in lines] == [f"films:{n}" for n in range(1, 17)]
    right = np.mean([line["label"] == line["predicted"] for line in lines])
    assert right == scores["test"]["score"]
    model = Model.load(tmp_path)
    said = model.task.present(model.predict([line["text"] for line in lines]))
    assert [record["label"] for record in said] == [line["predicted"] for line in lines]


def test_the_log_has_every_step_and_check(tmp_path: Path) -> None:
    trained(small("lstm"), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == list(range(1, 13))
    assert all(math.isfinite(line["loss"]) and line["gradient_norm"] > 0 for line in steps)
    assert {"encoder.embedding", "task.head.output"} <= steps[0]["gradient_norms"].keys()
    assert [line["step"] for line in lines if line["event"] == "check"] == [6, 12]


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = trained(small("bow"), tmp_path)
    before = (tmp_path / "log.jsonl").read_bytes()
    assert trained(small("bow"), tmp_path, resume=True) == first
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_best_weights_are_kept_and_patience_ends_training(tmp_path: Path) -> None:
    chosen = small("ngrams", training__learning_rate=0.0, training__patience=2, training__epochs=50)
    scores = trained(chosen, tmp_path)
    assert scores["stopped"] == "early stopping"
    assert (scores["best_epoch"], scores["epochs"]) == (1.0, 3.0)


def test_max_seconds_ends_training(tmp_path: Path) -> None:
    scores = trained(small("ngrams", training__max_seconds=1e-6), tmp_path)
    assert scores["stopped"] == "max_seconds"
    assert scores["epochs"] == round(1 / 6, 3)


def test_claim(tmp_path: Path) -> None:
    chosen = small("bow")
    claim(tmp_path, chosen, resume=False, overwrite=False)
    trained(chosen, tmp_path)
    with pytest.raises(Problem, match="holds a finished run"):
        claim(tmp_path, chosen, resume=False, overwrite=False)
    claim(tmp_path, chosen, resume=True, overwrite=False)
    with pytest.raises(Problem, match=r"other settings \(training\.max_steps\)"):
        claim(tmp_path, chosen.with_training(max_steps=3), resume=True, overwrite=False)
    (tmp_path / "scores.json").unlink()
    with pytest.raises(Problem, match="holds an unfinished run"):
        claim(tmp_path, chosen, resume=False, overwrite=False)
    claim(tmp_path, chosen, resume=False, overwrite=True)
    assert os.listdir(tmp_path) == []


def test_train_model_leaves_nothing_but_the_model(tmp_path: Path) -> None:
    model, history = train_model(small("ngrams"), data_of(), tmp_path, device="cpu")
    assert [check["step"] for check in history] == [6, 12]
    assert not model.training
    assert float(model.task.temperature) != 1.0  # calibrated on dev
    assert model.predict(["a fine film"]).shape == (1, 2)


def test_keeper() -> None:
    keeper = Keeper(higher_is_better=True)
    offered = [
        keeper.offer(score, epoch) for epoch, score in enumerate([math.nan, 0.5, 0.5, 0.7, math.nan, 0.6])
    ]
    assert offered == [True, True, False, True, False, False]
    assert (keeper.best, keeper.best_epoch, keeper.since) == (0.7, 3, 2)
    lower = Keeper(higher_is_better=False)
    assert [lower.offer(score, 0) for score in (2.0, 3.0, 1.0)] == [True, False, True]


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(Problem, match="not to be had"):
        pick_device("abacus")


def test_a_signal_is_noted_and_a_second_one_interrupts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with noted() as arrived:
        os.kill(os.getpid(), signal.SIGTERM)
        assert arrived[0] == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_are_left_alone_outside_the_main_thread() -> None:
    seen = []

    def work() -> None:
        with noted() as arrived:
            seen.append((arrived[0], signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(0, signal.getsignal(signal.SIGTERM))]
