"""Units drawn one after the other, or the most probable each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textladder.search.config import SearchConfig
from textladder.search.filters import narrowed, penalised
from textladder.search.hypothesis import Hypothesis
from textladder.search.state import State, Stepper, select

NOTHING = 0  # the id of <pad>: what a row says that has ended
DRAWS = 256  # random numbers made at a time
Number = TypeVar("Number", int, float)


@torch.inference_mode()
def sample(
    step: Stepper,
    state: State,
    last: Tensor,
    config: SearchConfig,
    *,
    end: int,
    banned: Tensor | None = None,
    seen: Tensor | None = None,
    ended: Callable[[list[int]], Sequence[bool]] | None = None,
    forced: Tensor | None = None,
) -> Iterator[tuple[list[int], list[float]]]:
    """Unit by unit: ids [B * n] and what the model gave for each, log-probabilities [B * n] in nats (before
    any filter). Row b * n + i is text i of prompt b; a row that has ended says NOTHING, at 0 nats.

    state, last: after all units of the prompts but the last, and the last, of each [B]. end: a row ends with
    this unit. banned: ids that are never chosen [any]. seen: which units each prompt has [B, V], for the
    repetition penalty. ended: is told the ids [B * n] before they are given out, and says which rows end with
    them [B * n]. forced: the units that each prompt's texts begin with [B, P], with NOTHING behind fewer.

    Text i of a prompt depends on the seed and i alone, not on the other prompts beside it (but for rounding:
    a product of many rows may differ from that of one in its last bit).
    """
    rows = torch.arange(len(last), device=last.device).repeat_interleave(config.n)
    state, last = select(state, rows), last[rows]
    total = len(rows)
    live = torch.arange(total, device=last.device)  # the rows that go on
    places = live.tolist()  # the same
    chance = _Chance(config, total) if config.draws else None
    penalty = config.repetition_penalty
    before = None if penalty == 1 or seen is None else seen[rows]
    barrier: Tensor | None = None
    for number in range(config.length):
        log_probs, state = step(last, state)  # [B * n, V]
        if barrier is None:
            barrier = barrier_of(log_probs, end, banned, config)
        scores = log_probs if before is None else penalised(log_probs, before, penalty)
        scores = scores + barrier
        last = scores.argmax(-1) if chance is None else _drawn(scores, config, chance(number, live))
        must = None if forced is None else forced_at(forced, number, rows[live])
        if must is not None:
            last = torch.where(must == NOTHING, last, must)
        chosen = last[:, None]
        if before is not None:
            before.scatter_(1, chosen, True)
        # Plain numbers from here on: of a few rows they cost less than operations of torch.
        ids, nats = last.tolist(), log_probs.gather(1, chosen).flatten().tolist()
        over = [unit == end for unit in ids]
        if len(places) < total:
            ids, nats = _spread(ids, places, total, NOTHING), _spread(nats, places, total, 0.0)
        if ended is not None:
            told = ended(ids)
            over = [now or told[place] for now, place in zip(over, places, strict=True)]
        yield ids, nats
        if True not in over:
            continue
        going = [row for row, now in enumerate(over) if not now]
        if not going:
            return
        kept = torch.tensor(going, device=last.device)
        state, last, live = select(state, kept), last[kept], live[kept]
        places = live.tolist()
        before = None if before is None else before[kept]


def drawn(
    step: Stepper,
    state: State,
    last: Tensor,
    config: SearchConfig,
    *,
    end: int,
    lengths: Sequence[int],
    banned: Tensor | None = None,
    seen: Tensor | None = None,
    forced: Tensor | None = None,
) -> list[list[Hypothesis]]:
    """`sample` to the end: `config.n` sequences of each prompt, in the order in which they were drawn; their
    score is their log-probability. lengths: the longest for each prompt, at most `config.length`. banned:
    holds NOTHING, which else could not be told from a unit."""
    longest = [min(length, config.length) for length in lengths for _ in range(config.n)]
    written: list[list[int]] = [[] for _ in longest]
    nats = [0.0] * len(longest)

    def ended(ids: list[int]) -> list[bool]:
        return [number >= most for most in longest]

    config = replace(config, length=max(longest))
    number = 1  # of the unit that comes next
    given: dict[str, Any] = {"end": end, "banned": banned, "seen": seen, "ended": ended, "forced": forced}
    units = sample(step, state, last, config, **given)
    for ids, said in units:
        number += 1
        nats = [total + more for total, more in zip(nats, said, strict=True)]
        for row, unit in zip(written, ids, strict=True):
            if unit != NOTHING:
                row.append(unit)
    made = [
        Hypothesis(tuple(row), total, total, row[-1] == end) for row, total in zip(written, nats, strict=True)
    ]
    return [made[start : start + config.n] for start in range(0, len(made), config.n)]


def _spread(values: list[Number], places: list[int], total: int, nothing: Number) -> list[Number]:
    """A value for each of all rows: those of the rows at `places`, and `nothing`."""
    row = [nothing] * total
    for place, value in zip(places, values, strict=True):
        row[place] = value
    return row


def barrier_of(log_probs: Tensor, end: int, banned: Tensor | None, config: SearchConfig) -> Tensor:
    """[V] what is added to log-probabilities: -inf for units that are never chosen, 0 for all others."""
    barrier = torch.zeros_like(log_probs[0])
    if banned is not None:
        barrier[banned.to(barrier.device)] = -torch.inf
    if config.ignore_end:
        barrier[end] = -torch.inf
    return barrier


def forced_at(forced: Tensor, number: int, prompt: Tensor) -> Tensor | None:
    """[R] the unit that each row must have at place `number`, NOTHING where it may choose; None: all may.
    forced: [prompts, P]; prompt: [R] of each row."""
    return forced[prompt, number] if number < forced.shape[1] else None


def _drawn(scores: Tensor, config: SearchConfig, chance: Tensor) -> Tensor:
    """One unit for each row of scores [B, V], by the random numbers [B, 1]: the first whose probability,
    added to that of all before it, is above its row's number."""
    scores, ids = narrowed(scores, config)
    sums = scores.softmax(-1).cumsum(-1, dtype=chance.dtype)  # [B, C]
    column = torch.searchsorted(sums, chance * sums[:, -1:], right=True)  # [B, 1]
    return (column if ids is None else ids.gather(1, column))[:, 0]


class _Chance:
    """A random number from 0 to below 1 for each unit of each row."""

    def __init__(self, config: SearchConfig, total: int) -> None:
        self.length = config.length
        self.sources = [np.random.default_rng([config.seed or 0, row % config.n]) for row in range(total)]
        if config.seed is None:
            self.sources = [np.random.default_rng() for _ in range(total)]
        self.made: tuple[Tensor, ...] = ()

    def __call__(self, number: int, live: Tensor) -> Tensor:
        """[rows that are live, 1] for unit `number`; called for each number once, in order."""
        if number % DRAWS == 0:
            some = min(DRAWS, self.length - number)
            drawn: NDArray[np.float64] = np.stack([source.random(some) for source in self.sources], 1)
            # Below 1 by so much that rounding cannot reach the last sum, where no unit would be found.
            drawn = np.minimum(drawn, 1 - 2.0**-50)[..., None]
            self.made = torch.from_numpy(drawn).to(live.device).unbind(0)
        chance = self.made[number % DRAWS]
        return chance if len(live) == len(chance) else chance[live]
