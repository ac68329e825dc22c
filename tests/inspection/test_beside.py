"""Names beside marks, where they are seen in real comparisons: in pairs, at the sides, one alone."""

from __future__ import annotations

from textladder.inspection.beside import beside


def test_a_name_does_not_cover_the_mark_to_its_right() -> None:
    """As of the search for similar sentences: `bow` was written over the mark of `sif`."""
    places = beside({"sif": (0.33, 0.4), "bow": (0.27, 0.34), "cnn": (0.8, 0.65)})
    assert places == {"sif": "top right", "bow": "top left", "cnn": "top left"}


def test_names_of_marks_in_one_place_stand_apart() -> None:
    assert len(set(beside(dict.fromkeys(("lstm", "gru", "rnn", "bow"), (0.5, 0.5))).values())) == 4


def test_no_name_goes_beyond_the_sides() -> None:
    assert beside({"a long name": (0.02, 0.5)})["a long name"].endswith("right")
    assert beside({"a long name": (0.98, 0.01)})["a long name"] == "top left"
    assert beside({}) == {}
