"""TensorBoard beside log.jsonl, where it is installed. A stand-in has its place here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

from tests.helpers import small, trained
from textladder.training import logging


class Board:
    """What is called of torch.utils.tensorboard's SummaryWriter."""

    made: ClassVar[list[Board]] = []

    def __init__(self, log_dir: str, comment: str = "", purge_step: int | None = None) -> None:
        self.folder, self.purge_step, self.open = log_dir, purge_step, True
        self.scalars: dict[str, dict[int, float]] = {}
        Board.made.append(self)

    def add_scalar(self, tag: str, scalar_value: float, global_step: int | None = None) -> None:
        assert global_step is not None
        self.scalars.setdefault(tag, {})[global_step] = scalar_value

    def close(self) -> None:
        self.open = False


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> list[Board]:
    writer = ModuleType("torch.utils.tensorboard.writer")
    vars(writer)["SummaryWriter"] = Board
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", ModuleType("torch.utils.tensorboard"))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", writer)
    monkeypatch.setattr(logging, "find_spec", lambda name: name == "tensorboard" or None)
    monkeypatch.setattr(Board, "made", [])
    return Board.made


def test_tensorboard_gets_the_numbers_of_the_log(boards: list[Board], tmp_path: Path) -> None:
    trained(small("lstm"), tmp_path)
    (board,) = boards
    assert (board.folder, board.purge_step, board.open) == (str(tmp_path / "tensorboard"), 1, False)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    for event, name in (("step", "loss"), ("step", "learning_rate"), ("check", "dev_score")):
        logged = {line["step"]: line[name] for line in lines if line["event"] == event}
        assert board.scalars[f"{event}/{name}"] == logged
    norms = {line["step"]: line["gradient_norms"] for line in lines if line["event"] == "step"}
    assert board.scalars["gradient_norm/task.head.output"] == {
        step: each["task.head.output"] for step, each in norms.items()
    }
    assert not {"step/step", "check/best", "step/event"} & board.scalars.keys()


def test_a_run_that_goes_on_writes_over_what_came_after_its_state(
    boards: list[Board], tmp_path: Path
) -> None:
    with logging.RunLog(tmp_path, step=4) as log:
        log.write(event="step", step=5, loss=0.5, note="", best=True)
    (board,) = boards
    assert board.purge_step == 5
    assert board.scalars == {"step/loss": {5: 0.5}}


def test_without_tensorboard_there_is_the_log_alone(
    boards: list[Board], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "find_spec", lambda name: None)
    with logging.RunLog(tmp_path, step=0) as log:
        log.write(event="step", step=1, loss=0.5)
    assert boards == []
    assert json.loads((tmp_path / "log.jsonl").read_text(encoding="utf-8"))["loss"] == 0.5
