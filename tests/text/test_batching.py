"""Batch plans: every row once, the same for the same seed and epoch, within the budget, little padding."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.real import real
from textladder.text.batching import BatchPlan, evaluation_plan, plan
from textladder.text.tokenizing import Tokenizer, TokenizerConfig

lengths_lists = st.lists(st.integers(0, 80), max_size=200).map(lambda n: np.array(n, np.int64))


def all_rows(made: BatchPlan) -> list[int]:
    return [int(row) for rows in made for row in rows]


@given(lengths_lists, st.booleans(), st.integers(0, 3), st.integers(1, 9))
def test_every_row_once_within_the_budget(
    lengths: np.ndarray, padded: bool, epoch: int, max_texts: int
) -> None:
    made = plan(lengths, 100, max_texts, 7, epoch, padded=padded)
    assert sorted(all_rows(made)) == list(range(len(lengths)))
    for rows in made:
        units = len(rows) * lengths[rows].max() if padded else lengths[rows].sum()
        assert 1 <= len(rows) <= max_texts
        assert units <= 100 or len(rows) == 1


@given(lengths_lists)
def test_evaluation_sees_every_row_once_from_short_to_long(lengths: np.ndarray) -> None:
    made = evaluation_plan(lengths, 100, 8)
    assert sorted(all_rows(made)) == list(range(len(lengths)))
    assert (np.diff(lengths[all_rows(made)]) >= 0).all()


LENGTHS = np.random.default_rng(0).integers(0, 60, 5000)


@pytest.mark.parametrize("padded", [True, False])
def test_order_is_a_function_of_seed_and_epoch(padded: bool) -> None:
    first = all_rows(plan(LENGTHS, 1024, 32, 1, 0, padded=padded))
    assert all_rows(plan(LENGTHS, 1024, 32, 1, 0, padded=padded)) == first
    assert all_rows(plan(LENGTHS, 1024, 32, 1, 1, padded=padded)) != first
    assert all_rows(plan(LENGTHS, 1024, 32, 2, 0, padded=padded)) != first


def test_ranks_share_each_batch() -> None:
    made = plan(LENGTHS, 1024, 32, 1, 0)
    for number in range(len(made)):
        shares = [made.rows(number)[rank::3] for rank in range(3)]
        assert sorted(np.concatenate(shares)) == sorted(made.rows(number))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_batches_do_not_come_by_length() -> None:
    made = plan(LENGTHS, 100_000, 32, 1, 0)
    longest = [LENGTHS[rows].max() for rows in made]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3
    other = plan(LENGTHS, 100_000, 32, 1, 1)
    assert len({frozenset(rows.tolist()) for rows in made} & {frozenset(rows.tolist()) for rows in other}) < 5


def test_nothing_makes_no_batch() -> None:
    assert len(plan(np.zeros(0, np.int64), 10, 4, 0, 0)) == 0
    assert len(evaluation_plan(np.zeros(0, np.int64), 10)) == 0
    assert plan(np.zeros(0, np.int64), 10, 4, 0, 0).padding_share(np.zeros(0, np.int64)) == 0


def test_little_is_padded_on_real_texts() -> None:
    with real("ag_news/train.csv").open(encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    lengths = Tokenizer.of_vocabulary([], TokenizerConfig()).encode(texts).lengths
    assert plan(lengths, 8192, 64, 1, 0).padding_share(lengths) < 0.03
    assert evaluation_plan(lengths, 16384).padding_share(lengths) < 0.04


def test_rows_with_two_sides_are_alike_in_both() -> None:
    draw = np.random.default_rng(0)
    sources = draw.integers(5, 30, 20_000)
    targets = np.maximum(sources + draw.integers(-4, 5, len(sources)), 1)
    both = plan(sources, 2048, 64, seed=1, epoch=0, others=targets)
    one = plan(sources, 2048, 64, seed=1, epoch=0)
    assert sorted(both.order.tolist()) == list(range(len(sources)))
    assert both.padding_share(sources) < 0.05
    assert both.padding_share(targets) < one.padding_share(targets) / 2
    for rows in both:
        longest = max(int(sources[rows].max()), int(targets[rows].max()))
        assert len(rows) == 1 or len(rows) * longest <= 2048
