"""What a search finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """A sequence of units."""

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
