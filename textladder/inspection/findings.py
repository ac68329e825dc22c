"""What single test texts tell: the hardest, those on which rungs disagree. One pass, flat memory."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from textladder.comparing.answers import Answer


@dataclass(frozen=True)
class Finding:
    """One test text and what every rung answered."""

    where: str
    text: str
    gold: tuple[str, ...]
    answers: dict[str, Answer]
    second: str | None = None  # the other text of a pair

    @property
    def wrong(self) -> int:
        return sum(not answer.correct for answer in self.answers.values())


@dataclass
class Findings:
    """rungs: their order in `differing`, [R, R] texts on which two rungs answer differently.
    texts: all; all_right, all_wrong: texts that every rung or no rung gets right.
    confident: whether answers say how sure they are; those with several labels do not.
    hardest: most rungs wrong first, then most confident in being wrong (`Answer.wrongly_sure`), then file
    order.
    between: texts on which the two rungs of `pair` differ; those first where the less confident of the two is
    most confident, or, without confidence, where their losses are furthest apart. pair_counts: of the
    pair's texts (only the first right, only the second right, both wrong
    but different)."""

    rungs: tuple[str, ...]
    texts: int = 0
    all_right: int = 0
    all_wrong: int = 0
    confident: bool = False
    differing: list[list[int]] = field(default_factory=list)
    hardest: list[Finding] = field(default_factory=list)
    between: list[Finding] = field(default_factory=list)
    pair: tuple[str, str] | None = None
    pair_counts: tuple[int, int, int] = (0, 0, 0)


def count_wins(wins: list[list[int]], costs: Sequence[float]) -> None:
    """Adds to wins [R, R] which of R rungs cost less than which others on one text."""
    for row, mine in zip(wins, costs, strict=True):
        for other, theirs in enumerate(costs):
            row[other] += mine < theirs


class Top:
    """The k largest by key; of equal keys the earlier."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.heap: list[tuple[Any, int, Any]] = []

    def offer(self, key: Any, position: int, value: Any) -> None:
        item = (key, -position, value)  # positions are unique, so values are never compared
        if len(self.heap) < self.size:
            heapq.heappush(self.heap, item)
        elif self.size and item[:2] > self.heap[0][:2]:
            heapq.heapreplace(self.heap, item)

    def sorted(self) -> list[Any]:
        return [value for _, _, value in sorted(self.heap, key=lambda item: item[:2], reverse=True)]


def find(
    rows: Iterable[Mapping[str, Answer]],
    rungs: Iterable[str],
    *,
    pair: tuple[str, str] | None = None,
    examples: int = 20,
) -> Findings:
    """Read every text's answers once (see `comparing.side_by_side`) and keep `examples` of each kind.

    pair: the two rungs whose differences are shown, as the pick and the best; None or twice the same: none.
    """
    found = Findings(tuple(rungs))
    if pair is not None and pair[0] != pair[1]:
        found.pair = pair
    names = found.rungs
    found.differing = [[0] * len(names) for _ in names]
    hardest, between = Top(examples), Top(examples)
    only_first = only_second = both_wrong = 0
    for position, row in enumerate(rows):
        found.texts += 1
        answers = [row[name] for name in names]
        found.confident |= answers[0].confidence is not None
        sets = [frozenset(answer.predicted) for answer in answers]
        for i, mine in enumerate(sets):
            for j in range(i):
                if mine != sets[j]:
                    found.differing[i][j] += 1
                    found.differing[j][i] += 1
        wrong = [answer for answer in answers if not answer.correct]
        found.all_right += not wrong
        found.all_wrong += len(wrong) == len(answers)
        if wrong:
            sure = sum(answer.wrongly_sure for answer in wrong) / len(wrong)
            hardest.offer((len(wrong), sure), position, row)
        if found.pair is not None:
            first, second = (row[name] for name in found.pair)
            if set(first.predicted) != set(second.predicted):
                only_first += first.correct
                only_second += second.correct
                both_wrong += not (first.correct or second.correct)
                between.offer(_sure(first, second), position, row)
    found.hardest = [_finding(row) for row in hardest.sorted()]
    found.between = [_finding(row) for row in between.sorted()]
    found.pair_counts = (only_first, only_second, both_wrong)
    return found


def _sure(first: Answer, second: Answer) -> float:
    if first.confidence is None or second.confidence is None:
        return abs((first.loss or 0.0) - (second.loss or 0.0))
    return min(first.confidence, second.confidence)


def _finding(row: Mapping[str, Answer]) -> Finding:
    answer = next(iter(row.values()))
    return Finding(answer.where, answer.text, answer.gold, dict(row), answer.second)
