"""Lines over places of a text: one HTML file with a figure and its numbers, which opens offline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from textladder.inspection.figures import COLOURS, DASHES
from textladder.inspection.frame import STILL, framed
from textladder.inspection.pieces import esc

WIDE, HIGH = 720, 320  # of the figure, in pixels
LEFT, BELOW, ABOVE = 56, 44, 30  # around the lines; above them stand their names
STROKES = {"solid": "", "dash": "7 4", "dot": "2 4", "dashdot": "7 4 2 4"}
MARKS = 5  # of each axis, about

Line = Sequence[float]


def render(
    lines: Mapping[str, Line], counts: Sequence[int], *, title: str, told: str, across: str, up: str
) -> str:
    """The page as text. lines: name -> a number for each place, from the first on; counts: how many texts
    have each place; across, up: what the axes are."""
    heads = "".join(f'<th scope="col">{esc(name)}</th>' for name in (across, "texts", *lines))
    rows = ""
    for place, (count, *numbers) in enumerate(zip(counts, *lines.values(), strict=True), 1):
        cells = "".join(f"<td>{number:.4f}</td>" for number in numbers)
        rows += f'<tr><th scope="row">{place}</th><td>{count:,}</td>{cells}</tr>'
    return framed(
        "curves.html",
        title=title,
        subtitle=told,
        policy=STILL,
        figure=_figure(lines, across, up),
        table=f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>",
    )


def _round_step(highest: float) -> float:
    """Between marks of an axis from 0: 1, 2 or 5 of some power of ten, at most MARKS of them."""
    power = 10.0 ** math.floor(math.log10(highest / MARKS))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power * MARKS >= highest * 0.999)


def _figure(lines: Mapping[str, Line], across: str, up: str) -> str:
    places = max(map(len, lines.values()))
    highest = max(max(line) for line in lines.values()) or 1.0

    def x(place: float) -> float:
        return LEFT + (WIDE - LEFT - 12) * (place - 1) / max(places - 1, 1)

    def y(value: float) -> float:
        return ABOVE + (HIGH - ABOVE - BELOW) * (1 - value / highest)

    drawn = [
        f'<svg viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{esc(up)} by {esc(across)}" '
        # On a narrow screen it is scrolled: smaller, its letters could not be read.
        f'style="width: 100%; min-width: {WIDE - 120}px; max-width: {WIDE}px; font: 12px sans-serif" '
        'fill="currentColor">'
    ]
    step = _round_step(highest)
    for value in (step * mark for mark in range(int(highest / step) + 1)):
        drawn.append(
            f'<path d="M{LEFT} {y(value):.1f}H{WIDE - 12}" stroke="currentColor" stroke-opacity="0.15"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.2f}</text>'
        )
    for place in range(1, places + 1, max(round(places / MARKS), 1)):
        drawn.append(f'<text x="{x(place):.1f}" y="{HIGH - BELOW + 18}" text-anchor="middle">{place}</text>')
    drawn.append(f'<text x="{WIDE / 2}" y="{HIGH - 8}" text-anchor="middle">{esc(across)}</text>')
    middle = (ABOVE + HIGH - BELOW) / 2
    drawn.append(
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">{esc(up)}</text>'
    )
    left = LEFT  # the names stand in a row: among the lines they would cover one
    for number, (name, line) in enumerate(lines.items()):
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(line, 1))
        look = f'stroke="{COLOURS[number]}" stroke-width="2" stroke-dasharray="{STROKES[DASHES[number]]}"'
        drawn += [
            f'<polyline points="{points}" fill="none" {look}><title>{esc(name)}</title></polyline>',
            f'<path d="M{left} 11h28" {look}/>',
            f'<text x="{left + 34}" y="15">{esc(name)}</text>',
        ]
        left += 34 + 7 * len(name) + 20
    return "".join([*drawn, "</svg>"])
