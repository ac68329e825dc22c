"""A linear-chain conditional random field over the tokens of texts that lie end to end."""

# ruff: noqa: PLR0917  (autograd functions and their like take positional arguments only)

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

Bools = NDArray[np.bool_]


class CRF(nn.Module):
    """p(tags | text) = exp(score(tags)) / Z; score: emissions, transitions, and what begins and ends.

    Lafferty et al. 2001, https://repository.upenn.edu/cis_papers/159; over a neural net as in Lample et al.
    2016, https://arxiv.org/abs/1603.01360, equations 1 and 2. follows [L, L] (row before column), starts and
    ends [L]: what may be; what may not has a score of minus infinity, so that no illegal path has any
    probability, in training too. Emissions are [M, L] of the tokens of all texts, offsets [S + 1] says whose.

    On the processor the sums are compiled loops (`crf_kernels`), with the gradient by hand: expected counts
    minus those of the given tags. Elsewhere they are torch operations, one step for all texts at a time.
    """

    follows: Tensor
    starts: Tensor
    ends: Tensor

    def __init__(self, follows: Bools, starts: Bools, ends: Bools) -> None:
        super().__init__()
        labels = len(follows)
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start, self.end = nn.Parameter(torch.zeros(labels)), nn.Parameter(torch.zeros(labels))
        for name, allowed in (("follows", follows), ("starts", starts), ("ends", ends)):
            self.register_buffer(name, torch.from_numpy(np.array(allowed)), persistent=False)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of transitions [L, L], of beginning and of ending [L]; minus infinity where it is forbidden."""
        pairs = (self.transitions, self.follows), (self.start, self.starts), (self.end, self.ends)
        a, b, c = (values.float().masked_fill(~allowed, -math.inf) for values, allowed in pairs)
        return a, b, c

    def loss(self, emissions: Tensor, offsets: Tensor, tags: Tensor) -> Tensor:
        """Sum over texts of -log p(tags), a scalar in nats. tags [M] must be legal."""
        emissions, parts = emissions.float(), self.scores()
        if not len(emissions):
            return emissions.sum()
        if emissions.device.type == "cpu":
            loss: Tensor = _Loss.apply(emissions, *parts, offsets, tags)
            return loss
        return _torch_loss(emissions, *parts, offsets, tags)

    @torch.no_grad()
    def decode(self, emissions: Tensor, offsets: Tensor) -> NDArray[np.int64]:
        """[M] the most probable legal tags of each text."""
        from textladder.layers import crf_kernels

        return crf_kernels.viterbi(*self._arrays(emissions, offsets))

    @torch.no_grad()
    def marginals(self, emissions: Tensor, offsets: Tensor) -> NDArray[np.float32]:
        """[M, L] the probability of each tag of each token, over all paths."""
        from textladder.layers import crf_kernels

        arrays = self._arrays(emissions, offsets)
        found, log_z = np.zeros(emissions.shape, np.float32), np.zeros(len(offsets) - 1)
        if len(found):
            crf_kernels.forward_backward(*arrays, found, log_z)
        return found

    @torch.no_grad()
    def n_best(self, emissions: Tensor, number: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Of one text [T, L], T at least 1: its `number` best taggings [P, T] and their probabilities [P],
        the best first; fewer where there are no more."""
        from textladder.layers import crf_kernels

        bounds = torch.tensor([0, len(emissions)])
        values, offsets, *parts = self._arrays(emissions, bounds)
        tags, scores = crf_kernels.n_best(values, *parts, number)
        log_z = np.zeros(1)
        crf_kernels.forward_backward(values, offsets, *parts, np.zeros_like(values), log_z)
        return tags, np.exp(scores - log_z[0])

    def _arrays(self, emissions: Tensor, offsets: Tensor) -> tuple[NDArray[Any], ...]:
        first = (emissions.float(), offsets, *self.scores())
        a, b, c, d, e = (part.detach().cpu().contiguous().numpy() for part in first)
        return a, b, c, d, e


class _Loss(torch.autograd.Function):
    """Both passes in one: the gradient is made with the value, and scaled later."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        from textladder.layers import crf_kernels

        emissions, transitions, start, end, offsets, tags = (
            part.detach().contiguous().numpy() for part in given
        )
        marginals, log_z = np.zeros_like(emissions), np.zeros(len(offsets) - 1)
        arrays = (emissions, offsets, transitions, start, end)
        expected = crf_kernels.forward_backward(*arrays, marginals, log_z)
        total = float((log_z - crf_kernels.path_scores(*arrays, tags)).sum())
        firsts = offsets[:-1][offsets[1:] > offsets[:-1]]
        lasts = offsets[1:][offsets[1:] > offsets[:-1]] - 1
        labels = len(start)
        of_start = marginals[firsts].sum(0) - np.bincount(tags[firsts], minlength=labels)
        of_end = marginals[lasts].sum(0) - np.bincount(tags[lasts], minlength=labels)
        inner = np.ones(len(tags), np.bool_)
        inner[firsts] = False
        places = np.flatnonzero(inner)
        np.subtract.at(expected, (tags[places - 1], tags[places]), 1)
        marginals[np.arange(len(tags)), tags] -= 1
        ctx.save_for_backward(
            *(torch.from_numpy(np.asarray(g, np.float32)) for g in (marginals, expected, of_start, of_end))
        )
        return torch.tensor(total, dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradient: Tensor) -> Any:
        return (*(part * gradient[0] for part in ctx.saved_tensors), None, None)


def _torch_loss(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, offsets: Tensor, tags: Tensor
) -> Tensor:
    """The same in torch operations, in logarithms, on any device: all texts step by step."""
    lengths = offsets[1:] - offsets[:-1]
    some = torch.nonzero(lengths)[:, 0]
    lengths, begins = lengths[some], offsets[:-1][some]
    low = torch.finfo(emissions.dtype).min / 4  # minus infinity would make NaN of its gradient
    transitions, start, end = (part.clamp_min(low) for part in (transitions, start, end))
    alpha = start + emissions[begins]  # [S, L]
    for t in range(1, int(lengths.max())):
        going = lengths > t
        rows = begins[going] + t
        after = torch.logsumexp(alpha[going][:, :, None] + transitions, 1) + emissions[rows]
        alpha = alpha.index_put((going.nonzero()[:, 0],), after)
    log_z = torch.logsumexp(alpha + end, 1).sum()
    lasts = begins + lengths - 1
    inner = torch.ones(len(tags), dtype=torch.bool, device=tags.device)
    inner[begins] = False
    places = inner.nonzero()[:, 0]
    path = emissions.gather(1, tags[:, None]).sum() + start[tags[begins]].sum() + end[tags[lasts]].sum()
    return log_z - path - transitions[tags[places - 1], tags[places]].sum()
