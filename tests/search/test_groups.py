"""Diverse beams against the algorithm written out, hypothesis by hypothesis."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch

from tests.search.toys import END, bigrams, nats_of, start, stepper
from textladder.search import Hypothesis, SearchConfig, State, Stepper, beam
from textladder.search.beam_search import length_norm

UNITS = 8
Scored = tuple[tuple[int, ...], float]  # units, and their score


def written_out(step: Stepper, first: int, config: SearchConfig) -> list[list[Scored]]:
    """Vijayakumar et al. 2016, algorithm 1: of each group what ended, the best first; none stops early."""
    width = config.beam // config.groups
    going: list[list[Scored]] = [[((), 0.0)] for _ in range(config.groups)]
    ended: list[list[Scored]] = [[] for _ in range(config.groups)]
    for length in range(1, config.length + 1):
        said = Counter[int]()
        for group, hypotheses in enumerate(going):
            more = []
            for ids, total in hypotheses:
                for unit, nats in enumerate(next_of(step, first, ids)):
                    augmented = total + nats - config.diversity * said[unit]
                    more.append((augmented, (*ids, unit), total + nats))
            more.sort(key=lambda three: -three[0])
            chosen = more[:width]
            said.update(ids[-1] for _, ids, _ in chosen)
            over = [(ids, total) for _, ids, total in chosen if ids[-1] == END or length == config.length]
            ended[group] += [(ids, total / length_norm(length, config.length_penalty)) for ids, total in over]
            going[group] = [(ids, total) for _, ids, total in chosen if (ids, total) not in over]
    return [sorted(some, key=lambda pair: -pair[1]) for some in ended]


def next_of(step: Stepper, first: int, ids: tuple[int, ...]) -> list[float]:
    state, said = start(1), torch.zeros(1, UNITS)
    for last in (first, *ids):
        said, state = step(torch.tensor([last]), state)
    return [float(value) for value in said[0]]


@pytest.mark.parametrize("diversity", [0.0, 0.7, 3.0, 1000.0])
@pytest.mark.parametrize(("width", "groups"), [(6, 3), (6, 2), (4, 4)])
def test_the_same_as_the_algorithm_written_out(width: int, groups: int, diversity: float) -> None:
    config = SearchConfig(length=5, beam=width, groups=groups, diversity=diversity, n=groups)
    step, first = stepper(bigrams(UNITS, seed=7)), torch.tensor([2, 5])
    found = beam(step, start(2), first, config, end=END)
    for prompt, hypotheses in zip(first.tolist(), found, strict=True):
        of_groups = written_out(step, prompt, config)
        turns = [one for rank in range(groups) for one in of_rank(of_groups, rank)]
        best = sorted(dict(turns[::-1]).items(), key=turns.index)[:groups]
        best.sort(key=lambda pair: -pair[1])
        assert [one.ids for one in hypotheses] == [ids for ids, _ in best]
        for one, (_, score) in zip(hypotheses, best, strict=True):
            assert one.score == pytest.approx(score, abs=1e-5)
            assert one.log_probability == pytest.approx(math.fsum(nats_of(step, prompt, one.ids)), abs=1e-5)


def of_rank(of_groups: list[list[Scored]], rank: int) -> list[Scored]:
    return sorted((some[rank] for some in of_groups if len(some) > rank), key=lambda pair: -pair[1])


def test_groups_that_do_not_avoid_each_other_find_the_same() -> None:
    step = stepper(bigrams(UNITS, seed=1))
    alone = beam(step, start(1), torch.tensor([2]), SearchConfig(length=6, beam=3, n=3), end=END)[0]
    config = SearchConfig(length=6, beam=9, groups=3, diversity=0.0, n=3)
    assert beam(step, start(1), torch.tensor([2]), config, end=END)[0] == alone


def test_groups_that_avoid_each_other_most_begin_differently() -> None:
    step = stepper(bigrams(UNITS, seed=2))
    config = SearchConfig(length=4, beam=4, groups=4, diversity=1e6, n=4)
    found = beam(step, start(1), torch.tensor([2]), config, end=END)[0]
    assert len({one.ids[0] for one in found}) == 4


def test_prompts_do_not_touch_each_other_and_stopping_early_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = 0
    inner = stepper(bigrams(UNITS, seed=4))

    def step(last: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
        nonlocal steps
        steps += 1
        return inner(last, state)

    config, first = SearchConfig(length=12, beam=4, groups=2, n=2), torch.tensor([2, 4, 5, 6])

    def all_of() -> list[list[Hypothesis]]:
        return beam(step, start(4), first, config, end=END)

    together = all_of()
    few, steps = steps, 0
    for place, found in enumerate(together):
        alone = beam(inner, start(1), first[place : place + 1], config, end=END)[0]
        assert [one.ids for one in alone] == [one.ids for one in found]
    monkeypatch.setattr("textladder.search.beam_search._Pools._done", lambda *_: False)
    assert all_of() == together
    assert few < steps, "the rule never applied: this test shows nothing"
