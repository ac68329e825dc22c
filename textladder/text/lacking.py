"""Rows that lack something: counted over a whole file, so that a message can say how many there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from textladder.errors import Problem

LISTED = 5  # lines that a message names
# How a value of `data` is given: key and value.
OPTION, IN_PYTHON = "--set data.{}={}", "settings={{'data.{}': '{}'}}"


@dataclass
class Lack:
    """Rows `without` something ("without a label"), of which is said what they `have` ("have no label").

    key, policy: what becomes of them (error, drop, keep), by `data.KEY`.
    """

    key: str
    policy: str
    without: str
    have: str
    count: int = 0
    lines: list[int] = field(default_factory=list)  # of the first
    first: str = ""  # what was empty there

    def leaves_out(self, line: int, what: str) -> bool:
        """Whether a row in which `what` is empty is not to be used; counts it."""
        if self.policy == "keep":
            return False
        self.count += 1
        self.first = self.first or what
        if len(self.lines) < LISTED:
            self.lines.append(line)
        return True

    @property
    def wrong(self) -> bool:
        return self.count > 0 and self.policy == "error"

    def problem(self, place: Callable[[int], str], unit: str, seen: int, setting: str = OPTION) -> Problem:
        """place: where a line stands; unit: what lines are called; seen: all rows; setting: OPTION, or
        IN_PYTHON."""
        return Problem(
            place(self.lines[0]),
            f"{self.first} is empty. {self.count:,} of {seen:,} rows {self.have} ({unit}{self._listed}).",
            f"Fix them, or leave them out with {setting.format(self.key, 'drop')}",
        )

    def line(self, unit: str = "line ") -> str:
        """What was left out, as a sentence that names the first. unit: what lines are called."""
        return f"{self.count:,} rows {self.without} were left out ({unit}{self._listed})."

    @property
    def _listed(self) -> str:
        listed = ", ".join(f"{line:,}" for line in self.lines)
        return listed + (", ..." if self.count > len(self.lines) else "")


def mended(to: str, setting: str) -> str:
    """What can be done about places that are wrong. to: what they may be moved to; setting: see above."""
    snap, drop = (setting.format("misplaced", how) for how in ("snap", "drop"))
    return f"Correct them, or have each moved to the nearest {to} with {snap}, or left out with {drop}"
