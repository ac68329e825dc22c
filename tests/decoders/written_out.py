"""What the written-out decoders of these tests share: weights in float64, sources and prefixes of unequal
length, and attention to a source, key by key."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from textladder.batch import Encoded, Tokens
from textladder.decoders.decoder import Decoder

MEMORY, UNITS = 6, 20
PREFIXES = [[2, 5, 6, 7, 9], [2, 8], [2, 4, 4, 4]]
LENGTHS = (5, 2, 3)  # of the sources
Weights = Mapping[str, Tensor]


def weights_of(module: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """In float64, of the parts whose name begins so, without that."""
    named = module.named_parameters()
    return {name.removeprefix(prefix): w.detach().double() for name, w in named if name.startswith(prefix)}


def roughened(decoder: Decoder) -> Decoder:
    """Biases, norms and first states are no longer 0 and 1, so that each is seen."""
    draw = torch.Generator().manual_seed(7)
    for weight in decoder.parameters():
        weight.data.add_(0.3 * torch.randn(weight.shape, generator=draw))
    return decoder.eval()


def sources() -> Encoded:
    draw = torch.Generator().manual_seed(3)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    states = torch.randn(len(LENGTHS), max(LENGTHS), MEMORY, generator=draw) * mask[..., None]
    return Encoded(torch.randn(len(LENGTHS), MEMORY, generator=draw), mask, states)


def attention(score: Callable[[Tensor, Tensor], Tensor], query: Tensor, memory: Tensor) -> Tensor:
    """query [Q], memory [S, M] -> the context [M]"""
    shares = torch.stack([score(query, key) for key in memory]).softmax(0)
    return sum((share * value for share, value in zip(shares, memory, strict=True)), torch.zeros(MEMORY))


def additive(weights: Weights, query: Tensor, key: Tensor) -> Tensor:
    """v . tanh(W q + b + U k)"""
    hidden = weights["of_query.weight"] @ query + weights["of_query.bias"] + weights["of_key.weight"] @ key
    return weights["weight"] @ torch.tanh(hidden)


def general(weights: Weights, query: Tensor, key: Tensor) -> Tensor:
    """q . W k"""
    return query @ (weights["of_key.weight"] @ key)


Said = Callable[[Decoder, list[int], Tensor, Tensor], Tensor]


@torch.no_grad()
def assert_as_written_out(decoder: Decoder, said: Said) -> None:
    """said: (decoder, prefix, memory [S, M] and pooled vector [M] in float64) -> [T, D] of one text."""
    memory, prefix = sources(), Tokens.of_rows(PREFIXES)
    found = decoder(prefix, memory)
    for row, (ids, length) in enumerate(zip(PREFIXES, LENGTHS, strict=True)):
        wanted = said(decoder, ids, memory.states[row, :length].double(), memory.pooled[row].double())
        assert wanted.dtype == torch.float64
        torch.testing.assert_close(found[row, : len(ids)].double(), wanted, rtol=1e-5, atol=1e-5)
