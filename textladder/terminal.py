"""What a person sees on stderr while a model is trained: notes, progress, a line per dev score."""

from __future__ import annotations

import math
import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

from textladder import distributed

if TYPE_CHECKING:  # word vectors use the line of progress too, and need no torch
    from textladder.metrics.scores import Scores
    from textladder.training.loop import Step
    from textladder.training.options import TrainingConfig

REDRAW_SECONDS = 0.2  # on a terminal, where the line is drawn over itself
CHECK_SECONDS = 0.5  # between two dev scores that are no progress, on data so small that they come fast
REPEAT_SECONDS = 10.0  # elsewhere, where each is a new line


class Terminal:
    """The Reporter of the command line. Silent on all processes but the first.

    units: speed is told in units, of text that runs on (where a window is no text), not in texts."""

    def __init__(self, stream: TextIO | None = None, prefix: str = "", *, units: bool = False) -> None:
        self.stream, self.prefix, self.units = stream or sys.stderr, prefix, units
        self.live = self.stream.isatty()
        self._drawn = ""
        self._checked = -math.inf
        self._last = 0.0
        self._done = 0  # texts, or units
        self._since = (0.0, 0)  # training seconds and texts or units at the last line

    def note(self, text: str) -> None:
        self._line(f"{self.prefix}{text}")

    def step(self, step: Step, options: TrainingConfig) -> None:
        self._done += step.units if self.units else step.texts
        if not self._due():
            return
        seconds, done = step.seconds - self._since[0], self._done - self._since[1]
        self._since = (step.seconds, self._done)
        self._draw(
            f"{self.prefix}epoch {step.epoch:.2f}/{options.epochs:g}  "
            f"{done / max(seconds, 1e-9):,.0f} {'units' if self.units else 'texts'}/s  {self._loss(step)}  "
            f"{clock(_left(step, options))} left"
        )

    def progress(self, line: str, *, last: bool = False) -> None:
        """A line that is drawn over the one before it (off a terminal: one every REPEAT_SECONDS), where it is
        time for one; the last always, and to stay."""
        if last:
            self._line(f"{self.prefix}{line}")
        elif self._due():
            self._draw(f"{self.prefix}{line}")

    def check(self, step: Step, scores: Scores, best: bool) -> None:
        now = time.monotonic()
        if not best and now - self._checked < CHECK_SECONDS:
            self._erase()
            return
        self._checked = now
        self._line(
            f"{self.prefix}epoch {step.epoch:.2f}  {step.seconds:.1f} s  {self._loss(step)}  "
            f"dev {scores.metric} {scores.headline:.4f}{'  best so far' if best else ''}"
        )

    def _loss(self, step: Step) -> str:
        if not step.texts:
            return "nothing to train"
        return f"loss {step.loss:.4f}{' nats/unit' if self.units else ''}"

    def _due(self) -> bool:
        """Whether it is time for another line of progress; the first waits too."""
        now = time.monotonic()
        if self._last == 0.0:
            self._last = now
        if now - self._last < (REDRAW_SECONDS if self.live else REPEAT_SECONDS):
            return False
        self._last = now
        return True

    def _draw(self, line: str) -> None:
        if not self.live:
            self._line(line)
            return
        # A line that wraps cannot be drawn over.
        line = line[: shutil.get_terminal_size().columns - 1]
        self.stream.write("\r" + line.ljust(len(self._drawn)))
        self.stream.flush()
        self._drawn = line

    def _line(self, text: str) -> None:
        if not distributed.is_main():
            return
        self._erase()
        self.stream.write(text + "\n")
        self.stream.flush()

    def _erase(self) -> None:
        """Take back the line of progress."""
        if self._drawn:
            self.stream.write("\r" + " " * len(self._drawn) + "\r")
            self._drawn = ""


def _left(step: Step, options: TrainingConfig) -> float:
    """Seconds until the last epoch ends or the time is up; early stopping may come earlier."""
    left = step.seconds / max(step.epoch, 1e-9) * max(options.epochs - step.epoch, 0)
    if options.max_seconds is not None:
        left = min(left, max(options.max_seconds - step.seconds, 0))
    return left


def clock(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
