"""Units that are taken from the source, and what of it was used already: the pointer-generator network and
its coverage (See et al. 2017, https://arxiv.org/abs/1704.04368), over the vectors of any decoder.

With s_t a decoder's vector, h_j the source's vectors, x_j its units, y_{t-1} the vector of the unit before:

    e_tj = v . tanh(W s_t + U h_j + w c_tj + b)         equation 11
    a_t  = softmax(e_t),  c_t = sum of a_k over k < t   equations 2, 10
    h*_t = sum_j a_tj h_j                               equation 3
    g_t  = sigmoid(w . [h*_t; s_t; y_{t-1}] + b)        equation 8
    p(u) = g_t q_t(u) + (1 - g_t) sum of a_tj over j with x_j = u       equation 9
    lost_t = sum_j min(a_tj, c_tj)                      equation 12

q_t is the output layer's softmax of s_t + V h*_t. Letters as in `textladder.batch`; S units of the longest
source.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.batch import Encoded, Tokens
from textladder.layers.attention import Layout
from textladder.layers.softmax import UnitSoftmax, mixed_logs
from textladder.layers.source_attention import Additive

Source = tuple[Tensor, Tensor, Tensor, Tensor]  # keys, values, mask and ids of a source, each [B, S, ...]


@dataclass(frozen=True)
class Pointed:
    """What is known of each next unit: of a batch [B, T, ...], or of units one after the other [N, ...]."""

    vectors: Tensor  # [..., D] that the output layer reads
    ids: Tensor  # [..., S] the units of its source
    shares: Tensor  # [..., S] that it looks at them with
    gate: Tensor  # [...] logit of g; infinite where nothing is copied
    lost: Tensor  # [...] to coverage

    def flat(self, layout: Layout) -> Pointed:
        """[B, T, ...] -> [N, ...]"""
        return replace(self, **{f.name: layout.unpad(getattr(self, f.name)) for f in fields(self)})

    def of_step(self) -> Pointed:
        """[R, 1, ...] -> [R, ...]"""
        return replace(self, **{f.name: getattr(self, f.name)[:, 0] for f in fields(self)})

    def rows(self, rows: Tensor) -> Pointed:
        """Some of [N, ...]."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


class Pointer(nn.Module):
    """dim: D; memory_dim: of the source's vectors; word_dim: of those of units. copies: whether units are
    copied, or only looked at; covers: whether attention reads c."""

    def __init__(self, dim: int, memory_dim: int, word_dim: int, *, copies: bool, covers: bool) -> None:
        super().__init__()
        self.attention = Additive(dim, memory_dim, dim)
        self.back = nn.Linear(memory_dim, dim, bias=False)
        self.gate = nn.Linear(memory_dim + dim + word_dim, 1) if copies else None
        self.coverage = nn.Parameter(torch.empty(dim).normal_(std=dim**-0.5)) if covers else None

    def read(self, memory: Encoded, source: Tokens) -> Source:
        """Called once for a source."""
        return (*self.attention.read(memory.states), memory.mask, source.ids)

    def start(self, source: Source) -> Tensor:
        """[B, S] c before the first unit."""
        return torch.zeros(source[3].shape, device=source[3].device)

    def forward(
        self, states: Tensor, words: Tensor, source: Source, covered: Tensor | None = None
    ) -> tuple[Pointed, Tensor]:
        """states [B, T, D], words [B, T, E] of the units before; covered: c [B, S] before the first of them
        (None: nothing yet) -> what is known of each next unit, and c after the last."""
        keys, values, mask, ids = source
        covered = self.start(source) if covered is None else covered
        if self.coverage is None:
            contexts, heads = self.attention(states, keys, values, mask)
            shares = heads[:, 0]  # [B, T, S]
            lost = shares.new_zeros(shares.shape[:2])
        else:
            contexts, shares, lost, covered = self._covering(
                self.coverage, states, (keys, values, mask), covered
            )
        contexts = contexts.to(states.dtype)
        gate = torch.full_like(lost, torch.inf)
        if self.gate is not None:
            gate = self.gate(torch.cat([contexts, states, words.to(states.dtype)], -1))[..., 0].float()
            gate = gate.masked_fill(~mask.any(1, keepdim=True), torch.inf)  # there is nothing to copy
        ids = ids[:, None].expand(-1, states.shape[1], -1)
        return Pointed(states + self.back(contexts), ids, shares, gate, lost), covered

    def _covering(
        self, weight: Tensor, states: Tensor, read: tuple[Tensor, Tensor, Tensor], covered: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Unit by unit: what one looks at depends on what those before it looked at."""
        (keys, values, mask), contexts, shares, lost = read, [], [], []
        for state in states.split(1, 1):
            now = keys + (covered[..., None] * weight).to(keys.dtype)  # W q + (U k + w c)
            context, heads = self.attention(state, now, values, mask)
            contexts.append(context)
            shares.append(heads[:, 0, 0])
            lost.append(torch.minimum(shares[-1], covered).sum(-1))
            covered = covered + shares[-1]
        return torch.cat(contexts, 1), torch.stack(shares, 1), torch.stack(lost, 1), covered

    def losses(self, output: UnitSoftmax, said: Pointed, units: Tensor) -> Tensor:
        """[N] -log p(units), in nats."""
        if self.gate is None:
            return output.losses(said.vectors, units)
        written = F.logsigmoid(said.gate) - output.losses(said.vectors, units)
        return -mixed_logs(written, F.logsigmoid(-said.gate), copied(said, units))

    def loss(self, output: UnitSoftmax, said: Pointed, units: Tensor, smoothing: float = 0.0) -> Tensor:
        """The sum over units [N], without what was lost to coverage. smoothing: of what the output layer says
        (`UnitSoftmax.mixed_loss`)."""
        if self.gate is None:
            return output.loss(said.vectors, units, smoothing)
        return output.mixed_loss(said.vectors, units, said.gate, copied(said, units), smoothing)

    def log_probs(self, output: UnitSoftmax, said: Pointed) -> Tensor:
        """[N, V]"""
        written = output.log_probs(said.vectors)
        if self.gate is None:
            return written
        taken = torch.zeros_like(written).scatter_add_(1, said.ids, said.shares.to(written.dtype))
        gate = said.gate[:, None]
        return mixed_logs(F.logsigmoid(gate) + written, F.logsigmoid(-gate), taken)


def copied(said: Pointed, units: Tensor) -> Tensor:
    """[N] the share of the source's units that are the same as these [N]."""
    return (said.shares * (said.ids == units[:, None])).sum(-1)
