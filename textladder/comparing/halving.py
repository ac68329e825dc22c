"""Successive halving: how a time budget is shared over rungs. Jamieson and Talwalkar 2016,
https://arxiv.org/abs/1502.07943, with wall time as the resource.

All rungs train for a short while; the better half by dev score trains on; and so until two or fewer are left.
Every round gets an equal share of the budget, so a survivor's share doubles, roughly, from round to round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from textladder.errors import Problem


@dataclass(frozen=True, slots=True)
class Job:
    """Train `rung` for at most `seconds`; go on from its last state if `resume`. Rounds count from 1."""

    rung: str
    seconds: float
    resume: bool
    round: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a job. score: the best dev score so far, None if the rung could not be trained;
    seconds: what the job really took; finished: early stopping or the last epoch ended it, more time changes
    nothing; note: why there is no score."""

    score: float | None
    seconds: float
    finished: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Halved:
    """survivors: best first; stopped: what is said about every other rung; seconds: used by each rung."""

    survivors: tuple[str, ...]
    stopped: dict[str, str]
    scores: dict[str, float]
    seconds: dict[str, float]


def halving(
    rungs: Sequence[str], budget_seconds: float, *, higher_is_better: bool = True
) -> Generator[Job, Outcome, Halved]:
    """Yields jobs and is sent their outcomes; returns who is left (see `drive`).

    The seconds of all jobs sum to at most the budget as long as no job overruns; an overrun is taken from the
    jobs that follow, and time that a finished rung did not need goes to them. A tie is decided by the order
    of `rungs`. Raises Problem if the budget is not above zero or a rung is named twice.
    """
    if not budget_seconds > 0:
        raise Problem("--budget", f"{budget_seconds:g} seconds is no time to train in.", "Give more, as 10m.")
    if len(set(rungs)) < len(rungs):
        raise Problem("--rungs", "a rung is named twice.", "Name each rung once.")
    sign = 1.0 if higher_is_better else -1.0
    alive, left = list(rungs), float(budget_seconds)
    scores: dict[str, float] = {}
    seconds: dict[str, float] = dict.fromkeys(rungs, 0.0)
    finished: set[str] = set()
    stopped: dict[str, str] = {}
    rounds = count_rounds(len(rungs))
    for number in range(1, rounds + 1):
        waiting = [rung for rung in alive if rung not in finished]
        round_left = left / (rounds - number + 1)
        for position, rung in enumerate(waiting):
            share = round_left / (len(waiting) - position)
            if share <= 0:
                # What it learned in earlier rounds still counts; without any it cannot be ranked.
                if rung not in scores:
                    stopped[rung] = "not started: the other rungs had used up the budget"
                continue
            outcome = yield Job(rung, share, resume=rung in scores, round=number)
            left -= outcome.seconds
            round_left -= outcome.seconds
            seconds[rung] += outcome.seconds
            if outcome.score is None or math.isnan(outcome.score):
                stopped[rung] = f"failed in round {number}: {outcome.note or 'it gave no dev score'}"
                scores.pop(rung, None)
                continue
            scores[rung] = outcome.score
            if outcome.finished:
                finished.add(rung)
        alive = sorted((r for r in alive if r not in stopped), key=lambda r: -sign * scores[r])
        if number < rounds and len(alive) > 2:
            keep = math.ceil(len(alive) / 2)
            for rung in alive[keep:]:
                stopped[rung] = _why(rung, number, scores, seconds, alive[0])
            alive = alive[:keep]
    return Halved(tuple(alive), stopped, scores, seconds)


def drive(schedule: Generator[Job, Outcome, Halved], train: Callable[[Job], Outcome]) -> Halved:
    """Runs `train` on every job of a schedule."""
    try:
        job = next(schedule)
        while True:
            job = schedule.send(train(job))
    except StopIteration as end:
        result: Halved = end.value
        return result


def count_rounds(rungs: int) -> int:
    """Rounds until two rungs or fewer are left, and one in which those train on."""
    rounds = 1
    while rungs > 2:
        rungs, rounds = math.ceil(rungs / 2), rounds + 1
    return rounds


def _why(rung: str, number: int, scores: dict[str, float], seconds: dict[str, float], first: str) -> str:
    behind = abs(scores[first] - scores[rung])
    return (
        f"stopped after round {number} ({seconds[rung]:.3g} s): dev {scores[rung]:.3f}, "
        f"behind {first} by {behind:.3f}"
    )
