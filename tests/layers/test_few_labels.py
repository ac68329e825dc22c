"""Softmax over few labels in one pass, against torch."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from textladder.layers.few_labels import MOST, linear_cross_entropy, suits


@pytest.mark.parametrize(("texts", "dim", "labels"), [(7, 5, 2), (33, 16, 4), (1, 3, 9)])
@pytest.mark.parametrize("size", [1.0, 200.0])
def test_loss_and_gradients_are_those_of_torch(texts: int, dim: int, labels: int, size: float) -> None:
    torch.manual_seed(0)
    output, other = nn.Linear(dim, labels), nn.Linear(dim, labels)
    other.load_state_dict(output.state_dict())
    vectors = (torch.randn(texts, dim) * size).requires_grad_()
    copy = vectors.detach().clone().requires_grad_()
    target = torch.randint(0, labels, (texts,))
    total = linear_cross_entropy(vectors, output, target)
    expected = F.cross_entropy(other(copy), target, reduction="sum")
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=1e-5)
    (total / 3).backward()
    (expected / 3).backward()
    for mine, theirs in zip((vectors, *output.parameters()), (copy, *other.parameters()), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5 * size)


def test_a_loss_that_is_not_finite_is_seen() -> None:
    for value in (torch.nan, torch.inf):
        vectors = torch.tensor([[value, 1.0]])
        assert not linear_cross_entropy(vectors, nn.Linear(2, 2), torch.tensor([0])).isfinite()


def test_where_it_is_not_used() -> None:
    vectors = torch.randn(2, 4)
    assert suits(vectors, nn.Linear(4, 3))
    assert not suits(vectors.double(), nn.Linear(4, 3))
    assert not suits(vectors, nn.Linear(4, MOST))
