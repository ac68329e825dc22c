"""The value that every task's score is: all metrics by name, the one that decides, and how it was counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Scores:
    """metric: the headline's name; values: every metric by name (it holds the headline too);
    signature: how the numbers were counted, so that they can be compared; count: texts scored;
    details: tables that are not single numbers (per class, confusion, calibration bins), JSON-able."""

    metric: str
    values: dict[str, float]
    signature: str
    count: int
    higher_is_better: bool = True
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> float:
        return self.values[self.metric]
