"""Which units may be chosen next. Scores are log-probabilities; a unit that may not be chosen has -inf."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from textladder.search.config import SearchConfig

# The units looked at first for `top_p`: most often they hold enough, and the vocabulary need not be sorted.
FIRST = 256


def penalised(scores: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Scores [B, V] with those of units that were seen [B, V] multiplied by `penalty`: they are negative, so
    above 1 they sink. Keskar et al. 2019, https://arxiv.org/abs/1909.05858, section 4.1; here of
    log-probabilities, which unlike logits do not depend on a constant that the model may add."""
    return torch.where(seen, scores * penalty, scores)


def narrowed(scores: Tensor, config: SearchConfig) -> tuple[Tensor, Tensor | None]:
    """The units to draw from: their scores [B, C] at the temperature of `config`, above 0, and their ids
    [B, C]; None: unit c is column c. They need not sum to one. Where no filter is set it costs nothing."""
    if config.temperature != 1:
        scores = scores / config.temperature
    ids = None
    if 0 < config.top_k < scores.shape[-1]:
        scores, ids = scores.topk(config.top_k)
    if config.top_p < 1:
        scores, ids = _nucleus(scores, ids, config.top_p)
    if config.min_p > 0:
        least = scores.amax(-1, keepdim=True) + math.log(config.min_p)
        scores = scores.masked_fill(scores < least, -math.inf)
    return scores, ids


def _nucleus(scores: Tensor, ids: Tensor | None, share: float) -> tuple[Tensor, Tensor | None]:
    """The most probable units until they have `share` together; the one that reaches it is the last. Holtzman
    et al. 2020, https://arxiv.org/abs/1904.09751, section 3.1. ids: those of scores that are in order
    already."""
    whole = scores.logsumexp(-1, keepdim=True)  # [B, 1]
    if ids is None:
        ranked, ids = scores.topk(min(FIRST, scores.shape[-1]))
        if ranked.shape < scores.shape and bool(((ranked - whole).exp().sum(-1) < share).any()):
            ranked, ids = scores.sort(-1, descending=True)
        scores = ranked
    shares = (scores - whole).exp()
    before = shares.cumsum(-1) - shares
    left_out = before >= share
    left_out[:, 0] = False  # rounding must not leave out the first
    return scores.masked_fill(left_out, -math.inf), ids
