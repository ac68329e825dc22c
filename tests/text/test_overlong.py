"""Over-long texts: each policy, the count of what was cut, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.text.overlong import CutReport, shorten
from textladder.text.tokenizing import TokenizerConfig

ROWS = [list(range(10)), [], [1, 2, 3], list(range(20, 27)), [5]]


def short(rows: list[list[int]], policy: str, limit: int = 4):
    return shorten(Ragged.of(rows), TokenizerConfig(max_length=limit, overlong=policy), "reviews.csv")


@pytest.mark.parametrize(
    ("policy", "first", "fourth"),
    [
        ("head", [0, 1, 2, 3], [20, 21, 22, 23]),
        ("tail", [6, 7, 8, 9], [23, 24, 25, 26]),
        ("head+tail", [0, 1, 8, 9], [20, 21, 25, 26]),
    ],
)
def test_one_row_for_each_text(policy: str, first: list[int], fourth: list[int]) -> None:
    done = short(ROWS, policy)
    assert [done.ids[n].tolist() for n in range(5)] == [first, [], [1, 2, 3], fourth, [5]]
    assert done.owner.tolist() == [0, 1, 2, 3, 4]
    assert done.cut == CutReport(texts_cut=2, units_cut=9, total=5, units=21, longest=10)


def test_windows_overlap_by_half_and_reach_the_end() -> None:
    done = short(ROWS, "window")
    rows = [done.ids[n].tolist() for n in range(len(done.ids))]
    assert rows[:4] == [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7], [6, 7, 8, 9]]
    assert rows[4:] == [[], [1, 2, 3], [20, 21, 22, 23], [22, 23, 24, 25], [24, 25, 26], [5]]
    assert done.owner.tolist() == [0, 0, 0, 0, 1, 2, 3, 3, 3, 4]
    assert (done.cut.texts_cut, done.cut.units_cut) == (2, 0)


@given(st.lists(st.lists(st.integers(0, 9), max_size=30), max_size=6), st.integers(1, 12))
def test_windows_hold_every_unit_and_no_row_is_too_long(rows: list[list[int]], limit: int) -> None:
    done = short(rows, "window", limit)
    assert done.ids.lengths.max(initial=0) <= limit
    stride = max(limit // 2, 1)
    for text, row in enumerate(rows):
        pieces = [done.ids[n].tolist() for n in np.flatnonzero(done.owner == text)]
        assert pieces[0] == row[:limit]
        assert sum((piece[limit - stride :] for piece in pieces[1:]), pieces[0]) == row


def test_error_names_the_first_text_that_is_too_long() -> None:
    with pytest.raises(Problem, match=r"reviews\.csv, text 1: this text has 10 units, more than the 4"):
        short(ROWS, "error")
    config = TokenizerConfig(max_length=8, overlong="error")
    with pytest.raises(Problem, match=r"b\.csv:7"):
        shorten(Ragged.of([[1], list(range(9))]), config, ["a.csv:3", "b.csv:7"])
    assert short(ROWS[1:3], "error").cut.texts_cut == 0


def test_reports_add_up_and_say_what_was_lost() -> None:
    config = TokenizerConfig(max_length=4)
    both = short(ROWS, "head").cut + short(ROWS[1:], "head").cut
    assert both == CutReport(3, 12, 9, 32, 10)
    assert both.line(config) == (
        "3 of 9 texts (33.3%) are longer than 4 units; "
        "the first are kept, 12 of 32 units (37.5%) are not seen"
    )
    assert "no text is longer" in CutReport().line(config)
    assert "windows" in short(ROWS, "window").cut.line(TokenizerConfig(max_length=4, overlong="window"))


def test_short_texts_are_not_copied() -> None:
    ids = Ragged.of(ROWS)
    assert shorten(ids, TokenizerConfig(), "x").ids is ids
    with pytest.raises(Problem, match="is no length"):
        shorten(ids, TokenizerConfig(max_length=0), "x")
