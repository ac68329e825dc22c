"""Dropout with one choice per text or per unit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from textladder.batch import Tokens
from textladder.encoders.recurrent import Lstm
from textladder.layers.locked import LockedDropout, UnitDropout
from textladder.layers.recurrent import RecurrentLayer


def test_locked_dropout_leaves_out_the_same_at_all_units() -> None:
    torch.manual_seed(0)
    kept = LockedDropout(0.25)(torch.ones(50, 7, 40))
    assert (kept == kept[:, :1]).all()
    assert {round(value, 4) for value in kept.unique().tolist()} == {0.0, round(1 / 0.75, 4)}
    assert float((kept == 0).float().mean()) == pytest.approx(0.25, abs=0.04)
    assert (kept[0] != kept[1]).any()


def test_unit_dropout_leaves_out_units_wherever_they_stand() -> None:
    torch.manual_seed(0)
    ids = torch.randint(0, 300, (20, 60))
    kept = UnitDropout(0.4, 300)(torch.ones(20, 60, 3), ids)
    for unit in ids.unique().tolist():
        assert len(kept[ids == unit].unique()) == 1
    gone = torch.tensor([kept[ids == unit][0, 0] == 0 for unit in ids.unique().tolist()])
    assert float(gone.float().mean()) == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("module", [LockedDropout(0.5), LockedDropout(0.0)])
def test_out_of_training_or_at_rate_zero_nothing_happens(module: LockedDropout) -> None:
    x = torch.randn(2, 3, 4)
    if module.rate:
        module.eval()
    assert module(x) is x
    assert UnitDropout(0.0, 5)(x, torch.zeros(2, 3, dtype=torch.long)) is x


def test_weight_drop_is_one_choice_for_all_units_and_has_the_gradient_of_what_is_left() -> None:
    torch.manual_seed(0)
    layer = RecurrentLayer(nn.RNN, 4, 6, False, 0.5)
    x = torch.randn(2, 5, 4)
    torch.manual_seed(3)
    output, _ = layer.run(x, layer.start(2))
    output.sum().backward()
    gradient = layer.nets[0].weight_hh_l0.grad
    assert isinstance(gradient, torch.Tensor)
    torch.manual_seed(3)
    (weights,) = layer._weights()
    dropped = weights[1] == 0
    assert 8 <= int(dropped.sum()) <= 28
    assert (gradient[dropped] == 0).all()
    hidden = torch.zeros(2, 6)
    for unit in range(5):
        hidden = torch.tanh(x[:, unit] @ weights[0].T + weights[2] + hidden @ weights[1].T + weights[3])
        torch.testing.assert_close(output[:, unit], hidden)


def test_by_default_only_what_was_there_before_is_left_out() -> None:
    """Recipes of classifiers train as they did: no further random number is drawn."""
    config = Lstm.Config(embedding_dropout=0.0, dropout=0.0, word_dropout=0.0)
    assert not config.locked
    encoder = Lstm(config, ["a"] * 9).train()
    before = torch.get_rng_state()
    encoder(Tokens.of_rows([[2, 3, 4], [5]])).states.sum().backward()
    assert torch.equal(torch.get_rng_state(), before)
