"""What stands between units that drop white space, and how likely it is given the units beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.text.letters import Letters

KNOWN, LEAST = 15, 2  # gaps that are listed, the most frequent, if they came so often
PRIOR = 2.0  # gaps that a unit is thought to have seen, distributed as all are
WORTH = 11.0  # nats that a unit's own counts must save where they were counted, to be kept
AT_ONCE = 1 << 15

Floats = NDArray[np.float64]


class Gaps:
    """p(gap | left unit, right unit), with the two as independent as naive Bayes has them: the product of
    p(gap | left) and p(gap | right), over p(gap), made to sum to one over the listed gaps and one more, any
    other gap, which is then spelled.

    known: the gaps listed. counts: [known + 1] of all. left, right: {unit: [known + 1]} of the units whose
    own counts are worth it.
    """

    def __init__(
        self,
        known: list[str],
        counts: Sequence[int],
        left: dict[int, list[int]],
        right: dict[int, list[int]],
        others: Letters,
    ) -> None:
        self.known, self.counts, self.left, self.right, self.others = known, list(counts), left, right, others
        self._number = {gap: number for number, gap in enumerate(known)}
        self._left, self._right = self._table(left), self._table(right)

    @classmethod
    def learn(cls, left: Sequence[int], right: Sequence[int], gaps: Sequence[str]) -> Gaps:
        """From as many units as gaps: the one before each, the one after it, and what stood there."""
        most = sorted(Counter(gaps).items(), key=lambda item: (-item[1], item[0]))[:KNOWN]
        known = [gap for gap, times in most if times >= LEAST]
        number = {gap: n for n, gap in enumerate(known)}
        codes = np.array([number.get(gap, len(known)) for gap in gaps], np.int64)
        counts = np.bincount(codes, minlength=len(known) + 1)
        others = Letters.learn(gap for gap in gaps if gap not in number)
        before, after = (_worthwhile(np.array(units, np.int64), codes, counts) for units in (left, right))
        return cls(known, counts.tolist(), before, after, others)

    def to_dict(self) -> dict[str, Any]:
        sides = {
            side: {str(unit): counts for unit, counts in table.items()}
            for side, table in (("left", self.left), ("right", self.right))
        }
        return {"known": self.known, "counts": self.counts, **sides, "others": self.others.to_dict()}

    @classmethod
    def of(cls, saved: dict[str, Any]) -> Gaps:
        left, right = (
            {int(unit): counts for unit, counts in saved[side].items()} for side in ("left", "right")
        )
        return cls(saved["known"], saved["counts"], left, right, Letters(**saved["others"]))

    def nats(self, left: Sequence[int], right: Sequence[int], gaps: Sequence[str]) -> Floats:
        """[gaps] what each costs."""
        most = len(self.known)
        codes = np.array([self._number.get(gap, most) for gap in gaps], np.int64)
        found = np.empty(len(codes), np.float64)
        for start in range(0, len(codes), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            logs = self._logs(np.array(left[some], np.int64), np.array(right[some], np.int64))
            found[some] = -logs[np.arange(len(logs)), codes[some]]
        for place in np.flatnonzero(codes == most).tolist():
            found[place] += self.others.nats(gaps[place])
        return found

    def likeliest(self, left: int, right: int) -> str:
        """The listed gap that is most likely between two units; none is if nothing was learned."""
        if not self.known:
            return ""
        if (left, right) not in self._chosen:
            logs = self._logs(np.array([left]), np.array([right]))[0, :-1]
            self._chosen[left, right] = self.known[int(logs.argmax())]
        return self._chosen[left, right]

    @cached_property
    def _chosen(self) -> dict[tuple[int, int], str]:
        return {}

    def _logs(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> Floats:
        """[N, known + 1]"""
        logs = self._rows(self._left, left) + self._rows(self._right, right) - self._prior
        logs -= logs.max(axis=1, keepdims=True)
        return logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))

    @cached_property
    def _prior(self) -> Floats:
        return np.log(_shares(np.array(self.counts)))

    def _table(self, counts: dict[int, list[int]]) -> tuple[NDArray[np.int64], Floats]:
        """Units that have a row, in order, and log p(gap | unit) for each; the last row is for all others."""
        units = np.array(sorted(counts), np.int64)
        own = np.array([_filled(counts[unit], len(self.counts)) for unit in units.tolist()], np.float64)
        own = own.reshape(len(units), len(self.counts))
        return units, np.concatenate([_conditional(own, np.array(self.counts)), self._prior[None]])

    @staticmethod
    def _rows(table: tuple[NDArray[np.int64], Floats], units: NDArray[np.int64]) -> Floats:
        listed, logs = table
        if not len(listed):
            return logs[np.zeros(len(units), np.int64)]
        at = np.minimum(np.searchsorted(listed, units), len(listed) - 1)
        return logs[np.where(listed[at] == units, at, len(listed))]


def _shares(counts: NDArray[Any]) -> Floats:
    """Of all gaps: half a count is added to each kind."""
    return (counts + 0.5) / (counts.sum() + 0.5 * len(counts))


def _conditional(own: Floats, counts: NDArray[Any]) -> Floats:
    """[units, known + 1] log p(gap | unit)"""
    return np.log((own + PRIOR * _shares(counts)) / (own.sum(axis=1, keepdims=True) + PRIOR))


def _worthwhile(
    units: NDArray[np.int64], codes: NDArray[np.int64], counts: NDArray[np.int64]
) -> dict[int, list[int]]:
    """{unit: [known + 1]} of those whose own counts save enough over those of all units."""
    names, at = np.unique(units, return_inverse=True)
    own = np.bincount(at * len(counts) + codes, minlength=len(names) * len(counts)).reshape(-1, len(counts))
    saved = (own * (_conditional(own.astype(np.float64), counts) - np.log(_shares(counts)))).sum(axis=1)
    return {int(names[n]): _trimmed(own[n].tolist()) for n in np.flatnonzero(saved > WORTH)}


def _trimmed(counts: list[int]) -> list[int]:
    """Without the zeros at the end."""
    while counts and not counts[-1]:
        counts.pop()
    return counts


def _filled(counts: list[int], size: int) -> list[int]:
    return [*counts, *[0] * (size - len(counts))]
