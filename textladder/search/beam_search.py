"""Beam search with length normalisation, in one part or in groups that avoid each other's units."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import repeat

import torch
from torch import Tensor

from textladder.search.config import SearchConfig
from textladder.search.filters import penalised
from textladder.search.hypothesis import Hypothesis, length_norm
from textladder.search.sampling import NOTHING, barrier_of, forced_at
from textladder.search.state import State, Stepper, select
from textladder.search.tree import Tree

Ended = Callable[[Sequence[int]], bool]
# What a step said [R, ...] and a number -> so many of the most probable units of each row, from the best
# down: their log-probabilities [R, C] and the units [R, C].
Top = Callable[[Tensor, int], tuple[Tensor, Tensor]]
# The state after a step -> what is added to the score of a hypothesis that ends there [R], at most 0.
Added = Callable[[State], Tensor]
# The best of each prompt.
Found = Callable[[list[list[Hypothesis]]], None]
Candidates = tuple[
    Tensor, Tensor, Tensor
]  # scores [R, C] of units [R, C], and their log-probabilities [R, C]


@torch.inference_mode()
def beam(
    step: Stepper,
    state: State,
    last: Tensor,
    config: SearchConfig,
    *,
    end: int,
    banned: Tensor | None = None,
    seen: Tensor | None = None,
    ended: Ended | None = None,
    lengths: Sequence[int] | None = None,
    top: Top | None = None,
    forced: Tensor | None = None,
    added: Added | None = None,
    tree: Tree | None = None,
    interrupted: Found | None = None,
) -> list[list[Hypothesis]]:
    """The best `config.n` hypotheses of each prompt, from the best down; fewer where no more were found.

    Each step keeps the `config.beam` most probable continuations of all hypotheses of a prompt; those that
    end are set aside and compared by their normalised score. A prompt is done when no hypothesis that goes on
    can come among its n best: a log-probability only falls and the norm only grows with length, so that
    log-probability / norm of the longest length bounds what it may reach. Stopping there loses nothing, and a
    prompt that is done costs nothing any more: only hypotheses that go on are rows of a step.

    With `config.groups` each group is such a search with its share of the beam, but for what it chooses by: a
    unit loses `config.diversity` for each hypothesis of an earlier group that has it at the same place
    (Vijayakumar et al. 2016, https://arxiv.org/abs/1610.02424, algorithm 1 with Hamming diversity). Scores
    are without that. The n best are taken from the groups in turn, a text that several have found once.

    state, last, end, banned, seen, forced: as in `sample`. ended: told the units of a hypothesis, says
    whether it ends with them. lengths: the longest for each prompt, at most `config.length` (None: that for
    all), and longer than what is forced. top: what chooses among what `step` says, which then
    need not be log-probabilities; `banned`, `seen`, `forced` and `config.ignore_end` are not heeded. added:
    see Added; it bounds nothing, being at most 0. tree: gets what is kept and given up, of one prompt.
    interrupted: told, at a KeyboardInterrupt, what would be returned if the search ended there: hypotheses
    that have ended and, where those are fewer than n, the best of those that have not.
    """
    groups, device = config.groups, last.device
    width = config.beam // groups
    longest = [config.length] * len(last) if lengths is None else [min(n, config.length) for n in lengths]
    pools = _Pools(config, longest, end, ended)
    chooser = _Chooser(config, end, banned, None if config.repetition_penalty == 1 else seen, top)
    # A row for each hypothesis that goes on, those of a prompt and of a group of it side by side; at first
    # one without units. place: prompt * groups + group of each row.
    place = torch.arange(len(longest) * groups, device=device)
    if groups > 1:
        state, last = select(state, place // groups), last[place // groups]
        chooser.keep(place // groups, None)
    sums = torch.zeros(len(place), device=device)
    nats = sums.clone()  # the sums without penalties
    written = last.new_zeros(len(place), 0)
    begun = place, sums, nats, written  # after the last whole step
    try:
        for number in range(max(longest, default=0)):
            said, state = step(last, state)
            must = None if forced is None else forced_at(forced, number, place // groups)
            more, units, own = chooser.candidates(said, must)
            totals = sums[:, None] + more
            if groups == 1:
                parents, column = _best(totals, place, width)
            else:
                parents, column = _diverse(totals, units, place, config)
            last = units[parents, column]
            place, nats, sums = place[parents], nats[parents] + own[parents, column], totals[parents, column]
            written = torch.cat([written[parents], last[:, None]], 1)
            more_score = None if added is None else added(state)[parents]
            going = pools.set_aside(place, sums, nats, written, more_score)
            if tree is not None:
                tree.grow((units, more, totals), (parents, column), going)
            if not len(going):
                break
            parents, last = parents[going], last[going]
            place, sums, nats, written = place[going], sums[going], nats[going], written[going]
            begun = place, sums, nats, written
            state = select(state, parents)
            chooser.keep(parents, last)
    except KeyboardInterrupt:
        if interrupted is not None:
            pools.fill(*begun)
            interrupted(pools.found())
        raise
    return pools.found()


class _Chooser:
    """The best units of each row. before: which units each has [R, V]; None: it does not matter."""

    def __init__(
        self, config: SearchConfig, end: int, banned: Tensor | None, before: Tensor | None, top: Top | None
    ) -> None:
        self.config, self.end, self.banned, self.before, self.top = config, end, banned, before, top
        self.barrier: Tensor | None = None

    def candidates(self, said: Tensor, forced: Tensor | None) -> Candidates:
        """No more of a hypothesis than of its whole prompt can be kept. (Of a group neither: earlier groups
        have chosen at most beam - width units, so that its own `width` are among the first `beam`.)"""
        if self.top is not None:
            more, units = self.top(said, self.config.beam)
            return more, units, more
        if self.barrier is None:
            self.barrier = barrier_of(said, self.end, self.banned, self.config)
        penalty = self.config.repetition_penalty
        scores = said if self.before is None else penalised(said, self.before, penalty)
        more, units = (scores + self.barrier).topk(min(self.config.beam, scores.shape[1]))
        if forced is not None:
            there = forced != NOTHING
            first = torch.where(there, forced, units[:, 0])
            units = torch.cat([first[:, None], units[:, 1:]], 1)
            more = more.masked_fill(there[:, None], -math.inf)
            more[there, 0] = scores[there, forced[there]]
        return more, units, said.gather(1, units)

    def keep(self, parents: Tensor, last: Tensor | None) -> None:
        """The rows that go on, and what each has written."""
        if self.before is not None:
            self.before = self.before[parents]
            if last is not None:
                self.before.scatter_(1, last[:, None], True)


def _best(scores: Tensor, prompt: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The `width` highest of the scores [R, C] of each prompt, without -inf: (rows, columns). prompt: [R] of
    each row, rising."""
    _, place, counts = torch.unique_consecutive(prompt, return_inverse=True, return_counts=True)
    firsts = counts.cumsum(0) - counts  # the first row of each prompt
    within = torch.arange(len(prompt), device=prompt.device) - firsts[place]
    most, columns = int(counts.max()), scores.shape[1]
    table = scores.new_full((len(counts), most, columns), -math.inf)
    table[place, within] = scores
    best, at = table.flatten(1).topk(min(width, most * columns))  # [prompts, K]
    found = best > -math.inf
    rows = firsts[:, None] + at // columns
    return rows[found], (at % columns)[found]


def _diverse(scores: Tensor, units: Tensor, place: Tensor, config: SearchConfig) -> tuple[Tensor, Tensor]:
    """The same for each group, one after the other, with scores that fall by what earlier groups of the
    prompt have chosen. place: [R], rising."""
    width, prompt, group = config.beam // config.groups, place // config.groups, place % config.groups
    taken = units.new_full((int(prompt[-1]) + 1, config.beam), -1)
    found = []
    for number in range(config.groups):
        rows = (group == number).nonzero()[:, 0]
        if not len(rows):
            continue
        mine = prompt[rows]
        times = (units[rows][:, :, None] == taken[mine][:, None]).sum(-1)
        chosen, column = _best(scores[rows] - config.diversity * times, mine, width)
        parents = rows[chosen]
        _, inverse, counts = torch.unique_consecutive(
            prompt[parents], return_inverse=True, return_counts=True
        )
        rank = torch.arange(len(parents), device=rows.device) - (counts.cumsum(0) - counts)[inverse]
        taken[prompt[parents], number * width + rank] = units[parents, column]
        found.append((parents, column))
    parents, column = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = place[parents].argsort(stable=True)
    return parents[order], column[order]


class _Pools:
    """The n best hypotheses that have ended, of each group of each prompt. longest: units of each prompt's,
    at most."""

    def __init__(self, config: SearchConfig, longest: Sequence[int], end: int, ended: Ended | None) -> None:
        self.config, self.longest, self.end, self.ended = config, longest, end, ended
        self.limits = torch.tensor(longest).repeat_interleave(config.groups)
        self.best: list[list[Hypothesis]] = [[] for _ in longest for _ in range(config.groups)]

    def set_aside(
        self, place: Tensor, sums: Tensor, nats: Tensor, written: Tensor, added: Tensor | None
    ) -> Tensor:
        """Take what ends of the rows of a step (written [R, length]); the numbers of those that go on, of
        prompts that are not done."""
        finished = written[:, -1] == self.end
        if self.ended is not None:
            said = [self.ended(ids) for ids in written.tolist()]
            finished |= torch.tensor(said, dtype=torch.bool, device=finished.device)
        over = finished | (self.limits.to(place.device)[place] <= written.shape[1])
        taken = over.nonzero()[:, 0]
        parts = (part[taken].tolist() for part in (place, written, nats, sums, finished))
        more = repeat(0.0, len(taken)) if added is None else added[taken].tolist()
        for number, ids, own, total, whole, add in zip(*parts, more, strict=True):
            score = total / length_norm(len(ids), self.config.length_penalty) + add
            self._add(number, Hypothesis(tuple(ids), own, score, whole))
        going = (~over).nonzero()[:, 0]
        numbers, best = place[going].tolist(), dict[int, float]()
        for number, total in zip(numbers, sums[going].tolist(), strict=True):
            best[number] = max(total, best.get(number, -math.inf))
        # A group that is done goes on beside the others of its prompt, which avoid what it has.
        groups = self.config.groups
        unfinished = {number // groups for number, total in best.items() if not self._done(number, total)}
        kept = [number // groups in unfinished for number in numbers]
        if all(kept):
            return going
        return going[torch.tensor(kept, dtype=torch.bool, device=going.device)]

    def _add(self, number: int, found: Hypothesis) -> None:
        pool = self.best[number]
        pool.append(found)
        pool.sort(key=lambda hypothesis: -hypothesis.score)
        del pool[self.config.n :]

    def fill(self, place: Tensor, sums: Tensor, nats: Tensor, written: Tensor) -> None:
        """Take also hypotheses that have not ended, the best first, where there is room."""
        norm = length_norm(written.shape[1], self.config.length_penalty)
        order = sums.argsort(descending=True)
        parts = (part[order].tolist() for part in (place, written, nats, sums))
        for number, ids, own, total in zip(*parts, strict=True):
            if ids and len(self.best[number]) < self.config.n:
                self.best[number].append(Hypothesis(tuple(ids), own, total / norm, False))

    def _done(self, number: int, total: float) -> bool:
        """Whether no hypothesis that goes on, of log-probability `total` at best, can come among the best."""
        pool = self.best[number]
        longest = self.longest[number // self.config.groups]
        bound = total / length_norm(longest, self.config.length_penalty)
        return len(pool) == self.config.n and bound <= pool[-1].score

    def found(self) -> list[list[Hypothesis]]:
        """The best of each prompt: of groups first the best of each, then the second, each text once."""
        groups, n = self.config.groups, self.config.n
        if groups == 1:
            return self.best
        made = []
        for start in range(0, len(self.best), groups):
            pools = self.best[start : start + groups]
            ranked = [(rank, -one.score, one) for pool in pools for rank, one in enumerate(pool)]
            ranked.sort(key=lambda three: three[:2])
            once: dict[tuple[int, ...], Hypothesis] = {}
            for _, _, one in ranked:
                once.setdefault(one.ids, one)
            made.append(sorted(list(once.values())[:n], key=lambda one: -one.score))
        return made
