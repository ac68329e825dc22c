"""How far counting, encoding or training has come, and on how many threads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """stage: "count", "encode", "train", ... done: words (or another `unit`) so far, of all epochs. share: of
    the stage that is done, 0 to 1; None where it cannot be known. seconds: since the stage began. loss: mean
    since the last report, None where there is none yet."""

    stage: str
    done: float
    share: float | None
    seconds: float
    loss: float | None = None
    unit: str = "words"

    @property
    def per_second(self) -> float:
        return self.done / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        if not self.share:
            return None
        return self.seconds / self.share * (1 - self.share)

    def line(self) -> str:
        parts = [f"{self.stage:6}"]
        if self.share is not None:
            parts.append(f"{self.share:6.1%}")
        digits = 0 if self.per_second >= 100 else 1
        parts.append(f"{self.per_second:,.{digits}f} {self.unit}/s")
        if self.loss is not None and math.isfinite(self.loss):
            parts.append(f"loss {self.loss:.4f}")
        if self.seconds_left is not None:
            minutes, rest = divmod(round(self.seconds_left), 60)
            parts.append(f"{minutes}:{rest:02d} left")
        return "  ".join(parts)


Report = Callable[[Progress], None]


def processors(threads: int) -> int:
    """The number of threads to use: as asked, or (0) one for each processor that this process may use."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
