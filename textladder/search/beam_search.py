"""Beam search with length normalisation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from textladder.search.config import SearchConfig
from textladder.search.filters import penalised
from textladder.search.sampling import barrier_of
from textladder.search.state import State, Stepper, select

Ended = Callable[[Sequence[int]], bool]


@dataclass(frozen=True)
class Hypothesis:
    """A sequence of units that a beam search found."""

    ids: tuple[int, ...]  # with the end unit, if it ended with that
    log_probability: float  # what the model gives for all of them, in nats
    score: (
        float  # what hypotheses are compared by: log-probability with penalties, divided by the length norm
    )
    finished: bool  # False: it was cut at the longest length


def length_norm(length: int, alpha: float) -> float:
    """What the log-probability of so many units is divided by. Wu et al. 2016,
    https://arxiv.org/abs/1609.08144, equation 14."""
    return ((5 + length) / 6) ** alpha


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
) -> list[list[Hypothesis]]:
    """The best `config.n` hypotheses of each prompt, from the best down; fewer where no more were found.

    Each step keeps the `config.beam` most probable continuations of all hypotheses of a prompt; those that
    end are set aside and compared by their normalised score. A prompt is done when no hypothesis that goes on
    can come among its n best: a log-probability only falls and the norm only grows with length, so that
    log-probability / norm of the longest length bounds what it may reach. Stopping there loses nothing.

    state, last, end, banned, seen: as in `sample`. ended: told the units of a hypothesis, says whether it
    ends with them.
    """
    prompts, width = len(last), config.beam
    rows = torch.arange(prompts, device=last.device).repeat_interleave(width)
    first = torch.arange(prompts, device=last.device)[:, None] * width  # the first row of each prompt
    state, last = select(state, rows), last[rows]
    before = None if config.repetition_penalty == 1 or seen is None else seen[rows]
    barrier: Tensor | None = None
    # One hypothesis of no units each; the other rows are empty (-inf).
    sums = torch.full((prompts, width), -math.inf, device=last.device)
    sums[:, 0] = 0
    nats = torch.zeros(len(rows), device=last.device)  # the sums without penalties
    written = last.new_zeros(len(rows), config.length)
    pools = _Pools(config, prompts, end, ended)
    for length in range(1, config.length + 1):
        log_probs, state = step(last, state)  # [B * K, V]
        if barrier is None:
            barrier = barrier_of(log_probs, end, banned, config)
        scores = log_probs if before is None else penalised(log_probs, before, config.repetition_penalty)
        units = scores.shape[1]
        sums, place = (sums.view(-1, 1) + scores + barrier).view(prompts, -1).topk(width)  # [B, K]
        parents, last = (first + place // units).flatten(), (place % units).flatten()
        nats = nats[parents] + log_probs[parents, last]
        written = written[parents]
        written[:, length - 1] = last
        sums = pools.set_aside(sums, nats, written[:, :length])
        if bool((sums == -math.inf).all()):
            break
        state = select(state, parents)
        if before is not None:
            before = before[parents].scatter_(1, last[:, None], True)
    return pools.best


class _Pools:
    """The n best hypotheses of each prompt that have ended."""

    def __init__(self, config: SearchConfig, prompts: int, end: int, ended: Ended | None) -> None:
        self.config, self.end, self.ended = config, end, ended
        self.best: list[list[Hypothesis]] = [[] for _ in range(prompts)]

    def set_aside(self, sums: Tensor, nats: Tensor, written: Tensor) -> Tensor:
        """Take what ends: sums [B, K], nats [B * K], written [B * K, length]. Gives the sums of those that go
        on, -inf for what was taken, for empty rows, and for prompts that are done."""
        width, length = sums.shape[1], written.shape[1]
        sums = sums.clone()
        for prompt, place in (sums > -math.inf).nonzero().tolist():
            row = prompt * width + place
            ids = written[row].tolist()
            finished = ids[-1] == self.end or (self.ended is not None and self.ended(ids))
            if finished or length == self.config.length:
                self._add(prompt, ids, float(nats[row]), float(sums[prompt, place]), finished)
                sums[prompt, place] = -math.inf
        for prompt, best in enumerate(sums.amax(-1).tolist()):
            if self._done(prompt, best):
                sums[prompt] = -math.inf
        return sums

    def _add(self, prompt: int, ids: list[int], nats: float, total: float, finished: bool) -> None:
        score = total / length_norm(len(ids), self.config.length_penalty)
        pool = self.best[prompt]
        pool.append(Hypothesis(tuple(ids), nats, score, finished))
        pool.sort(key=lambda hypothesis: -hypothesis.score)
        del pool[self.config.n :]

    def _done(self, prompt: int, total: float) -> bool:
        """Whether no hypothesis that goes on, of log-probability `total` at best, can come among the best."""
        pool = self.best[prompt]
        bound = total / length_norm(self.config.length, self.config.length_penalty)
        return len(pool) == self.config.n and bound <= pool[-1].score
