"""Losses over vectors of pairs of texts, which have length 1: what belongs together is near, all else far.

Letters: B pairs, D width, C candidates. Each loss is summed over the pairs that belong together (`close`
[B]); which texts are the same is told by equal numbers (`Side.group`), and no text is ever a negative of one
that it belongs to in this batch, nor of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Negatives = Literal["hardest", "all"]


@dataclass(frozen=True)
class Side:
    """Texts by their vectors [n, D], and which of them are the same [n]."""

    vectors: Tensor
    group: Tensor


def info_nce(
    first: Side,
    second: Side,
    close: Tensor,
    temperature: float,
    *,
    symmetric: bool = True,
    negative: Side | None = None,
) -> Tensor:
    """-log of the probability that the second text of a pair is chosen for its first, among all second texts
    of the batch, and the negatives of all pairs, by exp(cosine / temperature). symmetric: half of that, and
    half of the same with the sides exchanged.

    van den Oord et al. 2018, https://arxiv.org/abs/1807.03748, equation 4; negatives of the batch: Henderson
    et al. 2017, https://arxiv.org/abs/1705.00652, section 4.4; temperature and negatives that are given: Gao
    et al. 2021, https://arxiv.org/abs/2104.08821, equations 1 and 5.
    """
    forth = _chosen(first, second, close, temperature, negative)
    if not symmetric:
        return forth
    return (forth + _chosen(second, first, close, temperature, None)) / 2


def _chosen(queries: Side, right: Side, close: Tensor, temperature: float, negative: Side | None) -> Tensor:
    candidates = right if negative is None else _joined(right, negative)
    scores = queries.vectors @ candidates.vectors.T / temperature  # [B, C]
    barred = _belonging(queries, right, candidates, close) & ~_diagonal(scores)
    scores = scores.masked_fill(barred, -torch.inf)
    return ((scores.logsumexp(1) - scores.diagonal()) * close).sum()


def triplet(
    first: Side,
    second: Side,
    close: Tensor,
    margin: float,
    *,
    negatives: Negatives = "hardest",
    negative: Side | None = None,
) -> Tensor:
    """max(0, |u - v|^2 - |u - n|^2 + margin) of first texts u, second texts v and negatives n (Schroff et al.
    2015, https://arxiv.org/abs/1503.03832, equation 2). negative [B]: those that are given, one for each
    pair; else, of the second texts of the batch, the nearest (Hermans et al. 2017,
    https://arxiv.org/abs/1703.07737, equation 5), or all of them, of which the mean is taken."""
    near = (first.vectors * second.vectors).sum(1)  # [B] cosines
    if negative is not None:
        far = (first.vectors * negative.vectors).sum(1)
        barred = _belonging(first, second, negative, close).diagonal()
        return ((2 * (far - near) + margin).clamp(min=0) * (close & ~barred)).sum()
    scores = first.vectors @ second.vectors.T  # [B, B]
    barred = _belonging(first, second, second, close) | _diagonal(scores)
    if negatives == "hardest":
        far = scores.masked_fill(barred, -torch.inf).amax(1)  # -inf where there is none: no loss
        return ((2 * (far - near) + margin).clamp(min=0) * close).sum()
    each = (2 * (scores - near[:, None]) + margin).clamp(min=0) * ~barred
    return (each.sum(1) / (~barred).sum(1).clamp(min=1) * close).sum()


def cosine_of_scores(first: Tensor, second: Tensor, wanted: Tensor) -> Tensor:
    """(cosine - wanted)^2, wanted [B] from 0 to 1 (Reimers and Gurevych 2019,
    https://aclanthology.org/D19-1410, section 3)."""
    return (((first * second).sum(1) - wanted) ** 2).sum()


def cosine_of_labels(first: Tensor, second: Tensor, close: Tensor, margin: float) -> Tensor:
    """1 - cosine of texts that belong together, max(0, cosine - margin) of others: torch's
    CosineEmbeddingLoss."""
    cosines = (first * second).sum(1)
    return torch.where(close, 1 - cosines, (cosines - margin).clamp(min=0)).sum()


def _joined(one: Side, other: Side) -> Side:
    return Side(torch.cat([one.vectors, other.vectors]), torch.cat([one.group, other.group]))


def _belonging(queries: Side, right: Side, candidates: Side, close: Tensor) -> Tensor:
    """[B, C] candidates that are no negatives of a query: its own text, and all that this batch says belong
    to it."""
    pairs = (queries.group[:, None] == queries.group) & close  # [B, B] that have this query's text
    same = right.group[:, None] == candidates.group  # [B, C]
    return (pairs.float() @ same.float() > 0) | (queries.group[:, None] == candidates.group)


def _diagonal(matrix: Tensor) -> Tensor:
    """[B, C] True where candidate i stands beside query i."""
    return torch.eye(*matrix.shape, dtype=torch.bool, device=matrix.device)
