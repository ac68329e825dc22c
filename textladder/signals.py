"""SIGINT and SIGTERM: noted, and acted on between two steps, so that nothing is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupted(Exception):  # noqa: N818 (not an error: it was asked for)
    """A signal arrived. `exit_code` is what the system expects (128 + number); saved: whether the state was
    kept, to go on from; again: the command that does (None: the same again)."""

    def __init__(self, number: int, saved: bool = True, again: str | None = None) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code, self.saved, self.again = 128 + number, saved, again


@contextmanager
def noted() -> Iterator[list[int]]:
    """Gives a list whose one entry is 0 until a signal arrives, then its number; a second signal interrupts
    at once. Outside the main thread signals are left as they are."""
    arrived = [0]

    def handle(number: int, frame: Any) -> None:
        if arrived[0]:
            raise KeyboardInterrupt
        arrived[0] = number

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
