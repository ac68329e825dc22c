"""Drawing units: the right shares, the same text for the same seed, rows that end on their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.search.toys import END, bigrams, nats_of, start, stepper
from textladder.search import SearchConfig, drawn, sample

UNITS = 7


def texts(
    first: list[int], config: SearchConfig, seed: int = 0, **given: object
) -> tuple[list[list[int]], list[float]]:
    """The units of each row without what it says after its end, and the log-probability of each row."""
    step = stepper(bigrams(UNITS, seed))
    said = list(sample(step, start(len(first)), torch.tensor(first), config, end=END, **given))
    ids = [list(row) for row in zip(*(ids for ids, _ in said), strict=True)]
    nats = [sum(row) for row in zip(*(nats for _, nats in said), strict=True)]
    whole = [row[: row.index(END) + 1] if END in row else row for row in ids]
    for row, cut in zip(ids, whole, strict=True):
        assert not any(row[len(cut) :]), "a row that has ended says nothing"
    return whole, nats


def test_units_come_with_their_probability() -> None:
    """20,000 draws of one unit: each count within five standard deviations."""
    table, number = bigrams(UNITS), 20_000
    config = SearchConfig(length=1, n=number, seed=3)
    ((ids, nats),) = sample(lambda last, state: (table[last], state), (), torch.tensor([2]), config, end=END)
    counts = np.bincount(ids, minlength=UNITS)
    shares = table[2].exp().numpy()
    assert (abs(counts - number * shares) < 5 * np.sqrt(number * shares)).all()
    torch.testing.assert_close(torch.tensor(nats), table[2][ids])


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_temperature_is_a_power_of_probability(temperature: float) -> None:
    table, number = bigrams(UNITS, spread=1.0), 20_000
    config = SearchConfig(length=1, n=number, seed=4, temperature=temperature)
    ((ids, nats),) = sample(lambda last, state: (table[last], state), (), torch.tensor([2]), config, end=END)
    shares = (table[2].exp() ** (1 / temperature)).numpy()
    shares /= shares.sum()
    counts = np.bincount(ids, minlength=UNITS)
    assert (abs(counts - number * shares) < 5 * np.sqrt(number * shares) + 1).all()
    torch.testing.assert_close(torch.tensor(nats), table[2][ids])  # what the model gives, at temperature 1


def test_a_text_depends_on_seed_and_number_alone() -> None:
    """Not on the prompts beside it, nor on how many texts there are of each, nor on the longest length."""
    config = SearchConfig(length=30, n=3, seed=11)
    together, nats = texts([2, 5, 4], config)
    for place, first in enumerate((2, 5, 4)):
        alone, alone_nats = texts([first], config)
        assert together[3 * place : 3 * place + 3] == alone
        assert nats[3 * place : 3 * place + 3] == pytest.approx(alone_nats, abs=1e-5)
    assert texts([5], SearchConfig(length=30, n=1, seed=11))[0] == texts([5], config)[0][:1]
    shorter = texts([5], SearchConfig(length=9, n=3, seed=11))[0]
    assert shorter == [row[:9] for row in texts([5], config)[0]]
    assert len({tuple(row) for row in together}) > 3, "texts of one prompt differ"


def test_random_numbers_are_renewed() -> None:
    """A text of more units than random numbers are made at a time is no repetition."""
    (row,) = texts([2], SearchConfig(length=600, seed=1, ignore_end=True))[0]
    assert len(row) == 600
    assert row[:256] != row[256:512]
    assert texts([2], SearchConfig(length=600, seed=1, ignore_end=True))[0] == [row]
    assert texts([2], SearchConfig(length=600, seed=2, ignore_end=True))[0] != [row]


def test_rows_end_on_their_own_and_keep_their_state() -> None:
    """The log-probabilities that were given out are those of each row's own units."""
    rows, nats = texts([2, 5, 4, 6], SearchConfig(length=40, n=2, seed=5))
    assert len({len(row) for row in rows}) > 3
    step = stepper(bigrams(UNITS))
    for row, given, first in zip(rows, nats, (2, 2, 5, 5, 4, 4, 6, 6), strict=True):
        assert given == pytest.approx(math.fsum(nats_of(step, first, tuple(row))), abs=1e-4)


def test_rows_end_where_they_are_told_to() -> None:
    told: list[list[int]] = []

    def ended(ids: list[int]) -> list[bool]:
        told.append(ids)
        return [unit == 6 for unit in ids]

    step = stepper(bigrams(UNITS))
    config = SearchConfig(length=50, n=6, seed=2, ignore_end=True)
    said = [ids for ids, _ in sample(step, start(1), torch.tensor([2]), config, end=END, ended=ended)]
    assert said == told
    for row in zip(*said, strict=True):
        assert END not in row
        assert 6 in row
        assert not any(row[row.index(6) + 1 :])


def test_banned_units_are_never_written() -> None:
    rows, _ = texts([2, 5], SearchConfig(length=300, seed=0, ignore_end=True), banned=torch.tensor([0, 1, 4]))
    assert {unit for row in rows for unit in row} == {2, 5, 6}


def test_greedy_takes_the_most_probable_each_time() -> None:
    (row,), _ = texts([2], SearchConfig(length=8, temperature=0, ignore_end=True))
    step, state, last = stepper(bigrams(UNITS)), start(1), torch.tensor([2])
    for unit in row:
        scores, state = step(last, state)
        scores[:, END] = -math.inf
        assert unit == int(scores.argmax())
        last = torch.tensor([unit])


def test_repetition_penalty_counts_the_prompt_and_what_was_written() -> None:
    """So strong that no unit comes twice as long as there are others."""
    seen = torch.zeros(1, UNITS, dtype=torch.bool)
    seen[0, [2, 5]] = True
    config = SearchConfig(length=4, temperature=0, repetition_penalty=1e6, ignore_end=True)
    (row,), _ = texts([2], config, seen=seen)
    assert sorted(row) == [0, 1, 4, 6]
    assert seen.sum() == 2, "what the caller gave is left as it was"


def test_gradients_stay_off_only_inside() -> None:
    step = stepper(bigrams(UNITS))
    for _ in sample(step, start(1), torch.tensor([2]), SearchConfig(length=3, seed=0), end=END):
        assert not torch.is_inference_mode_enabled()


def test_whole_sequences_are_what_is_drawn_unit_by_unit() -> None:
    step, first = stepper(bigrams(6, seed=2)), torch.tensor([2, 4])
    config = SearchConfig(length=9, n=3, seed=5)
    given = {"end": END, "banned": torch.tensor([0, 1])}
    found = drawn(step, start(2), first, config, **given, lengths=[4, 20])
    units = [ids for ids, _ in sample(step, start(2), first, config, **given)]
    for prompt, longest in enumerate((4, 9)):
        assert len(found[prompt]) == 3
        for number, one in enumerate(found[prompt]):
            drawn_ids = [ids[prompt * 3 + number] for ids in units][:longest]
            ended = drawn_ids.index(END) + 1 if END in drawn_ids else longest
            assert list(one.ids) == drawn_ids[:ended]
            assert one.finished == (one.ids[-1] == END)
            wanted = sum(nats_of(step, int(first[prompt]), one.ids))
            assert one.log_probability == pytest.approx(wanted, abs=1e-5)
