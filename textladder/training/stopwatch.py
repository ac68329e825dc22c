"""Seconds of work, without those in which kernels are compiled: that happens once on a machine, and would
make the first rung that is trained there look dear."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from numba.core import event


class Stopwatch:
    """seconds: that the block of `timed` took."""

    seconds = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Gives a Stopwatch, which can be read after the block."""
    watch, began = Stopwatch(), time.perf_counter()
    with event.install_listener("numba:compile", event.TimingListener()) as compiling:
        yield watch
    compiled = compiling.duration if compiling.done else 0.0
    watch.seconds = time.perf_counter() - began - compiled
