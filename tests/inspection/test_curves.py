"""The page of curves: its marks are round numbers, and it does not shrink until no letter can be read."""

from __future__ import annotations

import re

import pytest

from textladder.inspection.curves import render


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        (4.63, ["0.00", "1.00", "2.00", "3.00", "4.00"]),
        (0.42, ["0.00", "0.10", "0.20", "0.30", "0.40"]),
        (10.0, ["0.00", "2.00", "4.00", "6.00", "8.00", "10.00"]),
    ],
)
def test_the_marks_of_the_axis_are_round_numbers(highest: float, marks: list[str]) -> None:
    page = render({"a": [highest, 0.1]}, [2, 1], title="t", told="s", across="place", up="loss")
    assert re.findall(r'text-anchor="end">([\d.]+)</text>', page) == marks


def test_the_figure_is_scrolled_where_it_has_no_room() -> None:
    page = render({"a": [1.0]}, [1], title="t", told="s", across="place", up="loss")
    scrolled = re.search(r'<div class="scroll"[^>]*><svg [^>]*min-width: (\d+)px', page)
    assert scrolled
    assert int(scrolled[1]) >= 500


def test_the_names_of_lines_stand_above_all_lines() -> None:
    page = render(
        {"truth": [1.0, 0.0], "own": [1.0, 0.5]}, [1, 1], title="t", told="s", across="place", up="loss"
    )
    names = [int(high) for high in re.findall(r'y="(\d+)">(?:truth|own)<', page)]
    heights = [
        float(high)
        for points in re.findall(r'points="([^"]*)"', page)
        for high in re.findall(r",([\d.]+)", points)
    ]
    assert len(names) == 2
    assert max(names) < min(heights)
