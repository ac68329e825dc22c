"""What a translator looked at: one HTML file, a table for each layer and head, which opens offline; and below
it what it searched (`beam_tree`)."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from string import Template

import numpy as np
from numpy.typing import NDArray

from textladder.inspection.page import asset
from textladder.inspection.pieces import bdi, esc

COLOUR = "76, 120, 168"  # the first of `figures.COLOURS`
FAINT = 0.005  # shares below are not drawn
KEY = (
    "Rows: what was written, from the top down. Columns: the source. The darker a cell, the larger the share "
    "of its row that the model looked at there (point at it for the number); each row sums to 1."
)

Shares = NDArray[np.floating]


def render(sections: Sequence[str], *, title: str, told: str) -> str:
    """The page as text. sections: of `looked` and `beam_tree.render_tree`."""
    return Template(asset("alignment.html")).substitute(
        title=html.escape(title),
        subtitle=html.escape(told),
        css=asset("page.css") + asset("alignment.css"),
        sections="\n".join(sections),
        js=asset("alignment.js"),
    )


def looked(sources: Sequence[str], targets: Sequence[str], maps: Sequence[Shares]) -> str:
    """The section of all maps. sources, targets: the units as they stand in the texts; maps: of each layer
    the shares [H, T, S]."""
    shown = list(named(maps))
    tables = "\n".join(
        f'<div class="scroll" data-map="{number}"{" hidden" if number else ""} tabindex="0" role="region" '
        f'aria-label="{esc(name)}">{_table(sources, targets, shares)}</div>'
        for number, (name, shares) in enumerate(shown)
    )
    options = (f'<option value="{number}">{esc(name)}</option>' for number, (name, _) in enumerate(shown))
    chooser = f'<label>Shown: <select id="which">{"".join(options)}</select></label>'
    return f'<form id="bar" autocomplete="off">{chooser}</form>\n{tables}\n<p class="soft">{KEY}</p>'


def named(maps: Sequence[Shares]) -> Iterator[tuple[str, Shares]]:
    """Each map [T, S] with its name; first the mean over heads of the last layer but one, which alignments
    are read from, then every layer's mean and its heads."""
    chosen = max(len(maps) - 2, 0)
    order = [chosen, *(layer for layer in range(len(maps)) if layer != chosen)]
    for layer in order:
        heads = maps[layer]
        mean = " (alignments are read from it)" if layer == chosen else ""
        several = "the mean of its heads" if len(heads) > 1 else "its one head"
        yield f"layer {layer + 1}, {several}{mean}", heads.mean(0)
    for layer, heads in enumerate(maps):
        if len(heads) > 1:
            for number, shares in enumerate(heads, 1):
                yield f"layer {layer + 1}, head {number}", shares


def _table(sources: Sequence[str], targets: Sequence[str], shares: Shares) -> str:
    head = "".join(f'<th scope="col">{bdi(unit)}</th>' for unit in sources)
    body = "".join(
        f'<tr><th scope="row">{bdi(unit)}</th>{"".join(map(_cell, row[: len(sources)].tolist()))}</tr>'
        for unit, row in zip(targets, shares, strict=True)
    )
    return f'<table class="map"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(share: float) -> str:
    colour = f' style="background: rgba({COLOUR}, {share:.2f})"' if share >= FAINT else ""
    return f'<td title="{share:.3f}"{colour}></td>'
