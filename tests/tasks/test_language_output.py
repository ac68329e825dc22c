"""Which output layer a language model gets."""

from __future__ import annotations

from typing import Any

import pytest

from textladder.errors import Problem
from textladder.layers.softmax import AdaptiveSoftmax, UnitSoftmax
from textladder.tasks import language
from textladder.tasks.language import ADAPTIVE_FROM, Language


def build(units: int, ranked: bool, softmax: Any) -> Language:
    labels = {"units": units, "ranked": ranked, "labels": ["Czech"], "spelling": {}}
    return Language(Language.Config(softmax=softmax), 8, labels)


@pytest.mark.parametrize(
    ("units", "ranked", "softmax", "wanted"),
    [
        (100, True, "auto", UnitSoftmax),
        (100, True, "adaptive", AdaptiveSoftmax),
        (ADAPTIVE_FROM - 1, True, "auto", UnitSoftmax),
        (ADAPTIVE_FROM, True, "auto", AdaptiveSoftmax),
        (ADAPTIVE_FROM, True, "full", UnitSoftmax),
        (ADAPTIVE_FROM, False, "auto", UnitSoftmax),
    ],
)
def test_auto_is_adaptive_for_many_units_ordered_by_frequency(
    units: int, ranked: bool, softmax: str, wanted: type
) -> None:
    output = build(units, ranked, softmax).output
    assert type(output) is wanted
    assert (output.tokens, output.units) == (units, units + 1)


@pytest.mark.parametrize(
    ("units", "ranked", "why"),
    [(language.SMALLEST - 1, True, "63 units are too few"), (5000, False, "not ordered by frequency")],
)
def test_where_adaptive_cannot_be_it_is_said_why(units: int, ranked: bool, why: str) -> None:
    with pytest.raises(Problem, match=why) as problem:
        build(units, ranked, "adaptive")
    assert problem.value.where == "task.softmax"
    assert problem.value.next_step == "Set task.softmax=full, or auto."
