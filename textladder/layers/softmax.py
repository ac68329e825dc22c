"""Vectors to units: the output layers of language models and their losses.

Units are numbered as in a tokenizer, with the labels that documents may carry behind them. Only what a text
can go on with is predicted: <unk>, </s> and all real units. <pad>, <s> and labels have probability 0 and cost
nothing, but for the one row of <s>, which lies between others.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.layers.best_units import best_columns
from textladder.layers.cross_entropy import IGNORED, counted, cross_entropies, cross_entropy
from textladder.layers.strip import counted_up

__all__ = ["IGNORED", "AdaptiveSoftmax", "UnitSoftmax", "cutoffs_for"]

FIRST = 1  # predicted unit: <unk>; before it stands <pad>
BEGIN = 2  # <s>: given, never predicted
MEMBERS = 64  # units of a cluster in a batch are counted up to a multiple


class UnitSoftmax(nn.Module):
    """A linear map to units and a softmax. Tied (`tie`), its rows are those of the encoder's table of units
    (Press and Wolf 2017, https://arxiv.org/abs/1608.05859), reached through a map of its own where the
    widths differ.

    tokens: units of the tokenizer. labels: those behind them.
    """

    never: Tensor

    def __init__(self, dim: int, tokens: int, labels: int = 0) -> None:
        super().__init__()
        self.dim, self.tokens, self.units = dim, tokens, tokens + labels
        self.weight: nn.Parameter | None = nn.Parameter(
            torch.empty(tokens - FIRST, dim).normal_(std=dim**-0.5)
        )
        self.bias = nn.Parameter(torch.zeros(tokens - FIRST))
        never = torch.zeros(tokens - FIRST)
        never[BEGIN - FIRST] = -math.inf
        self.register_buffer("never", never, persistent=False)
        self.narrow: nn.Linear | None = None
        self._tied: tuple[nn.Parameter, ...] = ()  # in a tuple: the table belongs to the encoder

    def tie(self, table: nn.Parameter) -> None:
        """Share the rows of `table` [at least `tokens`, E]."""
        self.weight, self._tied = None, (table,)
        self.narrow = None if table.shape[1] == self.dim else nn.Linear(self.dim, table.shape[1])

    @property
    def rows(self) -> Tensor:
        """[P, E] of the predicted units."""
        return self._tied[0][FIRST : self.tokens] if self.weight is None else self.weight

    def _reduced(self, vectors: Tensor) -> Tensor:
        """[N, D] -> [N, E]"""
        return vectors if self.narrow is None else self.narrow(vectors)

    def log_probs(self, vectors: Tensor) -> Tensor:
        """[N, D] -> [N, V] of all units, labels too; -inf for those that are never predicted."""
        logits = F.linear(self._reduced(vectors), self.rows).float() + (self.bias + self.never)
        return _all_units(logits.log_softmax(-1), self.units)

    def best(self, vectors: Tensor, count: int, banned: Tensor) -> tuple[Tensor, Tensor]:
        """Of each row of vectors [N, D] the `count` most probable units that are not banned [any], from the
        best down: their log-probabilities [N, C], -inf where there are no more, and the units [N, C]."""
        logits = F.linear(self._reduced(vectors), self.rows).float()
        columns = banned[(banned >= FIRST) & (banned < self.tokens)] - FIRST
        count, shift = min(count, logits.shape[1]), self.bias + self.never
        if logits.device.type != "cpu":
            log_probs = (logits + shift).log_softmax(-1).index_fill(1, columns, -math.inf)
            values, found = log_probs.topk(count)
            return values, found + FIRST
        values, found = logits.new_empty(len(logits), count), columns.new_empty(len(logits), count)
        given = logits.contiguous(), shift.detach().float(), columns, values, found
        best_columns(*(part.numpy() for part in given))
        return values, found + FIRST

    def loss(self, vectors: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        """The sum of -log p(target) over those that are not IGNORED, in nats. vectors [N, D], target [N].

        smoothing: share of the truth that is spread evenly over all units that can be predicted (Szegedy et
        al. 2016, https://arxiv.org/abs/1512.00567, section 7)."""
        x, at = self._reduced(vectors), _entries(target)
        total = cross_entropy(x, self.rows, self.bias + self.never, at)
        return total + smoothing * self._above_mean(x, at) if smoothing else total

    def mixed_loss(
        self, vectors: Tensor, target: Tensor, gate: Tensor, copied: Tensor, smoothing: float = 0.0
    ) -> Tensor:
        """The sum of -log(g p(target) + (1 - g) copied): of a pointer (`layers.pointing`). gate: [N] logits
        of g; copied: [N] the target's probability by other means.

        smoothing s: (1 - s) of it and s times the mean of -log p over all units that can be predicted, which
        is `loss` where g is 1. As there, no number per unit of vocabulary is kept: where a share r of a
        target's probability is p's, the gradient of the logarithm is r times that of log p.
        """
        x, at = self._reduced(vectors), _entries(target)
        bias, kept = self.bias + self.never, at != IGNORED
        with torch.no_grad():
            nats = cross_entropies(x, self.rows, bias, at)
        written = F.logsigmoid(gate) - nats
        mixed = mixed_logs(written, F.logsigmoid(-gate), copied)
        shares = (written - mixed).exp().detach()
        own = cross_entropy(x, self.rows, bias, at, (1 - smoothing) * shares + smoothing)
        total = -(1 - smoothing) * (mixed * kept).sum() + own - own.detach()
        return total + smoothing * (nats.sum() + self._above_mean(x, at)) if smoothing else total

    def _above_mean(self, x: Tensor, at: Tensor) -> Tensor:
        """The sum of (logit of the target - mean logit): with it, -log p_y becomes the smoothed loss, since
        (1 - s) (-log p_y) + s mean_k(-log p_k) = -log p_y + s (z_y - mean_k z_k). No number per unit of
        vocabulary is made."""
        kept = at != IGNORED
        own = at * kept
        can = (self.never == 0).float()
        mean = (can @ self.rows.float()) / can.sum()
        with torch.autocast(x.device.type, enabled=False):
            above = (x.float() * (F.embedding(own, self.rows).float() - mean)).sum(-1)
            shift = self.bias[own] - (can @ self.bias) / can.sum()
        return ((above + shift) * kept).sum()

    def losses(self, vectors: Tensor, target: Tensor) -> Tensor:
        """[N] -log p(target) of each, 0 where IGNORED."""
        x, at = counted(vectors, target)
        found = cross_entropies(self._reduced(x), self.rows, self.bias + self.never, at - FIRST)
        return _spread(found, target)


class AdaptiveSoftmax(nn.Module):
    """The softmax of Grave et al. 2017 (https://arxiv.org/abs/1609.04309): a unit of the tail costs a choice
    among the head, which holds the most frequent units and one entry per cluster of the tail, and one among
    its cluster. Units must be numbered by falling frequency.

    A cluster's rows are 4, 16, ... times narrower than the vectors, as in the paper. Tied (`tie`), they are
    those of the encoder's table, as wide as they are; the entries of clusters stay rows of its own.

    cutoffs: the first unit (counted from <unk>) of each cluster of the tail.
    """

    never: Tensor

    def __init__(self, dim: int, tokens: int, labels: int, cutoffs: tuple[int, ...]) -> None:
        super().__init__()
        self.dim, self.tokens, self.units = dim, tokens, tokens + labels
        self.bounds = (0, *cutoffs, tokens - FIRST)
        self.sizes = [stop - start for start, stop in zip(self.bounds, self.bounds[1:], strict=False)]
        widths = [max(dim // 4**number, 1) for number in range(1, len(self.sizes))]
        self.clusters = nn.Parameter(torch.empty(len(widths), dim).normal_(std=dim**-0.5))
        self.projections: nn.ModuleList | None = nn.ModuleList(
            nn.Linear(dim, width, bias=False) for width in widths
        )
        self.weights: nn.ParameterList | None = nn.ParameterList(
            torch.empty(size, width).normal_(std=width**-0.5)
            for size, width in zip(self.sizes, [dim, *widths], strict=True)
        )
        self.bias = nn.Parameter(torch.zeros(tokens - FIRST + len(widths)))  # first the head's
        never = torch.zeros(self.sizes[0] + len(widths))
        never[BEGIN - FIRST] = -math.inf
        self.register_buffer("never", never, persistent=False)
        self.narrow: nn.Linear | None = None
        self._tied: tuple[nn.Parameter, ...] = ()

    def tie(self, table: nn.Parameter) -> None:
        """Share the rows of `table` [at least `tokens`, E]."""
        width = table.shape[1]
        self.projections, self.weights, self._tied = None, None, (table,)
        self.narrow = None if width == self.dim else nn.Linear(self.dim, width)
        self.clusters = nn.Parameter(torch.empty(len(self.clusters), width).normal_(std=width**-0.5))

    def _layers(self) -> list[tuple[Tensor, Tensor]]:
        """(rows, bias) of the head and of each cluster."""
        table = self._tied[0][FIRST : self.tokens].split(self.sizes) if self.weights is None else self.weights
        head, *tails = table
        first, *others = self.bias.split([len(self.never), *self.sizes[1:]])
        return [(torch.cat([head, self.clusters]), first + self.never), *zip(tails, others, strict=True)]

    def _reduced(self, vectors: Tensor) -> Tensor:
        return vectors if self.narrow is None else self.narrow(vectors)

    def _projected(self, vectors: Tensor, number: int) -> Tensor:
        """[N, E] -> what the rows of cluster `number` (from 0) are multiplied with."""
        return vectors if self.projections is None else self.projections[number](vectors)

    def log_probs(self, vectors: Tensor) -> Tensor:
        """[N, D] -> [N, V] of all units, labels too; -inf for those that are never predicted."""
        vectors = self._reduced(vectors)
        (rows, bias), *tails = self._layers()
        head = (F.linear(vectors, rows).float() + bias).log_softmax(-1)
        parts = [head[:, : self.sizes[0]]]
        for number, (rows, bias) in enumerate(tails):
            logits = F.linear(self._projected(vectors, number), rows).float() + bias
            parts.append(logits.log_softmax(-1) + head[:, self.sizes[0] + number, None])
        return _all_units(torch.cat(parts, 1), self.units)

    def loss(self, vectors: Tensor, target: Tensor) -> Tensor:
        """The sum of -log p(target) over those that are not IGNORED, in nats. vectors [N, D], target [N]."""
        vectors, layers = self._reduced(vectors), self._layers()
        choice, members = self._choices(target)
        total = cross_entropy(vectors, *layers[0], choice)
        for number, ((there, within), layer) in enumerate(zip(members, layers[1:], strict=True)):
            x = self._projected(vectors.index_select(0, there), number)
            total = total + cross_entropy(x, *layer, within)
        return total

    def losses(self, vectors: Tensor, target: Tensor) -> Tensor:
        """[N] -log p(target) of each, 0 where IGNORED."""
        x, at = counted(vectors, target)
        x, layers = self._reduced(x), self._layers()
        choice, members = self._choices(at)
        found = cross_entropies(x, *layers[0], choice)
        for number, ((there, within), layer) in enumerate(zip(members, layers[1:], strict=True)):
            of_cluster = cross_entropies(self._projected(x.index_select(0, there), number), *layer, within)
            found = found.index_add(0, there, of_cluster)
        return _spread(found, target)

    def _choices(self, target: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Units [N] -> the entry of the head for each, and of each cluster where its units stand, and which
        of its units they are: counted up, those beyond IGNORED, as products of every size would cost."""
        at = _entries(target)
        starts = torch.tensor(self.bounds[1:-1], device=at.device)
        cluster = torch.bucketize(at, starts, right=True)  # 0: the head
        choice = torch.where(cluster == 0, at, self.sizes[0] - 1 + cluster)
        members = []
        for number in range(1, len(self.sizes)):
            there = torch.nonzero(cluster == number).flatten()
            more = counted_up(len(there), MEMBERS) - len(there) if len(target) else 0
            within = F.pad(at[there] - self.bounds[number], (0, more), value=IGNORED)
            members.append((F.pad(there, (0, more)), within))
        return choice, members


def cutoffs_for(tokens: int) -> tuple[int, ...]:
    """A sixteenth of the units in the head, two clusters behind it. Where frequencies follow Zipf's law that
    is within 15 % of the fewest products that two clusters can have, from 4,000 units to a million."""
    return tokens // 16, tokens // 4


def mixed_logs(written: Tensor, chance: Tensor, copied: Tensor) -> Tensor:
    """log(exp(written) + exp(chance) copied); finite gradients also where `copied` is 0."""
    some = copied > 0
    logs = torch.where(some, copied, 1.0).log().masked_fill(~some, -math.inf)
    return torch.logaddexp(written, chance + logs)


def _entries(target: Tensor) -> Tensor:
    """Units to the numbers of their rows; IGNORED stays."""
    return torch.where(target == IGNORED, IGNORED, target - FIRST)


def _all_units(log_probs: Tensor, units: int) -> Tensor:
    """[N, P] of predicted units -> [N, V]"""
    return F.pad(log_probs, (FIRST, units - FIRST - log_probs.shape[1]), value=-math.inf)


def _spread(found: Tensor, target: Tensor) -> Tensor:
    """Back to all targets [N], 0 where IGNORED."""
    if len(found) == len(target):
        return found
    return found.new_zeros(len(target)).masked_scatter_(target != IGNORED, found)
