"""What a model looked at: one HTML file, a table for each map, which opens offline; and below it what a
translator searched (`beam_tree`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textladder.inspection.frame import asset, framed
from textladder.inspection.pieces import bdi, esc, seen

COLOUR = "76, 120, 168"  # the first of `figures.COLOURS`
FAINT = 0.005  # shares below are not drawn
KEY = "The stronger a cell's colour, the larger its share; point at it for the number."

Shares = NDArray[np.floating]


@dataclass(frozen=True)
class Map:
    """shares: [R, C]; rows, columns: what stands beside and above; told: how to read it, in sentences."""

    name: str
    rows: Sequence[str]
    columns: Sequence[str]
    shares: Shares
    told: str


def render(sections: Sequence[str], *, title: str, subtitle: str) -> str:
    """The page as text. sections: of `section` and `beam_tree.render_tree`."""
    return framed(
        "maps.html",
        title=title,
        subtitle=subtitle,
        css=asset("maps.css"),
        sections="\n".join(sections),
        js=asset("maps.js"),
    )


def section(maps: Sequence[Map]) -> str:
    """Of all maps; the first is shown first."""
    tables = "\n".join(
        f'<div class="scroll" data-map="{number}"{" hidden" if number else ""} tabindex="0" role="region" '
        f'aria-label="{esc(one.name)}">{_table(one)}<p class="soft">{esc(one.told)}</p></div>'
        for number, one in enumerate(maps)
    )
    options = (f'<option value="{number}">{esc(one.name)}</option>' for number, one in enumerate(maps))
    chooser = f'<label>Shown: <select id="which">{"".join(options)}</select></label>'
    return f'<form id="bar" autocomplete="off">{chooser}</form>\n{tables}\n<p class="soft">{KEY}</p>'


def _table(one: Map) -> str:
    head = "".join(f'<th scope="col">{bdi(seen(unit))}</th>' for unit in one.columns)
    body = "".join(
        f'<tr><th scope="row">{bdi(seen(unit))}</th>'
        f"{''.join(map(_cell, row[: len(one.columns)].tolist()))}</tr>"
        for unit, row in zip(one.rows, one.shares, strict=True)
    )
    return f'<table class="map"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(share: float) -> str:
    colour = f' style="background: rgba({COLOUR}, {share:.2f})"' if share >= FAINT else ""
    return f'<td title="{share:.3f}"{colour}></td>'
