"""Units drawn one after the other, or the most probable each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from textladder.search.config import SearchConfig
from textladder.search.filters import narrowed, penalised
from textladder.search.state import State, Stepper, select

NOTHING = 0  # the id of <pad>: what a row says that has ended
DRAWS = 256  # random numbers made at a time


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
    ended: Callable[[Tensor], Tensor] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Unit by unit: ids [B * n] and what the model gave for each, log-probabilities [B * n] in nats (before
    any filter). Row b * n + i is text i of prompt b; a row that has ended says NOTHING, at 0 nats.

    state, last: after all units of the prompts but the last, and the last, of each [B]. end: a row ends with
    this unit. banned: ids that are never chosen [any]. seen: which units each prompt has [B, V], for the
    repetition penalty. ended: is told the ids [B * n] before they are given out, and says which rows end with
    them [B * n].

    Text i of a prompt depends on the seed and i alone, not on the other prompts beside it (but for rounding:
    a product of many rows may differ from that of one in its last bit).
    """
    rows = torch.arange(len(last), device=last.device).repeat_interleave(config.n)
    state, last = select(state, rows), last[rows]
    total = len(rows)
    live = torch.arange(total, device=last.device)  # the rows that go on
    chance = _Chance(config, total) if config.draws else None
    penalty = config.repetition_penalty
    before = None if penalty == 1 or seen is None else seen[rows]
    never = never_chosen(end, banned, config, last.device)
    for number in range(config.length):
        log_probs, state = step(last, state)  # [B * n, V]
        scores = log_probs if before is None else penalised(log_probs, before, penalty)
        if never is not None:
            scores = scores.index_fill(1, never, -torch.inf)
        last = scores.argmax(-1) if chance is None else _drawn(scores, config, chance(number, live))
        nats = log_probs.gather(1, last[:, None])[:, 0]
        if before is not None:
            before.scatter_(1, last[:, None], True)
        ids = last
        if len(live) < total:
            ids = last.new_full((total,), NOTHING).index_copy_(0, live, last)
            nats = nats.new_zeros(total).index_copy_(0, live, nats)
        over = last == end
        if ended is not None:
            over |= ended(ids)[live]
        yield ids, nats
        if not bool(over.any()):
            continue
        (kept,) = torch.where(~over)
        if not len(kept):
            return
        state, last, live = select(state, kept), last[kept], live[kept]
        before = None if before is None else before[kept]


def never_chosen(
    end: int, banned: Tensor | None, config: SearchConfig, device: torch.device
) -> Tensor | None:
    """The ids that are never chosen; None for none."""
    ids = [] if banned is None else banned.tolist()
    if config.ignore_end:
        ids.append(end)
    return torch.tensor(ids, device=device) if ids else None


def _drawn(scores: Tensor, config: SearchConfig, chance: Tensor) -> Tensor:
    """One unit for each row of scores [B, V], by the random numbers [B]: the first whose probability, added
    to that of all before it, is above its row's number."""
    scores, ids = narrowed(scores, config)
    sums = scores.softmax(-1).cumsum(-1, dtype=chance.dtype)  # [B, C]
    column = torch.searchsorted(sums, chance[:, None] * sums[:, -1:], right=True)
    return (column if ids is None else ids.gather(1, column))[:, 0]


class _Chance:
    """A random number from 0 to below 1 for each unit of each row."""

    def __init__(self, config: SearchConfig, total: int) -> None:
        self.length = config.length
        self.sources = [np.random.default_rng([config.seed or 0, row % config.n]) for row in range(total)]
        if config.seed is None:
            self.sources = [np.random.default_rng() for _ in range(total)]
        self.made = torch.empty(0)

    def __call__(self, number: int, live: Tensor) -> Tensor:
        """[rows that are live] for unit `number`; called for each number once, in order."""
        if number % DRAWS == 0:
            some = min(DRAWS, self.length - number)
            drawn: NDArray[np.float64] = np.stack([source.random(some) for source in self.sources])
            # Below 1 by so much that rounding cannot reach the last sum, where no unit would be found.
            self.made = torch.from_numpy(np.minimum(drawn, 1 - 2.0**-50).T.copy()).to(live.device)
        return self.made[number % DRAWS][live]
