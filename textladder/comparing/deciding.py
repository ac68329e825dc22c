"""From rows to one answer: which rung is worth its cost. Why so: docs/decisions/0011-pick.md."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textladder.comparing.rows import Row
from textladder.errors import Problem
from textladder.wording import named

ALPHA = 0.05
# The costs that a rung is chosen by, each with how it is told. Ratios need them above zero: see FLOORS.
COSTS = {"latency_p50_ms": "latency", "training_seconds": "training", "size_mb": "size"}
# Below these a difference is of no use to anyone, and is mostly the clock's: 10 microseconds, 0.1 s, 10 kB.
FLOORS = {"latency_p50_ms": 0.01, "training_seconds": 0.1, "size_mb": 0.01}


@dataclass(frozen=True)
class Pick:
    """rung: the one to use; reason: why, in one sentence with figures; best: the best by dev score;
    costs: each rung's cost, 1 for one that is cheapest in everything; detectable: the smallest difference to
    the best that this test set would show in 4 of 5 cases (None without a paired difference)."""

    rung: str
    reason: str
    best: str
    costs: dict[str, float]
    detectable: float | None = None


def pareto(
    rows: Sequence[Row], cost: str | Callable[[Row], float | None], *, higher_is_better: bool = True
) -> list[Row]:
    """Rows that no other row beats: none is as good and cheaper, or better and as cheap. Sorted by cost.

    cost: a field of Row, or a function. Of rows equal in both, all are on the front; rows without that cost
    are not."""
    sign = 1 if higher_is_better else -1
    priced = []
    for row in rows:
        price = getattr(row, cost) if isinstance(cost, str) else cost(row)
        if price is not None:
            priced.append((price, sign * row.score, row))
    front = [
        (price, row)
        for price, score, row in priced
        if not any(
            p <= price and s >= score and (p < price or s > score)
            for p, s, other in priced
            if other is not row
        )
    ]
    return [row for _, row in sorted(front, key=lambda item: item[0])]


def costs_of(rows: Sequence[Row]) -> dict[str, float]:
    """One number per rung: the geometric mean of its ratios to the cheapest in latency (p50), training
    seconds and size on disk.

    Ratios have no unit, so nobody has to say how many seconds a megabyte is worth: twice the latency weighs
    as much as twice the size. A cost that some rung lacks is left out for all; without any the cost is 1.
    """
    logs = dict.fromkeys((row.rung for row in rows), 0.0)
    used = [name for name in COSTS if all(getattr(row, name) is not None for row in rows)]
    for name in used:
        values = {row.rung: max(getattr(row, name), FLOORS[name]) for row in rows}
        cheapest = min(values.values())
        for rung, value in values.items():
            logs[rung] += math.log(value / cheapest) / len(used)
    return {rung: math.exp(value) for rung, value in logs.items()}


def significantly_worse(row: Row, *, higher_is_better: bool = True, alpha: float = ALPHA) -> bool:
    """Below the best, and by more than chance: the Holm-adjusted p-value is under alpha."""
    if row.difference is None or row.p is None:
        return False
    return row.p < alpha and (row.difference < 0) == higher_is_better and row.difference != 0


def detectable(row: Row) -> float | None:
    """The smallest true difference to the best that this test set shows (p < 0.05, before Holm) in 4 of 5
    cases: (1.96 + 0.84) standard errors, the error taken from the width of the paired interval."""
    if row.difference_interval is None:
        return None
    low, high = row.difference_interval
    return (1.96 + 0.84) * (high - low) / (2 * 1.96)


def pick(
    rows: Sequence[Row],
    best: str,
    *,
    metric: str = "score",
    higher_is_better: bool = True,
    tested: str = "texts",
) -> Pick:
    """The cheapest rung that is not significantly worse than the best.

    rows: all rungs tested, with differences to `best` (the best by dev score). A rung that could not be
    paired with the best (difference None) is no candidate. Of equally cheap ones the better on dev. tested:
    what `Row.texts` counts. Raises Problem without rows.
    """
    if not rows:
        raise Problem("compare", "there is no rung to pick from.", "Give at least one rung.")
    top = next(row for row in rows if row.rung == best)
    costs = costs_of(rows)
    sign = 1 if higher_is_better else -1
    able = [
        row
        for row in rows
        if row is top
        or (row.difference is not None and not significantly_worse(row, higher_is_better=higher_is_better))
    ]
    chosen = min(able, key=lambda row: (costs[row.rung], -sign * row.dev, row is not top))
    name = named(metric)
    if chosen is top:
        cheaper = [row for row in rows if costs[row.rung] < costs[top.rung]]
        lone = len(rows) == 1
        reason = _why_the_best(top, None if lone else cheaper, name, sign, tested)
    else:
        reason = _why_a_cheaper(chosen, top, costs[top.rung] / costs[chosen.rung], name, tested)
    return Pick(chosen.rung, reason, best, costs, detectable(chosen))


def _why_the_best(top: Row, cheaper: Sequence[Row] | None, name: str, sign: int, tested: str) -> str:
    """cheaper: the rungs that cost less; None where no other was tested."""
    low, high = top.interval
    score = f"{name} {top.score:.3f} [{low:.3f}, {high:.3f}] on {top.texts:,} test {tested}"
    if cheaper is None:
        return f"{top.rung} is the only rung tested, so nothing could be weighed against it: {score}."
    if not cheaper:
        return f"{top.rung} is best on dev and no rung is cheaper: {score}."
    nearest = max(cheaper, key=lambda row: sign * row.score)
    which = "the only one" if len(cheaper) == 1 else f"the nearest of {len(cheaper)}"
    return (
        f"{top.rung} is best on dev ({score}) and every cheaper rung is significantly worse: "
        f"{nearest.rung}, {which}, by {abs(nearest.score - top.score):.3f} (p {told_p(nearest.p)})."
    )


def _why_a_cheaper(chosen: Row, top: Row, ratio: float, name: str, tested: str) -> str:
    low, high = chosen.difference_interval or (0.0, 0.0)
    return (
        f"{chosen.rung} costs {_times(ratio)} less than {top.rung}, the best on dev "
        f"({_cost_pairs(chosen, top)}), and is not significantly worse: {name} {chosen.score:.3f} against "
        f"{top.score:.3f}, a difference of {chosen.difference or 0.0:+.3f} [{low:+.3f}, {high:+.3f}], "
        f"p {told_p(chosen.p)}; with {chosen.texts:,} test {tested} a true difference under "
        f"{detectable(chosen) or 0.0:.3f} would often go unseen."
    )


def told_p(p: float | None) -> str:
    """A p-value as it is printed."""
    if p is None:
        return "unknown"
    return "< 0.001" if p < 0.001 else f"= {p:.3f}" if p < 0.1 else f"= {p:.2f}"


def _times(ratio: float) -> str:
    if ratio < 1.05:
        return "hardly"
    return f"{ratio:.0f} times" if ratio >= 9.5 else f"{ratio:.1f} times"


def _cost_pairs(chosen: Row, top: Row) -> str:
    units = {"latency_p50_ms": "ms", "training_seconds": "s", "size_mb": "MB"}
    said = []
    for name, spoken in COSTS.items():
        mine, theirs = getattr(chosen, name), getattr(top, name)
        if mine is not None and theirs is not None:
            said.append(f"{spoken} {mine:.3g} against {theirs:.3g} {units[name]}")
    return ", ".join(said) or "costs were not measured"


# Two rates of gain decide the verdict: score per doubling of the training texts.
WORTH = 0.005


def learning_verdict(
    points: Sequence[tuple[int, float, tuple[float, float]]],
    *,
    metric: str = "score",
    higher_is_better: bool = True,
    counted: str = "texts",
) -> str:
    """Would more data help? One sentence, from (training texts, test score, 95 % interval) per size. counted:
    what the sizes count, if not texts.

    The gain per doubling is taken from the two largest sizes, because learning curves flatten (Hestness 2017,
    https://arxiv.org/abs/1712.00409); its interval treats the two scores as independent. They share their
    test texts, so it is rather too wide: the verdict leans towards "cannot be told".
    """
    points = sorted(points)
    if len(points) < 2 or points[-1][0] == points[-2][0]:
        return "Only one size was trained, so it cannot be said whether more data would help."
    (n1, s1, i1), (n2, s2, i2) = points[-2:]
    doublings = math.log2(n2 / n1)
    sign = 1 if higher_is_better else -1
    gain = sign * (s2 - s1) / doublings
    half = math.hypot(i1[1] - i1[0], i2[1] - i2[0]) / 2 / doublings
    name = named(metric)
    measured = (
        f"from {n1:,} to {n2:,} {counted} {name} went from {s1:.3f} to {s2:.3f}, that is {gain:+.3f} "
        f"[{gain - half:+.3f}, {gain + half:+.3f}] better per doubling"
    )
    if gain - half > 0 and gain >= WORTH:
        return f"More data would probably help: {measured}, and twice the {counted} should add a little less."
    if gain + half < WORTH:
        return f"More data would hardly help: {measured}."
    if gain >= WORTH:
        return f"More data may help, but this test set is too small to be sure: {measured}."
    return f"Whether more data would help cannot be told from this test set: {measured}."
