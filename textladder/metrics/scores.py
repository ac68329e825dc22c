"""The value that every task's score is: all metrics by name, the one that decides, and how it was counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from textladder import __version__


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


def sign(name: str, **settings: object) -> str:
    """How a number was counted, in one line: "accuracy|texts=1066|labels=2|textladder=0.1.0"."""
    return "|".join(
        [name, *(f"{key}={value}" for key, value in settings.items()), f"textladder={__version__}"]
    )
