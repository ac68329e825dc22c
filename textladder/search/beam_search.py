"""Beam search with length normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from textladder.search.config import SearchConfig
from textladder.search.filters import penalised
from textladder.search.hypothesis import Hypothesis, length_norm
from textladder.search.sampling import barrier_of
from textladder.search.state import State, Stepper, select

Ended = Callable[[Sequence[int]], bool]
# What a step said [R, ...] and a number -> so many of the most probable units of each row, from the best
# down: their log-probabilities [R, C] and the units [R, C].
Top = Callable[[Tensor, int], tuple[Tensor, Tensor]]


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
) -> list[list[Hypothesis]]:
    """The best `config.n` hypotheses of each prompt, from the best down; fewer where no more were found.

    Each step keeps the `config.beam` most probable continuations of all hypotheses of a prompt; those that
    end are set aside and compared by their normalised score. A prompt is done when no hypothesis that goes on
    can come among its n best: a log-probability only falls and the norm only grows with length, so that
    log-probability / norm of the longest length bounds what it may reach. Stopping there loses nothing, and a
    prompt that is done costs nothing any more: only hypotheses that go on are rows of a step.

    state, last, end, banned, seen: as in `sample`. ended: told the units of a hypothesis, says whether it
    ends with them. lengths: the longest for each prompt, at most `config.length` (None: that for all).
    top: what chooses among what `step` says, which then need not be log-probabilities; `banned`, `seen` and
    `config.ignore_end` are not heeded.
    """
    prompts, width = len(last), config.beam
    longest = [config.length] * prompts if lengths is None else [min(n, config.length) for n in lengths]
    pools = _Pools(config, longest, end, ended)
    limits = torch.tensor(longest, device=last.device)
    before = None if config.repetition_penalty == 1 else seen
    barrier: Tensor | None = None
    # A row for each hypothesis that goes on, those of a prompt side by side; at first one without units.
    prompt = torch.arange(prompts, device=last.device)
    sums = torch.zeros(prompts, device=last.device)
    nats = sums.clone()  # the sums without penalties
    written = last.new_zeros(prompts, 0)
    for _ in range(max(longest, default=0)):
        said, state = step(last, state)
        # No more of a hypothesis than of its whole prompt can be kept: [R, C].
        if top is None:
            if barrier is None:
                barrier = barrier_of(said, end, banned, config)
            scores = said if before is None else penalised(said, before, config.repetition_penalty)
            more, units = (scores + barrier).topk(min(width, scores.shape[1]))
            own = said.gather(1, units)
        else:
            more, units = top(said, width)
            own = more
        sums, parents, column = _best(sums[:, None] + more, prompt, width)
        last = units[parents, column]
        prompt, nats = prompt[parents], nats[parents] + own[parents, column]
        written = torch.cat([written[parents], last[:, None]], 1)
        going = pools.set_aside(prompt, sums, nats, written, limits)
        if not len(going):
            break
        parents, last = parents[going], last[going]
        prompt, sums, nats, written = prompt[going], sums[going], nats[going], written[going]
        state = select(state, parents)
        if before is not None:
            before = before[parents].scatter_(1, last[:, None], True)
    return pools.best


def _best(scores: Tensor, prompt: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """The `width` highest of the scores [R, C] of each prompt, without -inf: (scores, rows, columns). prompt:
    [R] of each row, rising."""
    _, place, counts = torch.unique_consecutive(prompt, return_inverse=True, return_counts=True)
    firsts = counts.cumsum(0) - counts  # the first row of each prompt
    within = torch.arange(len(prompt), device=prompt.device) - firsts[place]
    most, columns = int(counts.max()), scores.shape[1]
    table = scores.new_full((len(counts), most, columns), -math.inf)
    table[place, within] = scores
    best, at = table.flatten(1).topk(min(width, most * columns))  # [prompts, K]
    found = best > -math.inf
    rows = firsts[:, None] + at // columns
    return best[found], rows[found], (at % columns)[found]


class _Pools:
    """The n best hypotheses of each prompt that have ended. longest: units of each prompt's, at most."""

    def __init__(self, config: SearchConfig, longest: Sequence[int], end: int, ended: Ended | None) -> None:
        self.config, self.longest, self.end, self.ended = config, longest, end, ended
        self.best: list[list[Hypothesis]] = [[] for _ in longest]

    def set_aside(
        self, prompt: Tensor, sums: Tensor, nats: Tensor, written: Tensor, limits: Tensor
    ) -> Tensor:
        """Take what ends of the rows of a step (written [R, length]); the numbers of those that go on, of
        prompts that are not done."""
        finished = written[:, -1] == self.end
        if self.ended is not None:
            said = [self.ended(ids) for ids in written.tolist()]
            finished |= torch.tensor(said, dtype=torch.bool, device=finished.device)
        over = finished | (limits[prompt] <= written.shape[1])
        taken = over.nonzero()[:, 0]
        parts = (part[taken].tolist() for part in (prompt, written, nats, sums, finished))
        for number, ids, own, total, whole in zip(*parts, strict=True):
            self._add(number, ids, own, total, whole)
        going = (~over).nonzero()[:, 0]
        best: dict[int, float] = {}
        for number, total in zip(prompt[going].tolist(), sums[going].tolist(), strict=True):
            best[number] = max(total, best.get(number, -math.inf))
        done = {number for number, total in best.items() if self._done(number, total)}
        if not done:
            return going
        kept = [number not in done for number in prompt[going].tolist()]
        return going[torch.tensor(kept, dtype=torch.bool, device=going.device)]

    def _add(self, prompt: int, ids: list[int], nats: float, total: float, finished: bool) -> None:
        score = total / length_norm(len(ids), self.config.length_penalty)
        pool = self.best[prompt]
        pool.append(Hypothesis(tuple(ids), nats, score, finished))
        pool.sort(key=lambda hypothesis: -hypothesis.score)
        del pool[self.config.n :]

    def _done(self, prompt: int, total: float) -> bool:
        """Whether no hypothesis that goes on, of log-probability `total` at best, can come among the best."""
        pool = self.best[prompt]
        bound = total / length_norm(self.longest[prompt], self.config.length_penalty)
        return len(pool) == self.config.n and bound <= pool[-1].score
