"""The rung gpt through the program: trained in parts on two threads, stopped, resumed, writing."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.helpers import settings
from tests.program import textladder
from tests.training.test_resuming import stop_after
from textladder.batch import Tokens
from textladder.layers import parts
from textladder.layers.softmax import UnitSoftmax
from textladder.model import Model

WINDOW = 16
VALUES: dict[str, Any] = {
    "tokenizer.max_length": WINDOW,
    "encoder.embedding_dim": 8,
    "encoder.feedforward_dim": 16,
    "encoder.num_heads": 2,
    "encoder.num_layers": 2,
    "encoder.dropout": 0.2,
    "encoder.input_dropout": 0.2,
    "training.batch_texts": 4,
    "training.epochs": 1,
    "training.max_steps": 20,
    "training.log_every": 1,
    "training.save_seconds": 0,
    "training.precision": '"bfloat16"',
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    draw = random.Random(1)
    lines = [
        f"{draw.choice(['the cat', 'a dog', 'the old fox'])} {draw.choice(['sees', 'saw'])} "
        f"{draw.choice(['it', 'him', 'a mouse'])}.\n"
        for _ in range(400)
    ]
    path = tmp_path_factory.mktemp("story") / "story.txt"
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Any:
    before = torch.get_num_threads()
    monkeypatch.setattr(parts, "FEWEST_UNITS", 1)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def command(story: Path, out: Path, *more: str) -> list[str]:
    words = ["train", str(story), "--task", "language", "--rung", "gpt", "--units", "character"]
    return [*words, "--out", str(out), *settings(VALUES), *more]


def test_stopped_and_resumed_is_never_stopped(
    story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    side_by_side = parts.side_by_side

    def counted(functions: Any, inputs: Any, weights: Any) -> Any:
        made.append(len(functions))
        return side_by_side(functions, inputs, weights)

    monkeypatch.setattr("textladder.encoders.attention.side_by_side", counted)
    whole = textladder(*command(story, tmp_path / "whole"))
    assert whole.code == 0, whole.err
    assert made
    assert set(made) == {2}
    words = command(story, tmp_path / "parts", "--resume")
    with pytest.MonkeyPatch.context() as patch:
        stop_after(5, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert textladder(*words).code == 128 + signal.SIGTERM
    ended = textladder(*words)
    assert ended.code == 0, ended.err
    assert "continuing at step 5" in ended.err
    one, other = (tmp_path / name / "model" / "weights.safetensors" for name in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()
    model = Model.load(tmp_path / "whole")
    assert model.encoder.max_length == WINDOW  # one position per unit of a window, whatever the recipe says
    assert_steps_agree(model)


def assert_steps_agree(model: Model) -> None:
    """The stepper gives what a window gives; beyond the window it goes on."""
    (step, start), output = model.stepper(), model.task.output
    assert isinstance(output, UnitSoftmax)
    ids = torch.tensor([[2, 5, 6, 7, 4, 9, 8, 5], [2, 4, 4, 8, 5, 6, 9, 7]])
    state = start(2)
    with torch.inference_mode():
        states = model.encoder(Tokens.of_rows(ids.tolist())).states
        for place, column in enumerate(ids.unbind(1)):
            said, state = step(column, state)
            torch.testing.assert_close(said, output.log_probs(states[:, place]), rtol=1e-4, atol=1e-5)
        for _ in range(3 * WINDOW):
            said, state = step(said.argmax(-1), state)
            assert said.exp().sum(-1).tolist() == pytest.approx([1.0, 1.0], abs=1e-4)
