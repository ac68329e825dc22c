"""The map: layouts keep what they say, and the page is one file that loads nothing and trusts no word."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.inspection.test_page import read
from textladder.errors import Problem
from textladder.inspection.galaxy import STEPS, write_galaxy
from textladder.vectors.mapping import LAYOUTS, WordMap, lay_out

EVIL = '</script><img src="https://example.org/x" onerror="alert(1)">'


def clusters(count: int, dim: int = 10, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three tight bundles of directions, of any length, and which bundle each is of."""
    draw = np.random.default_rng(seed)
    of = np.arange(count) % 3
    matrix = np.eye(dim)[of] + 0.1 * draw.standard_normal((count, dim))
    return (matrix * draw.uniform(0.2, 5, (count, 1))).astype(np.float32), of


@pytest.fixture(scope="module")
def drawn() -> WordMap:
    return lay_out(["river", "<b>", EVIL, *(f"word{i}" for i in range(87))], clusters(90)[0])


@pytest.mark.parametrize("layout", ["tsne", "pca"])
def test_bundles_of_words_stay_apart_on_the_plane(layout: str) -> None:
    matrix, of = clusters(90)
    found = lay_out([str(i) for i in range(90)], matrix, (layout,)).places[layout]
    centres = np.stack([found[of == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(found[:, None] - centres, axis=2).argmin(axis=1)
    assert np.array_equal(nearest, of)


def test_neighbours_are_by_cosine_in_the_full_space(drawn: WordMap) -> None:
    matrix, of = clusters(90)
    unit = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    table = unit @ unit.T
    np.fill_diagonal(table, -2)
    assert np.array_equal(drawn.neighbours[:, 0], table.argmax(axis=1))
    assert np.allclose(drawn.cosines[:, 0], table.max(axis=1), atol=1e-6)
    assert np.array_equal(of[drawn.neighbours], np.repeat(of[:, None], 10, axis=1))


def test_groups_are_numbered_by_their_first_word(drawn: WordMap) -> None:
    firsts = [int(np.flatnonzero(drawn.groups == group)[0]) for group in range(drawn.groups.max() + 1)]
    assert firsts == sorted(firsts)


def test_a_plane_keeps_the_neighbours_of_a_plane() -> None:
    """Directions on a half circle in three dimensions: PCA keeps nearly all, and that is what it says."""
    angles = np.linspace(0, np.pi, 60)
    matrix = np.stack([np.cos(angles), np.sin(angles), np.zeros(60)], 1)
    kept = lay_out([str(i) for i in range(60)], matrix, ("pca",), neighbours=6).kept
    assert kept["pca"] > 0.95
    noise = np.random.default_rng(0).standard_normal((60, 40))
    assert lay_out([str(i) for i in range(60)], noise, ("pca",), neighbours=6).kept["pca"] < 0.5


def test_one_seed_gives_one_picture() -> None:
    matrix, _ = clusters(40)
    words = [str(i) for i in range(40)]
    first, second = (lay_out(words, matrix, seed=3).places["tsne"] for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(("count", "dim"), [(5, 1), (5, 2), (7, 3)])
def test_few_words_and_few_dimensions(count: int, dim: int) -> None:
    matrix = np.random.default_rng(0).standard_normal((count, dim))
    found = lay_out([str(i) for i in range(count)], matrix)
    assert all(places.shape == (count, 2) and np.isfinite(places).all() for places in found.places.values())


def test_equal_vectors_and_vectors_of_zeros() -> None:
    found = lay_out([str(i) for i in range(8)], np.concatenate([np.ones((4, 3)), np.zeros((4, 3))]))
    assert all(np.isfinite(places).all() for places in found.places.values())
    assert set(found.groups) == {0, 1}


def test_wrong_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match="Did you mean tsne"):
        lay_out(["a"] * 9, np.eye(9), ("tsen",))
    with pytest.raises(Problem, match="4 words are to be drawn"):
        lay_out(["a"] * 4, np.eye(4))
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(Problem, match="umap-learn") as told:
        lay_out(["a"] * 9, np.eye(9), ("umap",))
    assert "textladder[map]" in told.value.next_step
    assert "umap" in LAYOUTS


# the page


@pytest.fixture(scope="module")
def page(drawn: WordMap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("map") / "new" / "map.html"
    return write_galaxy(path, drawn, name="<wiki>", dim=10, total=1234, notes=["2 words are unknown."])


def test_the_page_loads_nothing_and_escapes_every_word(page: Path) -> None:
    read_page = read(page)
    for tag, attributes in read_page.tags:
        assert tag not in {"link", "img", "iframe"}
        assert not {"src", "href"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    policy = next(a["content"] for t, a in read_page.tags if t == "meta" and "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    said = " ".join(read_page.text)
    assert "Word vectors of <wiki>" in said
    assert "90 of 1,234 words, 10 dimensions. 2 words are unknown." in said
    assert EVIL in said
    assert not page.with_name("map.html.new").exists()


def test_the_page_holds_words_places_and_neighbours(page: Path, drawn: WordMap) -> None:
    data: dict[str, Any] = json.loads(read(page).scripts["data"])
    assert data["words"] == drawn.words
    assert list(data["places"]) == list(data["kept"]) == ["tsne", "pca"]
    for layout, (x, y) in data["places"].items():
        assert min(x + y) >= 0
        assert max(x + y) <= STEPS
        assert max(max(x) - min(x), max(y) - min(y)) >= STEPS - 2
        assert np.corrcoef(x, drawn.places[layout][:, 0])[0, 1] > 0.999
        assert np.corrcoef(y, drawn.places[layout][:, 1])[0, 1] < -0.999  # downwards, as on a screen
    assert data["near"] == drawn.neighbours.tolist()
    assert f"{drawn.kept['tsne']:.0%} are among the 10 nearest" in data["kept"]["tsne"]


def test_a_place_that_cannot_be_written_is_named(drawn: WordMap, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Problem, match="file"):
        write_galaxy(tmp_path / "file" / "map.html", drawn, name="v", dim=1, total=1)
