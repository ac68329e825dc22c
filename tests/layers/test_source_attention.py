"""Every attention score against a loop in float64, written out from the papers, and what all promise."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from textladder.errors import Problem
from textladder.layers.source_attention import ScoreName, make_source_attention

B, T, S, D, HEADS = 3, 2, 5, 6, 2
LENGTHS = (5, 2, 0)
NAMES = get_args(ScoreName)


def built(name: Any, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    made = make_source_attention(name, D, D, hidden_dim=4, heads=HEADS).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made


def given(seed: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    query = torch.randn(B, T, D, generator=draw, dtype=torch.float64)
    mask = torch.arange(S) < torch.tensor(LENGTHS)[:, None]
    memory = torch.randn(B, S, D, generator=draw, dtype=torch.float64) * mask[..., None]
    return query, memory, mask


def array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def affine(linear: Any, x: np.ndarray) -> np.ndarray:
    """Row by row, weight by weight."""
    weight = array(linear.weight)
    bias = np.zeros(len(weight)) if linear.bias is None else array(linear.bias)
    sums = [sum(w * v for w, v in zip(row, x, strict=True)) for row in weight]
    return np.array(sums) + bias


def score(name: str, made: Any, q: np.ndarray, k: np.ndarray) -> float:
    """One query, one key."""
    if name in ("additive", "concat"):
        hidden = np.tanh(affine(made.of_query, q) + affine(made.of_key, k))
        return sum(v * h for v, h in zip(array(made.weight), hidden, strict=True))
    if name == "general":
        k = affine(made.of_key, k)
    product = sum(a * b for a, b in zip(q, k, strict=True))
    return product / math.sqrt(D) if name == "scaled" else product


def softmax(values: list[float]) -> list[float]:
    parts = [math.exp(value) for value in values]
    return [part / math.fsum(parts) for part in parts]


def looped(name: str, made: Any, query: np.ndarray, memory: np.ndarray, length: int) -> np.ndarray:
    """The context of one query."""
    if name != "multihead":
        shares = softmax([score(name, made, query, memory[j]) for j in range(length)])
        return sum((p * memory[j] for j, p in enumerate(shares)), np.zeros(D))
    width, mixed = D // HEADS, []
    q, pairs = affine(made.of_query, query), [affine(made.of_memory, memory[j]) for j in range(length)]
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        keys, values = [pair[:D][part] for pair in pairs], [pair[D:][part] for pair in pairs]
        shares = softmax([float(q[part] @ key) / math.sqrt(width) for key in keys])
        mixed.append(sum((p * v for p, v in zip(shares, values, strict=True)), np.zeros(width)))
    return affine(made.output, np.concatenate(mixed))


@pytest.mark.parametrize("name", NAMES)
def test_contexts_equal_the_written_out_loop(name: str) -> None:
    made, (query, memory, mask) = built(name), given()
    contexts, shares = made(query, *made.read(memory), mask)
    for b, length in enumerate(LENGTHS):
        for t in range(T):
            wanted = looped(name, made, query[b, t].numpy(), memory[b].numpy(), length)
            # Shares are float32, whatever the vectors are.
            np.testing.assert_allclose(array(contexts)[b, t], wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(array(shares).sum(-1)[:2], 1, rtol=1e-6)
    assert not shares[2].any(), "nothing is looked at in a source without units"


@pytest.mark.parametrize("name", NAMES)
def test_more_padding_changes_nothing_and_no_gradient_is_nan(name: str) -> None:
    made, (query, memory, mask) = built(name), given()
    wider = torch.cat([memory, torch.zeros(B, 4, D, dtype=torch.float64)], 1)
    more = torch.cat([mask, torch.zeros(B, 4, dtype=torch.bool)], 1)
    contexts, _ = made(query, *made.read(memory), mask)
    again, shares = made(query, *made.read(wider), more)
    torch.testing.assert_close(again, contexts)
    assert not shares[..., S:].any()
    leaves = [wider.requires_grad_(), *made.parameters()]
    contexts, _ = made(query, *made.read(wider), more)
    gradients = torch.autograd.grad(contexts.square().sum(), leaves)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("name", ["dot", "scaled"])
def test_vectors_of_two_widths_have_no_dot_product(name: Any) -> None:
    with pytest.raises(Problem, match="no dot product") as caught:
        make_source_attention(name, 6, 8, hidden_dim=4, heads=2)
    assert "decoder.attention=general" in caught.value.next_step


def test_heads_must_share_the_width() -> None:
    with pytest.raises(Problem, match="4 heads"):
        make_source_attention("multihead", 6, 8, hidden_dim=4, heads=4)


@pytest.mark.parametrize("name", ["additive", "general", "scaled", "multihead"])
def test_attention_begins_undecided(name: Any) -> None:
    """With all shares on one unit there is next to no gradient, and a model learns slowly what to look at."""
    torch.manual_seed(0)
    made = make_source_attention(name, 256, 256, hidden_dim=256, heads=4)
    query, memory = torch.randn(8, 10, 256), torch.randn(8, 16, 256)
    spread = made.scores(query, made.read(memory)[0]).std().item()
    assert 0.2 < spread < 2
