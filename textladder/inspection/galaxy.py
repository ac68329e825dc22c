"""The map of word vectors: one HTML file that opens anywhere, offline, and asks the network for nothing.

It draws on a canvas and not with plotly: thousands of words with as many names as there is room for, which
change with every zoom, are more than its one element per name can move smoothly; and the file is 40 times
smaller.
"""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textladder.files import writing
from textladder.inspection.figures import COLOURS
from textladder.inspection.frame import asset, framed
from textladder.inspection.page import script_json
from textladder.vectors.mapping import TITLES, WordMap

STEPS = 10_000  # places are whole numbers up to this: finer than any screen at a hundredfold zoom


def write_galaxy(
    path: Path, drawn: WordMap, *, name: str, dim: int, total: int, notes: Sequence[str] = ()
) -> Path:
    """Write the page. name: of the vectors; dim: their width; total: words they have in all; notes: what was
    left out. Raises Problem if `path` cannot be written."""
    page = render(drawn, name=name, dim=dim, total=total, notes=notes)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        # Lone surrogates have no UTF-8; they are shown as question marks.
        fresh.write_bytes(page.encode("utf-8", "replace"))
        os.replace(fresh, path)
    return path


def render(drawn: WordMap, *, name: str, dim: int, total: int, notes: Sequence[str] = ()) -> str:
    """The page as text."""
    count = drawn.neighbours.shape[1]
    data = {
        "words": drawn.words,
        "places": {layout: _whole(places) for layout, places in drawn.places.items()},
        "near": drawn.neighbours.tolist(),
        "cosines": np.round(drawn.cosines, 3).tolist(),
        "groups": drawn.groups.tolist(),
        "colours": COLOURS,
        "kept": {
            layout: f"{TITLES[layout]}: of the {count} nearest words in all {dim} dimensions, {share:.0%} "
            f"are among the {count} nearest here."
            for layout, share in drawn.kept.items()
        },
    }
    options = "".join(f'<option value="{layout}">{TITLES[layout]}</option>' for layout in drawn.places)
    subtitle = [f"{len(drawn.words):,} of {total:,} words, {dim} dimensions.", *notes]
    return framed(
        "galaxy.html",
        title=f"Word vectors of {name}",
        subtitle=" ".join(subtitle),
        css=asset("galaxy.css"),
        options=options,
        words="".join(f"<option>{html.escape(word)}</option>" for word in drawn.words),
        data=script_json(data),
        js=asset("galaxy.js"),
    )


def _whole(places: NDArray[np.float32]) -> list[list[int]]:
    """[N, 2] as two lists of whole numbers 0..STEPS, both axes by one scale, y downwards as on a screen."""
    low, high = places.min(axis=0), places.max(axis=0)
    size = max(float((high - low).max()), 1e-12)
    scaled = np.round((places - (low + high) / 2) / size * STEPS + STEPS / 2).astype(int)
    return [scaled[:, 0].tolist(), (STEPS - scaled[:, 1]).tolist()]
