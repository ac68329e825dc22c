"""The picture of an alignment, read back: its size, and in each place the colour of the share there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from textladder.inspection.heatmap import DOTS, EDGE, INCHES, write_png

matplotlib = pytest.importorskip("matplotlib")
image = pytest.importorskip("matplotlib.image")

SOURCES, TARGETS = ["a", "$b$", "cat", "d"], ["eins", "zwei", "drei"]
# Each has a colour of its own, and the highest is in a corner: turned or mirrored it would not be the same.
SHARES = np.array([[0.16, 0.48, 0.08, 0.72], [0.0, 0.24, 0.64, 0.32], [0.96, 0.4, 0.8, 0.56]])


def test_each_cell_has_the_colour_of_its_share(tmp_path: Path) -> None:
    path = tmp_path / "new" / "map.png"
    assert write_png(path, SOURCES, TARGETS, SHARES, "layer 1") == []
    assert [one.name for one in path.parent.iterdir()] == ["map.png"], "nothing else is left"
    picture = image.imread(path)[..., :3]
    colours = matplotlib.colormaps["Blues"](SHARES, bytes=True)[..., :3].astype(int)
    pixels = np.round(picture * 255).astype(int)
    centres = np.zeros((*SHARES.shape, 2))
    for place in np.ndindex(*SHARES.shape):
        there = np.argwhere(abs(pixels - colours[place]).max(-1) <= 3)  # of 255
        assert len(there) > 400, f"no cell has the share {SHARES[place]}"
        centres[place] = np.median(there, 0)
    down, across = centres[..., 0], centres[..., 1]
    assert (abs(np.diff(down, axis=0) - INCHES * DOTS) <= 2).all(), "targets from the top down"
    assert (abs(np.diff(across, axis=1) - INCHES * DOTS) <= 2).all(), "the source from left to right"
    assert np.ptp(down, axis=1).max() <= 2
    assert np.ptp(across, axis=0).max() <= 2
    darkest = np.unravel_index(colours.sum(-1).argmin(), SHARES.shape)
    assert darkest == np.unravel_index(SHARES.argmax(), SHARES.shape)


def test_nothing_that_stands_around_the_cells_is_cut(tmp_path: Path) -> None:
    """A long title over few cells, and long words beside them: the picture grows, its edge stays white."""
    path, word = tmp_path / "map.png", "Donaudampfschifffahrtsgesellschaft"
    sources, targets = ["a", word], [word, "b", "c"]
    write_png(path, sources, targets, np.full((3, 2), 0.5), f"a title of many words {word} " * 6)
    picture = image.imread(path)[..., :3]
    edge = round(EDGE * DOTS) - 2
    inside = picture[edge:-edge, edge:-edge]
    assert (picture == 1).sum() - (inside == 1).sum() == picture.size - inside.size
    dark = np.argwhere(inside.min(-1) < 0.9)
    assert dark.min() <= 4, "what is drawn begins at the edge: nothing is left empty"
    assert (inside.shape[:2] - dark.max(0)).max() <= 5, "and it ends there"
