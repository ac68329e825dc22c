"""The line of progress, by a clock of the test's own."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from textladder import terminal
from textladder.terminal import Terminal, clock
from textladder.training.loop import Step
from textladder.training.options import TrainingConfig


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, options: TrainingConfig, *, units: bool = False) -> str:
    """What is written in 24 seconds of training, a step of 50 texts and 900 units each; 20 steps an epoch."""
    now = SimpleNamespace(seconds=100.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "time", SimpleNamespace(monotonic=lambda: now.seconds))
        told = Terminal(stream, "run: ", units=units)
        for number in range(1, 25):
            now.seconds += 1
            step = Step(
                step=number,
                epoch=number / 20,
                loss=1 / number,
                texts=50,
                units=900,
                seconds=float(number),
                learning_rate=0.1,
                gradient_norm=1.0,
                gradient_norms=None,
                check=False,
            )
            told.step(step, options)
    return stream.getvalue()


def test_off_a_terminal_there_is_a_line_every_ten_seconds() -> None:
    assert drawn(io.StringIO(), TrainingConfig(epochs=3)) == (
        "run: epoch 0.55/3  50 texts/s  loss 0.0909  0:49 left\n"
        "run: epoch 1.05/3  50 texts/s  loss 0.0476  0:39 left\n"
    )


def test_text_that_runs_on_is_told_in_units() -> None:
    assert drawn(io.StringIO(), TrainingConfig(epochs=3), units=True).splitlines()[0] == (
        "run: epoch 0.55/3  900 units/s  loss 0.0909 nats/unit  0:49 left"
    )


def test_the_time_that_is_left_heeds_max_seconds() -> None:
    said = drawn(io.StringIO(), TrainingConfig(epochs=3, max_seconds=30.0))
    assert [line.rpartition("  ")[2] for line in said.splitlines()] == ["0:19 left", "0:09 left"]


def test_on_a_terminal_each_line_is_drawn_over_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    lines = drawn(Screen(), TrainingConfig(epochs=3)).split("\r")[1:]
    assert len(lines) == 23  # all but the first step, which is too early to tell a speed
    assert lines[-1] == "run: epoch 1.20/3  50 texts/s"
    assert "\n" not in "".join(lines)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0:00"), (59.6, "1:00"), (3700, "61:40"), (float("inf"), "?")]
)
def test_a_clock(seconds: float, said: str) -> None:
    assert clock(seconds) == said
