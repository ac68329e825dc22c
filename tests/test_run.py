"""The run folder: what is in it, and whom it belongs to."""

from __future__ import annotations

import json
import math
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import data_of, small, trained
from textladder import TextClassifier, replacing, signals
from textladder.card import FOLDER
from textladder.errors import Problem
from textladder.model import Model
from textladder.recipe import Recipe
from textladder.run import claimed, train_model
from textladder.signals import noted
from textladder.trainer import Keeper
from textladder.training.devices import pick_device

SCORES = {
    *("format_version", "task", "rung", "seed", "units", "metric", "higher_is_better", "dev", "test"),
    *("training_seconds", "training_texts", "training_texts_per_second", "epochs", "best_epoch", "stopped"),
    *("precision", "parameters", "tokenizer", "data", "peak_memory_mb", "size_mb"),
    *("latency_ms", "throughput"),
}


def test_what_a_run_leaves(tmp_path: Path) -> None:
    chosen = small("ngrams")
    scores = trained(chosen, tmp_path)
    names = {"log.jsonl", "model", "predictions.jsonl", "recipe.toml", "scores.json"}
    assert set(os.listdir(tmp_path)) - {"tensorboard"} == names  # which is there if it is installed
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


def test_the_card_of_a_classifier_says_how_good_it_is_and_how_it_is_used(tmp_path: Path) -> None:
    test = trained(small("bow"), tmp_path)["test"]
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    low, high = test["interval"]
    assert f"| test | {test['score']:.4f} | {low:.4f} to {high:.4f} | 16 |\n" in card
    assert "Labels (2): `bad`, `good`." in card
    assert f'echo "a text" | textladder predict {FOLDER} -\n' in card
    code = card.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace(FOLDER, str(tmp_path / "model")), names)
    assert isinstance(names["model"], TextClassifier)
    assert set(names["model"].classes_) == {"bad", "good"}


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


def claim(out: Path, chosen: Recipe, *, resume: bool = False, overwrite: bool = False) -> None:
    with claimed(out, chosen, resume, overwrite):
        pass


def test_claimed(tmp_path: Path) -> None:
    chosen = small("bow")
    claim(tmp_path, chosen)
    trained(chosen, tmp_path)
    with pytest.raises(Problem, match="holds a finished run"):
        claim(tmp_path, chosen)
    claim(tmp_path, chosen, resume=True)
    with pytest.raises(Problem, match=r"other settings \(training\.max_steps\)"):
        claim(tmp_path, chosen.with_training(max_steps=3), resume=True)
    (tmp_path / "scores.json").unlink()
    with pytest.raises(Problem, match="holds an unfinished run"):
        claim(tmp_path, chosen)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("error", [Problem("a", "b", "c"), KeyboardInterrupt()])
def test_a_run_comes_back_unless_another_could_begin(error: BaseException, tmp_path: Path) -> None:
    chosen, other = small("bow"), small("ngrams")
    trained(chosen, tmp_path)
    before = content(tmp_path)

    def fail() -> None:
        with claimed(tmp_path, other, resume=False, overwrite=True):
            assert not (tmp_path / "model").exists()
            (tmp_path / "log.jsonl").write_text("something new")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert content(tmp_path) == before
    with claimed(tmp_path, other, resume=False, overwrite=True):
        trained(other, tmp_path)
    after = content(tmp_path)
    assert after.keys() == before.keys()
    assert "ngrams" in after["recipe.toml"].decode()


@pytest.mark.parametrize("moved", [0, 1, 3])
def test_a_kill_while_things_are_moved_loses_nothing(
    moved: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["a", "b", "c"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "old").touch()
    rename, done = Path.rename, [0]

    def killed(path: Path, target: Path) -> Path:
        if done[0] == moved:
            raise KeyboardInterrupt
        done[0] += 1
        return rename(path, target)

    for act in (replacing.put_aside, replacing.put_back):
        done[0] = 0
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", killed)
            with pytest.raises(KeyboardInterrupt):
                act(tmp_path, names)
        replacing.put_back(tmp_path, names)
        assert sorted(path.parent.name for path in tmp_path.rglob("old")) == names
        assert sorted(os.listdir(tmp_path)) == names
        replacing.put_aside(tmp_path, names)
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "new").touch()


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


def test_a_signal_is_noted_and_a_second_one_interrupts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with noted() as arrived:
        for _ in range(2):  # as `timeout` sends it
            os.kill(os.getpid(), signal.SIGTERM)
            assert arrived[0] == signal.SIGTERM
        monkeypatch.setattr(signals, "SAME_SECONDS", 0.0)
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
