"""Searches for what begins with given units, coverage as a part of a score, and the tree of a search."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from tests.search.toys import END, bigrams, exhaustive, nats_of, start, stepper
from textladder.search import Coverage, SearchConfig, State, Tree, beam, drawn
from textladder.search.beam_search import length_norm

UNITS = 6
BANNED = (0, 1)


@pytest.mark.parametrize("penalty", [1.0, 1.7])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_best_of_all_texts_that_begin_so(groups: int, penalty: float) -> None:
    """One prompt begins with two units, one of which is banned elsewhere, one with one, one with none."""
    begins = [(5, 1), (4,), ()]
    forced = torch.tensor([[5, 1], [4, 0], [0, 0]])
    wide = 4 * 3**3 * groups
    config = SearchConfig(
        length=4, beam=wide, n=3, repetition_penalty=penalty, groups=groups,
        **({"diversity": 0.0} if groups > 1 else {}),
    )  # fmt: skip
    step, first = stepper(bigrams(UNITS, seed=1)), torch.tensor([2, 4, 5])
    seen = torch.zeros(3, UNITS, dtype=torch.bool).scatter(1, first[:, None], True)
    given = {"end": END, "seen": seen, "forced": forced}
    found = beam(step, start(3), first, config, **given, banned=torch.tensor(BANNED))
    for prompt, begin, hypotheses in zip(first.tolist(), begins, found, strict=True):
        allowed = tuple(unit for unit in BANNED if unit not in begin)
        every = exhaustive(step, prompt, UNITS, config, allowed)
        best = [
            (ids, score)
            for ids, score in every
            if ids[: len(begin)] == begin and not set(BANNED) & set(ids[len(begin) :])
        ][:3]
        assert [one.ids for one in hypotheses] == [ids for ids, _ in best]
        torch.testing.assert_close([one.score for one in hypotheses], [score for _, score in best])
        for one in hypotheses:
            assert one.log_probability == pytest.approx(sum(nats_of(step, prompt, one.ids)), abs=1e-5)


def test_what_is_drawn_begins_so_and_its_probability_counts_it() -> None:
    step, first = stepper(bigrams(UNITS, seed=3)), torch.tensor([2, 4])
    config, forced = SearchConfig(length=6, n=5, seed=1), torch.tensor([[5, 4, 4], [2, 0, 0]])
    given = {"end": END, "banned": torch.tensor([0]), "lengths": [6, 6], "forced": forced}
    found = drawn(step, start(2), first, config, **given)
    for prompt, begin, several in zip((2, 4), ((5, 4, 4), (2,)), found, strict=True):
        assert len({one.ids for one in several}) > 1
        for one in several:
            assert one.ids[: len(begin)] == begin
            assert one.log_probability == pytest.approx(sum(nats_of(step, prompt, one.ids)), abs=1e-5)


SOURCE = 3


def looking_stepper(table: Tensor):  # type: ignore[no-untyped-def]
    """The bigram model, which looks at unit (last + count) mod S of its source most."""
    step = stepper(table)

    def looking(last: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        at = (last + state[0]) % SOURCE
        said, state = step(last, state)
        return said, state, torch.eye(SOURCE)[at] * 0.7 + 0.1

    return looking


@pytest.mark.parametrize("weight", [0.3, 4.0])
def test_coverage_is_heeded_by_the_best_of_all_texts(weight: float) -> None:
    looking, first, length = looking_stepper(bigrams(UNITS, seed=1)), 2, 4
    cover = Coverage(looking, weight)
    config = SearchConfig(length=length, beam=4 * 3**3, n=5, coverage_penalty=weight)
    mask = torch.tensor([[True, True, False]])
    state = cover.start(start(1), mask)
    given = {"end": END, "banned": torch.tensor(BANNED), "added": cover.added}
    found = beam(cover.step, state, torch.tensor([first]), config, **given)[0]
    inner = [unit for unit in range(UNITS) if unit not in (*BANNED, END)]
    scored = {}
    for size in range(1, length + 1):
        for body in itertools.product(inner, repeat=size - 1):
            for unit in (END, *inner) if size == length else (END,):
                ids = (*body, unit)
                nats, covered, state = [], [0.0] * SOURCE, start(1)
                for last, now in zip((first, *body), ids, strict=True):
                    said, state, shares = looking(torch.tensor([last]), state)
                    nats.append(float(said[0, now]))
                    covered = [a + b for a, b in zip(covered, shares[0].tolist(), strict=True)]
                penalty = weight * sum(math.log(min(1.0, covered[place])) for place in (0, 1))
                scored[ids] = math.fsum(nats) / length_norm(size, 0.6) + penalty
    best = sorted(scored, key=lambda ids: -scored[ids])[:5]
    assert [one.ids for one in found] == best
    assert [one.score for one in found] == pytest.approx([scored[ids] for ids in best], abs=1e-5)
    plain = SearchConfig(length=length, beam=4 * 3**3, n=5)
    without = beam(cover.step, cover.start(start(1), mask), torch.tensor([first]), plain, end=END)[0]
    assert [one.ids for one in without] != best, "coverage changed nothing: this test shows nothing"


@pytest.mark.parametrize("forced", [None, torch.tensor([[4]])])
def test_the_tree_holds_every_step(forced: Tensor | None) -> None:
    step, tree, config = stepper(bigrams(UNITS, seed=1)), Tree(), SearchConfig(length=6, beam=3, n=2)
    first = torch.tensor([2])
    given = {"end": END, "banned": torch.tensor(BANNED), "forced": forced}
    found = beam(step, start(1), first, config, **given, tree=tree)[0]
    assert found == beam(step, start(1), first, config, **given)[0]
    for place in range(max(node.place for node in tree.nodes) + 1):
        level = [node for node in tree.nodes if node.place == place]
        stayed = sorted((node.total for node in level if node.fate != "pruned"), reverse=True)
        left = [node.total for node in level if node.fate == "pruned"]
        assert len(stayed) <= 3
        assert not left or stayed[-1] >= max(left)
    for number, node in enumerate(tree.nodes):
        before = tree.nodes[node.before] if node.before >= 0 else None
        assert node.before < number
        assert before is None or (before.fate == "kept" and before.place == node.place - 1)
        total = node.log_probability + (before.total if before else 0.0)
        assert node.total == pytest.approx(total, abs=1e-5)
    for one in found:
        path = tree.path(one)
        assert [tree.nodes[number].unit for number in path] == list(one.ids)
        assert tree.nodes[path[-1]].total == pytest.approx(one.log_probability, abs=1e-5)
        assert tree.nodes[path[-1]].fate == "over"
