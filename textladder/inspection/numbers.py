"""What single test pairs tell of rungs that say numbers: one pass, flat memory; and the sections about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from textladder.comparing.answers import NumberAnswer
from textladder.inspection.findings import Top, count_wins
from textladder.inspection.pieces import esc, figure, texts

if TYPE_CHECKING:
    from textladder.inspection.page import Material


@dataclass(frozen=True)
class NumberFinding:
    """One pair and the number that every rung said."""

    answers: dict[str, NumberAnswer]

    @property
    def first(self) -> NumberAnswer:
        return next(iter(self.answers.values()))

    @property
    def spread(self) -> float:
        said = [answer.predicted for answer in self.answers.values()]
        return max(said) - min(said)


@dataclass
class NumberFindings:
    """rungs: their order in `wins`, [R, R] pairs on which the first is nearer to the right number than the
    second. texts: all pairs. hardest: those with the largest error in the mean of the rungs; between: those
    on which the rungs are furthest apart."""

    rungs: tuple[str, ...]
    texts: int = 0
    wins: list[list[int]] = field(default_factory=list)
    hardest: list[NumberFinding] = field(default_factory=list)
    between: list[NumberFinding] = field(default_factory=list)


def find_numbers(
    rows: Iterable[Mapping[str, NumberAnswer]], rungs: Iterable[str], *, examples: int = 20
) -> NumberFindings:
    """Read every pair's answers once (see `comparing.side_by_side`) and keep `examples` of each kind."""
    found = NumberFindings(tuple(rungs))
    found.wins = [[0] * len(found.rungs) for _ in found.rungs]
    hardest, between = Top(examples), Top(examples)
    for position, row in enumerate(rows):
        answers = [row[name] for name in found.rungs]
        found.texts += 1
        count_wins(found.wins, [answer.error for answer in answers])
        finding = NumberFinding(dict(row))
        hardest.offer(sum(answer.error for answer in answers), position, finding)
        between.offer(finding.spread, position, finding)
    found.hardest = hardest.sorted()
    found.between = [one for one in between.sorted() if one.spread > 0]
    return found


def hardest(material: Material, drawn: Mapping[str, Any]) -> str:
    found = material.findings
    assert isinstance(found, NumberFindings)
    return (
        f'<p class="soft">The {len(found.hardest)} of {found.texts:,} test pairs with the largest error, in '
        "the mean of the rungs.</p>" + _examples(found.hardest)
    )


def disagreement(material: Material, drawn: Mapping[str, Any]) -> str:
    found = material.findings
    assert isinstance(found, NumberFindings)
    if "disagreement" not in drawn:
        return ""
    return (
        '<p class="soft">Share of the test pairs on which the rung of the row is nearer to the right number '
        "than the rung of the column.</p>"
        + figure("disagreement", "On how many pairs one rung is nearer than another", matrix=True)
        + f'<p class="soft">The {len(found.between)} pairs on which rungs are furthest apart.</p>'
        + _examples(found.between)
    )


def _examples(found: Iterable[NumberFinding]) -> str:
    return f'<div class="examples">{"".join(map(_example, found))}</div>'


def _example(found: NumberFinding) -> str:
    told = "".join(
        f"<li>{esc(rung)}: {_minus(f'{answer.predicted:.2f} ({answer.predicted - answer.gold:+.2f})')}</li>"
        for rung, answer in found.answers.items()
    )
    pair = found.first
    return (
        f'<article class="example">{texts(pair.text, pair.second)}<div class="soft">{esc(pair.where)} · '
        f"score: <b>{pair.gold:.2f}</b></div><ul>{told}</ul></article>"
    )


def _minus(told: str) -> str:
    """With the minus sign of the table, not a hyphen: beside a plus it is hardly seen."""
    return told.replace("-", "\u2212")
