"""Compiling is no training."""

from __future__ import annotations

import numba
import pytest
from numba.core import event

from textladder.training import stopwatch


class Clock:
    """Tells the time that a test says it is."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_seconds_without_those_of_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", clock)
    monkeypatch.setattr(event, "timer", clock.perf_counter)
    with stopwatch.timed() as watch:
        clock.now += 2
        for seconds in (8, 16):
            with event.trigger_event("numba:compile"):
                clock.now += seconds
        clock.now += 1
    assert watch.seconds == 3
    with stopwatch.timed() as watch:
        clock.now += 5
    assert watch.seconds == 5


def test_numba_says_when_it_compiles() -> None:
    @numba.njit
    def one_more(n: int) -> int:
        return n + 1

    with event.install_recorder("numba:compile") as recorded:
        assert one_more(1) == 2
    assert recorded.buffer
