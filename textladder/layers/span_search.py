"""The best spans of a text by the scores of their first and their last token, all together."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Spans(NamedTuple):
    """The best K spans of each text, the best first. score: minus infinity where a text has fewer spans.
    log_sum [B]: the logarithm of the sum of exp(score) over all its spans, minus infinity if there is
    none."""

    first: Tensor  # [B, K] places of tokens
    last: Tensor  # [B, K]
    score: Tensor  # [B, K]
    log_sum: Tensor  # [B]


def span_scores(start: Tensor, end: Tensor, lengths: Tensor, longest: int) -> Tensor:
    """start, end [B, T] scores of tokens to be first and last -> [B, T, W], the sum of both for spans that
    begin at a token and have 1, 2, ..., W tokens, W being the least of `longest` and T; minus infinity
    where a span leaves its text."""
    width = max(min(longest, start.shape[1]), 1)
    places = torch.arange(start.shape[1], device=start.device)
    end = end.masked_fill(places >= lengths[:, None], -torch.inf)
    ends = F.pad(end, (0, width - 1), value=-torch.inf).unfold(1, width, 1)  # [B, T, W]
    return start[..., None] + ends


def best_spans(
    start: Tensor,
    end: Tensor,
    lengths: Tensor,
    *,
    longest: int,
    number: int,
    counted: Tensor | None = None,
) -> Spans:
    """Of all spans of at most `longest` tokens the `number` of the highest scores. Exact: all are looked at.

    counted [B, T]: where spans may begin (None: anywhere), for windows that overlap: a span is then of the
    one in which its first token counts.
    """
    scores = span_scores(start.float(), end.float(), lengths, longest)
    if counted is not None:
        scores = scores.masked_fill(~counted[..., None], -torch.inf)
    width, flat = scores.shape[2], scores.flatten(1)
    found, at = flat.topk(min(number, flat.shape[1]), 1)
    first = at // width
    return Spans(first, first + at % width, found, flat.logsumexp(1))
