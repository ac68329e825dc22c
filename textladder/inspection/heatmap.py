"""An alignment as a picture: one map of shares as PNG, drawn by matplotlib, which is an extra."""

from __future__ import annotations

import os
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.files import writing
from textladder.inspection.pieces import seen

INCHES, DOTS = 0.34, 150  # of a cell; of an inch
EDGE = 0.15  # inches around all that is drawn
LETTERS = 60  # of a line of the title


def write_png(
    path: Path, sources: Sequence[str], targets: Sequence[str], shares: NDArray[np.floating[Any]], title: str
) -> list[str]:
    """Draw shares [T, S]: rows are units of the target, columns of the source. Returns notes on what could
    not be drawn. Raises Problem if matplotlib is not installed, and if `path` cannot be written."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Problem(
            str(path),
            "a PNG is drawn by matplotlib, which is not installed.",
            "Install it with: pip install textladder[pictures]; or give a file that ends in .html",
        ) from error
    # The cells fill the figure; the picture grows by what stands around them, however long it is.
    figure = Figure(figsize=(INCHES * len(sources), INCHES * len(targets)), dpi=DOTS)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xticks(range(len(sources)), [_plain(unit) for unit in sources], rotation=90)
    axes.set_yticks(range(len(targets)), [_plain(unit) for unit in targets])
    axes.xaxis.tick_top()
    axes.set_title(_plain(textwrap.fill(title, LETTERS)), fontsize=9, loc="left")
    fresh = path.with_name(path.name + ".new")
    with writing(path), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(fresh, format="png", metadata={"Software": None}, bbox_inches="tight", pad_inches=EDGE)
        os.replace(fresh, path)
    missing = {str(one.message) for one in said if "missing from" in str(one.message)}
    return [f"{len(missing)} letters are drawn as boxes: no font here has them."] if missing else []


def _plain(text: str) -> str:
    """matplotlib reads what stands between dollar signs as formulas."""
    return seen(text).replace("$", r"\$")
