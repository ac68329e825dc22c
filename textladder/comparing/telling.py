"""The one table of a comparison, for a terminal and as plain text. Its JSON form is compare.json itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from textladder.comparing.deciding import COSTS, pareto, told_p
from textladder.comparing.rows import Row
from textladder.wording import named, words_of

if TYPE_CHECKING:
    from rich.table import Table

PICK, BEST = "➤", "★"
# Which letter marks a place on which Pareto front.
LETTERS = {"latency_p50_ms": "l", "training_seconds": "t", "size_mb": "s"}
LEGEND = (
    f"{PICK} the pick   {BEST} best on dev   front: no rung is better and cheaper in "
    "l(atency), t(raining seconds), s(ize)\n"
    "p: paired test against the best, Holm-adjusted   "
    "cost: geometric mean of the ratios to the cheapest in those three"
)


def fronts(rows: Sequence[Row], higher_is_better: bool = True) -> dict[str, list[str]]:
    """Cost -> the rungs on its Pareto front, cheapest first."""
    return {cost: [r.rung for r in pareto(rows, cost, higher_is_better=higher_is_better)] for cost in COSTS}


def heads(comparison: Mapping[str, Any]) -> list[str]:
    """Headings of the table; the same words everywhere."""
    metric = named(comparison["metric"])
    return [
        "",
        "rung",
        f"test {metric} [95 %]",
        "to best (p)",
        "cost",
        "training s",
        "p50 ms",
        "p95 ms",
        words_of(comparison).throughput,
        "size MB",
        "memory MB",
        "parameters",
        "front",
    ]


def cells(comparison: Mapping[str, Any]) -> list[list[str]]:
    """One list of strings per rung, under `heads`: those tested in their order, then those stopped before."""
    rows = [Row.from_dict(row) for row in comparison["rows"]]
    on = fronts(rows, comparison["higher_is_better"])
    empty = ["–"] * (len(heads(comparison)) - 3)
    return [
        *(_cells(row, comparison, on) for row in rows),
        *(["", rung, "stopped", *empty] for rung in comparison.get("stopped", {})),
    ]


def table(comparison: Mapping[str, Any]) -> Table:
    """For rich consoles. The pick is bold, stopped rungs are dim."""
    from rich.markup import escape
    from rich.table import Table

    shown = Table(caption_justify="left")
    for i, head in enumerate(heads(comparison)):
        shown.add_column(
            escape(head), justify="left" if i < 2 or head == "front" else "right", no_wrap=i == 1
        )
    stopped = comparison.get("stopped", {})
    for line in cells(comparison):
        chosen = line[1] == comparison["pick"]["rung"]
        shown.add_row(*map(escape, line), style="bold" if chosen else "dim" if line[1] in stopped else "")
    shown.caption = "\n".join([LEGEND, *(escape(f"{rung}: {why}") for rung, why in stopped.items())])
    return shown


def plain(comparison: Mapping[str, Any]) -> str:
    """The same as plain text with aligned columns, for logs and files."""
    lines = [heads(comparison), *cells(comparison)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    left = {0, 1, len(widths) - 1}
    out = [
        "  ".join(
            c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    out += ["", LEGEND, *(f"{rung}: {why}" for rung, why in comparison.get("stopped", {}).items())]
    return "\n".join(line.rstrip() for line in out) + "\n"


def _cells(row: Row, comparison: Mapping[str, Any], on: Mapping[str, Sequence[str]]) -> list[str]:
    best = row.rung == comparison["best"]
    mark = (PICK if row.rung == comparison["pick"]["rung"] else "") + (BEST if best else "")
    sd = "" if row.sd is None else f" ± {row.sd:.3f}"
    if best:
        difference = "best"
    elif row.difference is None:
        difference = "–"
    else:
        difference = f"{row.difference:+.3f} (p {told_p(row.p)})"
    return [
        mark,
        row.rung,
        f"{row.score:.3f}{sd} [{row.interval[0]:.3f}, {row.interval[1]:.3f}]",
        difference,
        f"{comparison['costs'][row.rung]:.3g}×",
        number(row.training_seconds),
        number(row.latency_p50_ms),
        number(row.latency_p95_ms),
        number(row.throughput),
        number(row.size_mb),
        number(row.peak_memory_mb),
        "–" if row.parameters is None else f"{row.parameters:,}",
        "".join(LETTERS[cost] for cost, rungs in on.items() if row.rung in rungs),
    ]


def number(value: float | None) -> str:
    """Three figures, without an exponent."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 0.001 or value == 0 else f"{value:.5f}"
