"""Models of a few units, small enough to be searched through."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from textladder.search import SearchConfig, Stepper
from textladder.search.beam_search import length_norm

END = 3


def bigrams(units: int, seed: int = 0, spread: float = 2.0) -> Tensor:
    """[V, V] log-probabilities of each unit after each."""
    draw = torch.Generator().manual_seed(seed)
    return (torch.randn(units, units, generator=draw) * spread).log_softmax(-1)


def stepper(table: Tensor) -> Stepper:
    """The bigram model of a table, which counts the units that each row has read: its state is (counts [B],
    sums of ids [B]). The counts turn the table, so that a row with another's state would say other units."""

    def step(last: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        counts, sums = state
        turned = (
            table[last] + 0.3 * torch.sin((sums + last)[:, None] * (1 + torch.arange(len(table))))
        ).log_softmax(-1)
        return turned, (counts + 1, sums + last)

    return step


def start(rows: int) -> tuple[Tensor, Tensor]:
    return torch.zeros(rows, dtype=torch.long), torch.zeros(rows, dtype=torch.long)


def nats_of(step: Stepper, first: int, ids: tuple[int, ...]) -> list[float]:
    """What the model gives for each of these units after `first`."""
    state, last, said = start(1), torch.tensor([first]), []
    for unit in ids:
        log_probs, state = step(last, state)
        said.append(float(log_probs[0, unit]))
        last = torch.tensor([unit])
    return said


def exhaustive(
    step: Stepper, first: int, units: int, config: SearchConfig, banned: tuple[int, ...] = ()
) -> list[tuple[tuple[int, ...], float]]:
    """All texts up to the longest length with their scores, from the best down."""
    allowed = [unit for unit in range(units) if unit not in banned]
    inner = [unit for unit in allowed if unit != END]
    texts: list[tuple[int, ...]] = []
    for length in range(1, config.length + 1):
        last = allowed if length == config.length else [END]
        texts += [(*body, unit) for body in itertools.product(inner, repeat=length - 1) for unit in last]
    scored = []
    for text in texts:
        nats = nats_of(step, first, text)
        seen = {first}
        for place, unit in enumerate(text):
            if unit in seen:
                nats[place] *= config.repetition_penalty
            seen.add(unit)
        scored.append((text, math.fsum(nats) / length_norm(len(text), config.length_penalty)))
    return sorted(scored, key=lambda one: -one[1])
