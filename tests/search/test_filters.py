"""Filters against transformers' logits processors, and against their definitions."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from textladder.search import SearchConfig
from textladder.search.filters import narrowed, penalised


def scores_of(rows: int, units: int, seed: int = 0) -> Tensor:
    return (torch.randn(rows, units, generator=torch.Generator().manual_seed(seed)) * 3).log_softmax(-1)


def left(scores: Tensor, **options: Any) -> Tensor:
    """[B, V] scores after the filters, -inf where a unit is left out."""
    values, ids = narrowed(scores, SearchConfig(**options))
    if ids is None:
        return values
    return torch.full_like(scores, -math.inf).scatter(1, ids, values)


@pytest.mark.parametrize("units", [40, 800])
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.7},
        {"top_k": 5},
        {"top_p": 0.8},
        {"top_p": 0.9999},
        {"top_p": 0.01},
        {"min_p": 0.1},
        {"min_p": 1.0},
        {"temperature": 1.5, "top_k": 30, "top_p": 0.6, "min_p": 0.05},
        {"temperature": 5.0, "top_p": 0.95},
    ],
    ids=str,
)
def test_the_same_as_transformers(units: int, options: dict[str, Any]) -> None:
    transformers = pytest.importorskip("transformers")
    warpers = {
        "temperature": transformers.TemperatureLogitsWarper,
        "top_k": transformers.TopKLogitsWarper,
        "top_p": transformers.TopPLogitsWarper,
        "min_p": transformers.MinPLogitsWarper,
    }
    scores = scores_of(6, units)
    theirs = scores
    for name, warper in warpers.items():
        if name in options:
            theirs = warper(options[name])(None, theirs)
    torch.testing.assert_close(left(scores, **options).log_softmax(-1), theirs.log_softmax(-1))


def test_repetition_penalty_is_that_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    scores = scores_of(3, 20)
    ids = torch.tensor([[4, 4, 9], [0, 1, 2], [19, 7, 7]])
    seen = torch.zeros(3, 20, dtype=torch.bool).scatter(1, ids, True)
    theirs = transformers.RepetitionPenaltyLogitsProcessor(1.3)(ids, scores)
    torch.testing.assert_close(penalised(scores, seen, 1.3), theirs)


@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_a_nucleus_is_the_fewest_units_that_have_the_share(share: float) -> None:
    for row in scores_of(20, 600, seed=2):
        kept = left(row[None], top_p=share)[0] > -math.inf
        inside = row.exp()[kept]
        assert inside.sum() >= share - 1e-5
        assert inside.sum() - inside.min() < share
        assert inside.min() >= row.exp()[~kept].max()


def test_a_temperature_near_zero_leaves_the_most_probable() -> None:
    scores = scores_of(4, 30)
    for temperature in (1e-6, 1e-45, 5e-324):
        shares = left(scores, temperature=temperature).softmax(-1)
        assert (shares.argmax(-1) == scores.argmax(-1)).all()
        torch.testing.assert_close(shares.amax(-1), torch.ones(4))


def test_nothing_is_done_where_no_filter_is_set() -> None:
    scores = scores_of(2, 50)
    values, ids = narrowed(scores, SearchConfig())
    assert values is scores
    assert ids is None


def test_units_that_are_banned_stay_out() -> None:
    scores = scores_of(2, 10).index_fill(1, torch.tensor([0, 3]), -math.inf)
    for options in ({"top_k": 9}, {"top_p": 0.99999}, {"min_p": 1e-9}, {"top_k": 10, "top_p": 0.9}):
        assert (left(scores, **options)[:, [0, 3]] == -math.inf).all()
