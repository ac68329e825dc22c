"""Which units may be chosen next. Scores are log-probabilities; a unit that may not be chosen has -inf."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from textladder.search.config import SearchConfig

COLD = 1e-3  # below this temperature, scores may become too large for a float32


def penalised(scores: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Scores [B, V] with those of units that were seen [B, V] multiplied by `penalty`: they are negative, so
    above 1 they sink. Keskar et al. 2019, https://arxiv.org/abs/1909.05858, section 4.1; here of
    log-probabilities, which unlike logits do not depend on a constant that the model may add."""
    return torch.where(seen, scores * penalty, scores)


def narrowed(scores: Tensor, config: SearchConfig) -> tuple[Tensor, Tensor | None]:
    """The units to draw from: their scores [B, C] at the temperature of `config`, which is above 0, up to a
    constant of each row, and their ids [B, C]; None: unit c is column c. Without filters it costs nothing."""
    if config.temperature != 1:
        if config.temperature < COLD:  # from the most probable down, so that it stays a number
            scores = scores - scores.amax(-1, keepdim=True)
        scores = scores / max(config.temperature, torch.finfo(scores.dtype).tiny)
    ids = None
    if 0 < config.top_k < scores.shape[-1]:
        scores, ids = scores.topk(config.top_k)
    if config.top_p < 1:
        scores = _nucleus(scores, config.top_p)
    if config.min_p > 0:
        least = scores.amax(-1, keepdim=True) + math.log(config.min_p)
        scores = scores.masked_fill(scores < least, -math.inf)
    return scores, ids


def _nucleus(scores: Tensor, share: float) -> Tensor:
    """The most probable units until they have `share` together; the one that reaches it is the last, with all
    that are as probable. Holtzman et al. 2020, https://arxiv.org/abs/1904.09751, section 3.1."""
    rising = _sorted(scores)
    below = rising.softmax(-1).cumsum(-1) <= 1 - share  # that they and all less probable ones have
    first = below.sum(-1, keepdim=True).clamp(max=scores.shape[-1] - 1)
    return scores.masked_fill(scores < rising.gather(-1, first), -math.inf)


def _sorted(scores: Tensor) -> Tensor:
    """Each row from low to high. On the processor by numpy, in a fifth of torch's time."""
    if scores.device.type == "cpu":
        return torch.from_numpy(np.sort(scores.numpy(), axis=-1))
    return scores.sort(-1).values
