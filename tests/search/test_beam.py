"""Beam search against a search through all texts, and against greedy."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.search.toys import END, bigrams, exhaustive, nats_of, start, stepper
from textladder.search import Hypothesis, SearchConfig, State, beam, sample

UNITS = 6
BANNED = (0, 1)


def seen_of(first: Tensor) -> Tensor:
    return torch.zeros(len(first), UNITS, dtype=torch.bool).scatter(1, first[:, None], True)


@pytest.mark.parametrize("penalty", [1.0, 1.7])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.5])
def test_full_width_finds_the_best_of_all_texts(alpha: float, penalty: float) -> None:
    """4 units may be written, one of them the end: 4 * 3^3 continuations at most, all kept; two prompts."""
    config = SearchConfig(length=4, beam=4 * 3**3, n=7, length_penalty=alpha, repetition_penalty=penalty)
    step = stepper(bigrams(UNITS, seed=1))
    first = torch.tensor([2, 4])
    found = beam(step, start(2), first, config, end=END, banned=torch.tensor(BANNED), seen=seen_of(first))
    for prompt, hypotheses in zip(first.tolist(), found, strict=True):
        best = exhaustive(step, prompt, UNITS, config, BANNED)[:7]
        assert [one.ids for one in hypotheses] == [ids for ids, _ in best]
        torch.testing.assert_close([one.score for one in hypotheses], [score for _, score in best])
        for one in hypotheses:
            assert one.log_probability == pytest.approx(sum(nats_of(step, prompt, one.ids)), abs=1e-5)
            assert one.finished == (one.ids[-1] == END)


def test_stopping_early_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rule for stopping taken away the same hypotheses come out, after more steps."""
    steps = 0

    def found(seed: int, alpha: float) -> list[Hypothesis]:
        inner = stepper(bigrams(UNITS, seed=seed))

        def step(last: Tensor, state: State) -> tuple[Tensor, State]:
            nonlocal steps
            steps += 1
            return inner(last, state)

        config = SearchConfig(length=12, beam=3, n=2, length_penalty=alpha)
        return beam(step, start(1), torch.tensor([2]), config, end=END)[0]

    cases = [(seed, alpha) for seed in range(10) for alpha in (0.0, 0.6, 1.0)]
    early = [found(*case) for case in cases]
    few, steps = steps, 0
    monkeypatch.setattr("textladder.search.beam_search._Pools._done", lambda *_: False)
    assert early == [found(*case) for case in cases]
    assert few < steps, "the rule never applied: this test shows nothing"


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("penalty", [1.0, 2.0])
def test_a_beam_of_one_is_greedy(seed: int, penalty: float) -> None:
    step = stepper(bigrams(UNITS, seed=seed))
    first = torch.tensor([2])
    options = {"length": 9, "repetition_penalty": penalty}
    given = {"end": END, "banned": torch.tensor(BANNED), "seen": seen_of(first)}
    ((one,),) = beam(step, start(1), first, SearchConfig(**options), **given)
    drawn = list(sample(step, start(1), first, SearchConfig(temperature=0, **options), **given))
    assert list(one.ids) == [ids[0] for ids, _ in drawn]
    assert one.log_probability == pytest.approx(sum(nats[0] for _, nats in drawn), abs=1e-5)


def test_prompts_do_not_touch_each_other() -> None:
    step, config = stepper(bigrams(UNITS, seed=3)), SearchConfig(length=8, beam=3, n=3)
    first = torch.tensor([2, 4, 5])
    together = beam(step, start(3), first, config, end=END)
    alone = [beam(step, start(1), first[i : i + 1], config, end=END)[0] for i in range(3)]
    assert [[one.ids for one in some] for some in together] == [[one.ids for one in some] for some in alone]


def test_a_wider_beam_is_no_worse_here() -> None:
    step, best = stepper(bigrams(UNITS, seed=5)), []
    for width in (2, 4, 64):
        config = SearchConfig(length=5, beam=width, length_penalty=0.0)
        best.append(beam(step, start(1), torch.tensor([2]), config, end=END)[0][0].score)
    assert best == sorted(best)


def test_hypotheses_end_where_they_are_told_to() -> None:
    step = stepper(bigrams(UNITS, seed=2))
    config = SearchConfig(length=6, beam=4, n=4, ignore_end=True)
    found = beam(step, start(1), torch.tensor([2]), config, end=END, ended=lambda ids: ids[-1] == 5)[0]
    assert any(one.finished for one in found)
    for one in found:
        assert END not in one.ids
        assert 5 not in one.ids[:-1]
        assert one.finished == (one.ids[-1] == 5)
        assert one.finished or len(one.ids) == 6


def test_each_prompt_has_its_own_longest_length_and_leaves_when_it_is_done() -> None:
    inner, rows = stepper(bigrams(UNITS, seed=4)), []

    def step(last: Tensor, state: State) -> tuple[Tensor, State]:
        rows.append(len(last))
        return inner(last, state)

    config, first = SearchConfig(length=9, beam=2, n=2), torch.tensor([2, 4, 5])
    found = beam(step, start(3), first, config, end=END, lengths=[2, 9, 20])
    assert max(rows) <= 6
    assert rows[2] <= 4, "the first prompt is done after two steps"
    for place, longest in enumerate((2, 9, 9)):
        alone = beam(
            inner, start(1), first[place : place + 1], SearchConfig(length=longest, beam=2, n=2), end=END
        )
        assert [one.ids for one in found[place]] == [one.ids for one in alone[0]]
        assert all(len(one.ids) <= longest for one in found[place])
