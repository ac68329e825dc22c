"""SIGINT and SIGTERM: noted, and acted on between two steps, so that nothing is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SAME_SECONDS = 1.0  # signals so close together are one request: `timeout` sends two


class Interrupted(Exception):  # noqa: N818 (not an error: it was asked for)
    """A signal arrived. `exit_code` is what the system expects (128 + number); saved: whether the state was
    kept, to go on from; again: the command that does (None: the same again)."""

    def __init__(self, number: int, saved: bool = True, again: str | None = None) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code, self.saved, self.again = 128 + number, saved, again


@contextmanager
def noted() -> Iterator[list[int]]:
    """Gives a list whose one entry is 0 until a signal arrives, then its number; another, more
    than SAME_SECONDS later, interrupts at once. Outside the main thread signals are left as they are."""
    arrived, first = [0], 0.0

    def handle(number: int, frame: Any) -> None:
        nonlocal first
        if not arrived[0]:
            arrived[0], first = number, time.monotonic()
        elif time.monotonic() - first > SAME_SECONDS:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield arrived
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield arrived
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def raised() -> Iterator[None]:
    """SIGTERM raises Interrupted at once, as SIGINT raises KeyboardInterrupt. Outside the main thread signals
    are left as they are."""

    def handle(number: int, frame: Any) -> None:
        raise Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
