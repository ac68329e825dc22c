"""Windows of streams: every unit is predicted once, no window reaches into another document."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from textladder.ragged import Ragged
from textladder.text.store import Store
from textladder.text.windowing import (
    OPENED,
    StreamPlan,
    TrainingWindows,
    documents,
    evaluation_windows,
    read_windows,
    stream_plan,
)

# Units of documents, <s> and </s> included: a document without text has two.
SIZES = st.lists(st.integers(2, 40), min_size=1, max_size=12)
WIDTHS = st.integers(1, 12)


def bounds_of(sizes: list[int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.append(0, np.cumsum(sizes)).astype(np.int64)


def predicted(begin: Any, end: Any) -> np.ndarray[Any, Any]:
    """The places that windows predict."""
    spans = [np.arange(a + 1, b + 1) for a, b in zip(begin, end, strict=True)]
    return np.concatenate(spans) if spans else np.zeros(0, np.int64)


def owners(bounds: Any, places: Any) -> Any:
    return np.searchsorted(bounds, places, side="right") - 1


@given(SIZES, WIDTHS, st.none() | st.integers(0, 9))
def test_training_windows_predict_every_unit_once(sizes: list[int], width: int, seed: int | None) -> None:
    bounds = bounds_of(sizes)
    random = None if seed is None else np.random.default_rng(seed)
    windows = TrainingWindows(bounds, width, random)
    begin, end, head = windows.at(np.arange(len(windows)))
    assert (windows.lengths == end - begin).all()
    assert ((end > begin) & (end - begin <= width)).all()
    # All but the unit that a document begins with, in the order of the stream.
    assert predicted(begin, end).tolist() == np.setdiff1d(np.arange(bounds[-1]), bounds[:-1]).tolist()
    assert (owners(bounds, begin) == owners(bounds, end)).all()
    assert begin[begin == head].tolist() == bounds[:-1].tolist()
    assert head.tolist() == bounds[owners(bounds, begin)].tolist()


def test_documents_of_any_size_have_windows() -> None:
    """Nothing at all, a unit that nothing comes after, no unit between <s> and </s>, some, a whole window."""
    windows = TrainingWindows(np.array([0, 0, 1, 3, 6, 11]), 4)
    begin, end, _ = windows.at(np.arange(len(windows)))
    assert list(zip(begin.tolist(), end.tolist(), strict=True)) == [(1, 2), (3, 5), (6, 10)]
    assert len(TrainingWindows(np.zeros(1, np.int64), 4)) == 0


def test_epochs_cut_elsewhere() -> None:
    cuts = [
        tuple(TrainingWindows(np.array([0, 1000]), 64, np.random.default_rng(n)).at(np.arange(3))[1])
        for n in range(4)
    ]
    assert len(set(cuts)) == 4


@given(SIZES, WIDTHS, st.integers(1, 12))
def test_evaluation_counts_every_unit_once_with_its_context(
    sizes: list[int], width: int, stride: int
) -> None:
    stride = min(stride, width)
    bounds = bounds_of(sizes)
    windows = evaluation_windows(bounds, width, stride)
    assert (windows.lengths <= width).all()
    assert (owners(bounds, windows.begin) == owners(bounds, windows.end)).all()
    counted = predicted(np.maximum(windows.begin, windows.counted), windows.end)
    assert counted.tolist() == np.setdiff1d(np.arange(bounds[-1]), bounds[:-1]).tolist()
    starts = bounds[owners(bounds, windows.begin)]
    for begin, place, start in zip(windows.begin, windows.counted, starts, strict=True):
        # Each unit is given all of its document before it, or at least width - stride units.
        assert begin == start or place - begin >= width - stride


def batches(plan: StreamPlan) -> list[np.ndarray[Any, Any]]:
    return [plan.rows(n) for n in range(len(plan))]


@settings(max_examples=200)
@given(SIZES, WIDTHS, st.integers(1, 60), st.integers(1, 5), st.integers(0, 3), st.booleans())
def test_plans(sizes: list[int], width: int, budget: int, lanes: int, epoch: int, carried: bool) -> None:
    bounds = bounds_of(sizes)
    values: dict[str, Any] = {"seed": 1, "epoch": epoch, "carried": carried}
    plan = stream_plan(bounds, width, budget, lanes, **values)
    made = batches(plan)
    together = np.concatenate(made)
    places = np.sort(predicted(together[:, 0], together[:, 1]))
    assert places.tolist() == np.setdiff1d(np.arange(bounds[-1]), bounds[:-1]).tolist()
    for rows in made:
        lengths = rows[:, 1] - rows[:, 0]
        assert 0 < len(rows) <= lanes
        assert len(rows) == 1 or lengths.sum() <= budget
    again = batches(stream_plan(bounds, width, budget, lanes, **values))
    assert all((one == other).all() for one, other in zip(made, again, strict=True))
    _check_lanes(bounds, made, carried)


def _check_lanes(bounds: Any, made: list[np.ndarray[Any, Any]], carried: bool) -> None:
    ends: dict[int, int] = {}
    steps = 0
    for rows in made:
        begin, end, lane, number, fresh, opened = rows.T
        heads = bounds[owners(bounds, begin)]
        assert ((opened == -1) | ((opened == heads) & (begin != heads) & (fresh == 1))).all()
        if (lane < 0).any():
            # No state is read or left: whole documents of one window, or windows of a model without state.
            assert (lane == -1).all()
            assert (number == -1).all()
            assert fresh.all()
            assert not carried or np.isin(begin, bounds[:-1]).all()
            continue
        assert carried
        assert lane.tolist() == list(range(len(lane)))
        assert (number == steps).all()
        for at, (a, b) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
            begins = a in bounds[:-1]
            # A state is new at the beginning of a document and of a lane, else it was left just before.
            assert fresh[at] == (begins or steps == 0 or opened[at] >= 0)
            assert fresh[at] or ends[at] == a
            ends[at] = b
        steps += 1


def test_epochs_differ_and_lanes_are_even() -> None:
    bounds = bounds_of([1000, 3, 500, 2, 700, 4] * 5)
    plans = [stream_plan(bounds, 16, 4096, 8, seed=0, epoch=n, carried=True) for n in range(2)]
    first, second = ([rows.tolist() for rows in batches(plan)] for plan in plans)
    assert first != second
    steps = [rows for rows in first if rows[0][2] >= 0]
    assert {len(rows) for rows in steps[:-1]} == {8}
    seeds = stream_plan(bounds, 16, 4096, 8, seed=1, epoch=0, carried=True)
    assert [rows.tolist() for rows in batches(seeds)] != first


@pytest.mark.parametrize("carried", [True, False])
def test_some_windows_are_opened(carried: bool) -> None:
    plan = stream_plan(np.array([0, 100_000]), 10, 4096, 32, seed=0, epoch=0, carried=carried)
    opened = np.concatenate(batches(plan))[:, 5] >= 0
    assert opened.mean() == pytest.approx(OPENED, abs=0.01)


def test_a_plan_over_much_text_is_small_and_at_once() -> None:
    """10^9 units in one document, 10^6 documents: any batch is found without those before it."""
    plan = stream_plan(np.array([0, 10**9]), 64, 1 << 16, 32, seed=0, epoch=0, carried=True)
    assert len(plan) == -(-len(plan.windows) // 32)
    last = plan.rows(len(plan) - 1)
    assert last[:, 1].max() < 10**9
    assert sum(array.nbytes for array in vars(plan.windows).values() if hasattr(array, "nbytes")) < 100
    many = np.arange(0, 10**7 + 1, 10)
    plan = stream_plan(many, 64, 1 << 16, 32, seed=0, epoch=0, carried=True)
    assert len(plan) == 31250
    assert (plan.rows(31249)[:, 1] - plan.rows(31249)[:, 0] == 9).all()


def test_windows_read_one_further_than_they_are_given() -> None:
    store = Store.of({"text": Ragged(np.array([2, 5, 6, 7, 3, 2, 3], np.int32), np.array([0, 3, 5, 7]))})
    inputs, target = read_windows(store, np.array([1, 5]), np.array([4, 6]))
    assert inputs.flat.tolist() == [5, 6, 7, 2]
    assert target.flat.tolist() == [6, 7, 3, 3]
    assert inputs.offsets.tolist() == target.offsets.tolist() == [0, 3, 4]


def test_documents_begin_where_rows_say() -> None:
    starts = np.array([True, False, True, True])
    assert documents(np.array([0, 4, 9, 9, 12]), starts).tolist() == [0, 9, 9, 12]
