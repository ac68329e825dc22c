"""Word vectors on a plane (t-SNE, UMAP, PCA): neighbours in the full space, clusters, what the plane keeps.

Sources: van der Maaten and Hinton 2008, https://jmlr.org/papers/v9/vandermaaten08a.html; McInnes et al. 2018,
https://arxiv.org/abs/1802.03426. A plane cannot keep all neighbours of a hundred dimensions: how many it
keeps is measured and belongs beside every such picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem, suggest
from textladder.vectors.evaluating import unit_rows

Matrix = NDArray[np.float32]
FEWEST, MOST = 5, 20_000  # words: fewer have no neighbourhoods, more take t-SNE many minutes
GROUPS = 10
PERPLEXITY = 30.0  # of t-SNE: about how many neighbours count; also UMAP's number of neighbours
ROWS = 1024  # of the table of cosines at a time


@dataclass(frozen=True)
class WordMap:
    """N words on planes. places: layout -> [N, 2]; neighbours and cosines [N, k]: the nearest of these
    words in the full space, nearest first; groups [N]: cluster of each word; kept: layout -> share of the k
    neighbours that are among the k nearest on the plane."""

    words: list[str]
    places: dict[str, Matrix]
    neighbours: NDArray[np.int64]
    cosines: Matrix
    groups: NDArray[np.int64]
    kept: dict[str, float]


def lay_out(
    words: Sequence[str],
    matrix: NDArray[Any],
    layouts: Sequence[str] = ("tsne", "pca"),
    *,
    neighbours: int = 10,
    seed: int = 0,
    note: Callable[[str], None] = lambda _: None,
) -> WordMap:
    """Lay out words [N] with vectors [N, D], by direction (cosine), not by length. One seed, one picture.

    Raises Problem for an unknown layout, for fewer than FEWEST or more than MOST words, and for UMAP where
    its package is missing.
    """
    for name in layouts:
        if name not in LAYOUTS:
            raise Problem(f"--layout {name}", "there is no such layout.", suggest(name, LAYOUTS))
    if not FEWEST <= len(words) <= MOST:
        raise Problem(
            "map",
            f"{len(words):,} words are to be drawn; {FEWEST} to {MOST:,} can be.",
            "Choose them with --words FILE or --limit N.",
        )
    unit = unit_rows(matrix)
    count = min(neighbours, len(words) - 1)
    near, cosines = nearest(unit, count)
    places, kept = {}, {}
    for name in layouts:
        note(f"{TITLES[name]} of {len(words):,} words")
        places[name] = np.asarray(LAYOUTS[name](unit, seed), np.float32)
        kept[name] = _shared(near, _nearest_on_plane(places[name], count))
    return WordMap(list(words), places, near, cosines, _groups(unit, seed), kept)


def chosen(
    words: Sequence[str], matrix: NDArray[Any], wanted: Sequence[str] | None, most: int
) -> tuple[Sequence[str], NDArray[Any], list[str]]:
    """The words to draw and their vectors: those `wanted` that there are, else the first `most`; and a
    sentence about those wanted that have no vector."""
    if wanted is None:
        return words[:most], matrix[:most], []
    rows = {word: row for row, word in enumerate(words)}
    shown = [word for word in wanted if word in rows]
    unknown = [word for word in wanted if word not in rows]
    notes = []
    if unknown:
        listed = ", ".join(unknown[:5] + ["..."] * (len(unknown) > 5))
        notes.append(f"{len(unknown):,} of {len(wanted):,} words have no vector ({listed}).")
    return shown, matrix[[rows[word] for word in shown]], notes


def nearest(unit: Matrix, count: int) -> tuple[NDArray[np.int64], Matrix]:
    """The `count` rows with the largest cosine to each row of unit [N, D], itself left out, and the cosines:
    [N, count] twice, nearest first."""
    found = np.empty((len(unit), count), np.int64)
    cosines = np.empty((len(unit), count), np.float32)
    for start in range(0, len(unit), ROWS):
        table = unit[start : start + ROWS] @ unit.T
        rows = np.arange(len(table))[:, None]
        table[rows[:, 0], rows[:, 0] + start] = -np.inf
        top = np.argpartition(-table, count - 1, axis=1)[:, :count]
        top = top[rows, np.argsort(-table[rows, top], axis=1, kind="stable")]
        found[start : start + ROWS], cosines[start : start + ROWS] = top, table[rows, top]
    return found, cosines


def _pca(unit: Matrix, seed: int) -> NDArray[Any]:
    """The two directions of largest variance. Signs are fixed: no picture is mirrored by chance."""
    centred = unit - unit.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # [D, D], largest last
    axes = axes[:, : -min(3, axes.shape[1] + 1) : -1]  # [D, 2]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    flat = centred @ axes
    return flat if flat.shape[1] == 2 else np.concatenate([flat, np.zeros_like(flat)], axis=1)


def _tsne(unit: Matrix, seed: int) -> NDArray[Any]:
    # Of vectors of length 1 the squared distance is 2 - 2 cos: Euclidean t-SNE is t-SNE by cosine.
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)
    start = _pca(unit, seed)
    start = start / max(float(start[:, 0].std()), 1e-12) * 1e-4  # as sklearn scales its own start by PCA
    return TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(unit)


def _umap(unit: Matrix, seed: int) -> NDArray[Any]:
    try:
        from umap import UMAP
    except ImportError as error:
        raise Problem(
            "--layout umap",
            "it needs the package umap-learn, which is not installed.",
            'Run: pip install "textladder[map]"; or take --layout tsne.',
        ) from error
    import warnings

    neighbours = int(min(PERPLEXITY, len(unit) - 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a fixed seed means one thread
        return UMAP(n_neighbors=neighbours, metric="cosine", random_state=seed).fit_transform(unit)


LAYOUTS: dict[str, Callable[[Matrix, int], NDArray[Any]]] = {"tsne": _tsne, "umap": _umap, "pca": _pca}
TITLES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


def _groups(unit: Matrix, seed: int) -> NDArray[np.int64]:
    """Clusters in the full space, numbered by their first word."""
    from sklearn.cluster import KMeans

    distinct = len(np.unique(unit, axis=0)) if len(unit) < GROUPS * 2 else GROUPS
    found = KMeans(min(GROUPS, distinct), n_init=1, random_state=seed).fit_predict(unit)
    order = {group: place for place, group in enumerate(dict.fromkeys(found.tolist()))}
    return np.array([order[group] for group in found.tolist()], np.int64)


def _nearest_on_plane(places: Matrix, count: int) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=count).fit(places).kneighbors(return_distance=False)


def _shared(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """The mean share of the rows' entries [N, k] that both have."""
    both = np.sort(np.concatenate([first, second], axis=1), axis=1)
    return float((both[:, 1:] == both[:, :-1]).sum() / first.size)
