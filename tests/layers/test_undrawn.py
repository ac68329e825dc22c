"""Nets whose first weights are not drawn."""

from __future__ import annotations

import torch
from torch import nn

from textladder.layers.undrawn import Undrawn


def made() -> nn.Module:
    net = nn.LSTM(3, 4)
    for name, weight in net.named_parameters():
        nn.init.orthogonal_(weight) if name.startswith("weight") else nn.init.constant_(weight, 2.0)
    return nn.ModuleList([net, nn.Embedding(5, 3), nn.Linear(3, 2), nn.LayerNorm(2)])


def test_no_number_is_drawn_and_all_else_is_as_ever() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Undrawn():
        net = made()
    assert torch.equal(torch.get_rng_state(), before)
    drawn = made()
    assert {name: p.shape for name, p in net.named_parameters()} == {
        name: p.shape for name, p in drawn.named_parameters()
    }
    assert (net[0].bias_hh_l0 == 2).all()
    assert (net[3].weight == 1).all()
    assert not torch.equal(torch.get_rng_state(), before)
