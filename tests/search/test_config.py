"""Options that are out of range or contradict each other are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from textladder.errors import Problem
from textladder.search import SearchConfig


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"length": 0}, "length"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"top_k": -1}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"min_p": -0.1}, "min_p"),
        ({"min_p": 2.0}, "min_p"),
        ({"repetition_penalty": 0.0}, "repetition_penalty"),
        ({"beam": 0}, "beam"),
        ({"beam": 2, "length_penalty": -1.0}, "length_penalty"),
        ({"n": 0}, "n"),
        ({"seed": -1}, "seed"),
        ({"beam": 4, "temperature": 0.8}, "temperature"),
        ({"beam": 4, "top_k": 5, "top_p": 0.9}, "top_k, top_p"),
        ({"beam": 4, "min_p": 0.1}, "min_p"),
        ({"beam": 4, "seed": 1}, "seed"),
        ({"beam": 4, "n": 5}, "n, beam"),
        ({"temperature": 0, "top_p": 0.9}, "top_p"),
        ({"temperature": 0, "seed": 3}, "seed"),
        ({"temperature": 0, "n": 2}, "n, beam, temperature"),
        ({"length_penalty": 1.0}, "length_penalty"),
        ({"beam": 4, "coverage_penalty": -0.1}, "coverage_penalty"),
        ({"coverage_penalty": 0.2}, "coverage_penalty"),
        ({"beam": 4, "groups": 0}, "groups"),
        ({"beam": 4, "groups": 3}, "beam, groups"),
        ({"groups": 2}, "groups"),
        ({"beam": 4, "diversity": 0.3}, "diversity"),
        ({"beam": 4, "groups": 2, "diversity": -1.0}, "diversity"),
    ],
    ids=str,
)
def test_refused(options: dict[str, Any], named: str) -> None:
    with pytest.raises(Problem) as refused:
        SearchConfig(**options)
    assert refused.value.where == named
    assert refused.value.next_step


def test_what_goes_together() -> None:
    SearchConfig(beam=4, n=4, length_penalty=1.0, repetition_penalty=1.2)
    SearchConfig(beam=6, groups=3, diversity=0.3, coverage_penalty=0.2, n=6)
    SearchConfig(temperature=0, repetition_penalty=1.2)
    SearchConfig(temperature=0.8, top_k=40, top_p=0.9, min_p=0.05, n=16, seed=0)


def test_a_seed_is_made_only_where_chance_plays_a_part() -> None:
    assert SearchConfig(seed=5).seeded().seed == 5
    made = SearchConfig().seeded().seed
    assert made is not None
    assert SearchConfig().seeded().seed != made
    assert SearchConfig(beam=2).seeded().seed is None
    assert SearchConfig(temperature=0).seeded().seed is None
