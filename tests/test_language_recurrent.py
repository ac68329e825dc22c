"""Recurrent language models through the program: stopped inside an epoch, split for memory, on two
processes."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import settings, weights_of
from tests.program import textladder
from tests.training.test_distributed import alone, together
from tests.training.test_resuming import stop_after
from textladder.encoders.recurrent import RecurrentEncoder
from textladder.model import Model

SIZES = {"embedding_dim": 8, "hidden_dim": 8, "num_layers": 2}
RATES = ("embedding_dropout", "dropout", "output_dropout", "weight_dropout", "unit_dropout", "word_dropout")
COMMON = {f"encoder.{name}": value for name, value in SIZES.items()} | {
    "tokenizer.max_length": 16,
    "tokenizer.min_count": 1,
    "training.batch_texts": 4,
    "training.epochs": 1,
    "training.checks_per_epoch": 2,
    "training.log_every": 1,
    "training.save_seconds": 0,
    "training.precision": '"float32"',
}
STILL = {f"encoder.{name}": 0.0 for name in RATES}
NOISY = {f"encoder.{name}": 0.2 for name in RATES}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents of one line and of many, of words that follow from each other."""
    draw, documents = random.Random(1), []
    for length in (1, 12, 2, 9, 1, 20, 8):
        lines = []
        for _ in range(length):
            actor = draw.choice(["the cat", "a dog", "the old fox"])
            lines.append(f"{actor} {draw.choice(['sees', 'saw'])} {draw.choice(['it', 'him', 'a mouse'])}.")
        documents.append("\n".join(lines))
    folder = tmp_path_factory.mktemp("story")
    for number, text in enumerate(documents):
        (folder / f"{number}.txt").write_text(text + "\n", encoding="utf-8")
    return folder


WORDS = {"tokenizer__max_length": 4, "training__batch_texts": 2}  # few words: small steps


def command(
    story: Path, rung: str, out: Path, *more: str, units: str = "character", **changes: Any
) -> list[str]:
    values = {**COMMON, **NOISY, **{key.replace("__", "."): value for key, value in changes.items()}}
    words = [
        "train",
        str(story),
        "--task",
        "language",
        "--rung",
        rung,
        "--units",
        units,
        "--out",
        str(out),
    ]
    return [*words, *settings(values), *more]


def weights(out: Path) -> bytes:
    return (out / "model" / "weights.safetensors").read_bytes()


def assert_same_result(one: Path, two: Path) -> None:
    """Up to the order of sums."""
    a, b = weights_of(one / "model"), weights_of(two / "model")
    assert a.keys() == b.keys()
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=1e-3, atol=1e-5)
    losses = [
        [json.loads(line).get("loss", 0.0) for line in (out / "log.jsonl").read_text().splitlines()]
        for out in (one, two)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.parametrize(
    ("rung", "units"), [("lstm", "character"), ("gru", "character"), ("rnn", "word"), ("lstm", "word")]
)
def test_stopped_inside_an_epoch_and_resumed_is_never_stopped(
    rung: str, units: str, story: Path, tmp_path: Path
) -> None:
    """Words: with all that their recipes have against learning by heart."""
    changes: dict[str, Any] = {
        "units": units,
        "training__accumulate": 2,
        **(WORDS if units == "word" else {}),
    }
    whole = textladder(*command(story, rung, tmp_path / "whole", **changes))
    assert whole.code == 0, whole.err
    chosen: Any = Model.load(tmp_path / "whole").recipe
    regularised = chosen.task.activation_regularization > 0 < chosen.task.temporal_regularization
    assert chosen.encoder.locked is regularised is (units == "word")
    parts = command(story, rung, tmp_path / "parts", "--resume", **changes)
    for step in (2, 4):
        with pytest.MonkeyPatch.context() as patch:
            stop_after(step, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
            assert textladder(*parts).code == 128 + signal.SIGTERM
    ended = textladder(*parts)
    assert ended.code == 0, ended.err
    assert "continuing at step 4" in ended.err
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


def test_resumed_without_its_lanes_it_would_differ(
    story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above sees the states: a batch refuses to go on from none."""
    parts = command(story, "lstm", tmp_path / "parts", "--resume")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(5, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        textladder(*parts)
    monkeypatch.setattr("textladder.layers.memory.Memory.load_state_tensors", lambda self, tensors: None)
    with pytest.raises(RuntimeError, match="without the one before it"):
        textladder(*parts)


def test_split_for_lack_of_memory_it_trains_the_same(
    story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {**{key.replace(".", "__"): value for key, value in STILL.items()}, "training__accumulate": 2}
    assert textladder(*command(story, "lstm", tmp_path / "whole", **changes)).code == 0
    plain = Model.forward

    def only_small(self: Model, batch: Any) -> Any:
        if len(batch.inputs[0]) > 2 and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("out of memory")
        return plain(self, batch)

    monkeypatch.setattr(Model, "forward", only_small)
    ended = textladder(*command(story, "lstm", tmp_path / "tight", **changes))
    assert ended.code == 0, ended.err
    assert "now trained in 2 parts" in ended.err
    assert_same_result(tmp_path / "whole", tmp_path / "tight")


def test_two_processes_equal_one(story: Path, tmp_path: Path) -> None:
    still = {key.replace(".", "__"): value for key, value in STILL.items()}
    alone(command(story, "lstm", tmp_path / "one", **still), tmp_path / "first")
    ended = together(command(story, "lstm", tmp_path / "two", **still), tmp_path / "said")
    assert [code for code, _ in ended] == [0, 0], ended
    assert_same_result(tmp_path / "one", tmp_path / "two")


def _first_is_stopped(rank: int) -> None:
    from tests.training.test_distributed import _watch

    _watch(lambda: os.kill(os.getpid(), signal.SIGTERM), 0, 5)


def test_two_processes_stopped_and_resumed(story: Path, tmp_path: Path) -> None:
    whole = together(command(story, "lstm", tmp_path / "whole"), tmp_path / "a")
    parts = command(story, "lstm", tmp_path / "parts", "--resume")
    stopped = together(parts, tmp_path / "b", _first_is_stopped)
    resumed = together(parts, tmp_path / "c")
    assert [code for code, _ in whole + stopped + resumed] == [0, 0, 143, 143, 0, 0]
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")


@pytest.mark.parametrize("rung", ["rnn", "gru", "lstm"])
def test_its_recipe_carries_states_in_one_direction(rung: str) -> None:
    from textladder import recipe
    from textladder.encoders import encoder_class

    chosen = recipe.rung(rung, "language")
    kind = encoder_class(chosen.encoder_name)
    assert issubclass(kind, RecurrentEncoder)
    assert kind(chosen.encoder, ["a"] * 5).carries
