"""Pooling against a loop over texts; what the embedding does in training."""

from __future__ import annotations

import pytest
import torch

from textladder.batch import Tokens
from textladder.errors import Problem
from textladder.layers import pooling
from textladder.layers.dropout import Dropout
from textladder.layers.embedding import PAD, UNKNOWN, UnitEmbedding

TOKENS = Tokens.of_rows([[1, 2, 3], [1], [], [1, 2, 3, 4, 5]])
LOOPED = {
    "mean": lambda x: x.mean(0),
    "max": lambda x: x.amax(0),
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
}


@pytest.mark.parametrize("name", ["mean", "max", "first", "last", "attention"])
def test_pooling_is_the_loop_and_does_not_read_padding(name: pooling.PoolingName) -> None:
    torch.manual_seed(0)
    states = torch.randn(4, 5, 3) - 2  # the largest value of a text may be below zero
    layer = pooling.make_pooling(name, 3)
    if isinstance(layer, pooling.AttentionPooling):

        def one(x: torch.Tensor) -> torch.Tensor:
            return layer.score(torch.tanh(layer.hidden(x))).softmax(0).T[0] @ x
    else:
        one = LOOPED[name]
    pooled = layer(states, TOKENS.mask)
    for number, length in enumerate(TOKENS.lengths.tolist()):
        wanted = one(states[number, :length]) if length else torch.zeros(3)
        torch.testing.assert_close(pooled[number], wanted)
    other = states.masked_fill(~TOKENS.mask[..., None], 1e4)
    torch.testing.assert_close(layer(other, TOKENS.mask), pooled)


def test_attention_weights_are_shares() -> None:
    layer = pooling.AttentionPooling(3)
    weights = layer.weights(torch.randn(4, 5, 3), TOKENS.mask)
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0, 1.0, 0.0, 1.0]))
    assert weights[~TOKENS.mask].sum() == 0


def test_an_unknown_pooling_is_a_problem() -> None:
    with pytest.raises(Problem, match="Did you mean max"):
        pooling.make_pooling("maxx", 3)  # type: ignore[arg-type]


def test_word_dropout_reads_that_share_of_units_as_unknown() -> None:
    torch.manual_seed(0)
    layer = UnitEmbedding(10, 1, word_dropout=0.25)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(10.0)[:, None])
    ids = torch.cat([torch.full((4000,), 7), torch.full((100,), PAD)])
    read = layer(ids).squeeze(-1).detach()
    assert set(read[:4000].tolist()) == {float(UNKNOWN), 7.0}
    assert (read[:4000] == UNKNOWN).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert read[4000:].abs().sum() == 0
    assert torch.equal(layer.eval()(ids).squeeze(-1), ids.float())


def test_the_row_of_padding_stays_zero() -> None:
    layer = UnitEmbedding(10, 4)
    assert layer.weight[PAD].abs().sum() == 0
    assert layer.weight[1:].std().item() == pytest.approx(0.1, abs=0.04)
    layer(torch.tensor([[PAD, 3]])).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad[PAD].abs().sum() == 0


def test_a_sparse_gradient_is_the_dense_one_in_the_rows_that_were_read() -> None:
    ids = torch.tensor([[4, 2, 4, PAD], [7, PAD, PAD, PAD]])
    weights, gradients = torch.randn(2, 4, 3), []
    for sparse in (False, True):
        torch.manual_seed(0)
        layer = UnitEmbedding(10, 3, word_dropout=0.3, dropout=0.3, sparse=sparse)
        (layer(ids) * weights).sum().backward()
        gradients.append(layer.weight.grad)
    dense, found = gradients
    assert found is not None
    assert set(found._indices()[0].tolist()) <= {UNKNOWN, 2, 4, 7}
    assert found._indices()[0].diff().min() > 0
    torch.testing.assert_close(found.to_dense(), dense)
    layer(torch.zeros(2, 0, dtype=torch.int64)).sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_leaves_out_that_share_and_keeps_the_mean(rate: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer, x = Dropout(rate), torch.ones(999, 101, requires_grad=True, dtype=dtype)
    y = layer(x)
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.005)
    assert y.double().mean().item() == pytest.approx(1, abs=0.02)
    assert len(set(y.detach().flatten().tolist())) == 2
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    torch.manual_seed(0)
    assert torch.equal(layer(x), y)
    assert layer.eval()(x) is x


def test_dropout_draws_are_independent_of_their_place() -> None:
    """Four values share a draw: neighbours must not know of each other."""
    torch.manual_seed(0)
    kept = (Dropout(0.5)(torch.ones(100_000, 8)) > 0).float()
    correlation = torch.corrcoef(kept.T) - torch.eye(8)
    assert correlation.abs().max() < 0.015


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_dropout_of_nothing_and_of_everything(rate: float) -> None:
    assert torch.equal(Dropout(rate)(torch.ones(5)), torch.full((5,), 1 - rate))


def test_max_pooling_has_the_gradient_of_the_largest_value() -> None:
    states = torch.randn(4, 5, 3, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pooling.maximum(x, TOKENS.mask), states)
