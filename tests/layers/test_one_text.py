"""One text's walk against torch's recurrent nets."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from textladder.layers import one_text
from textladder.layers.recurrent import RecurrentLayer

NETS = [
    (nn.LSTM, {}),
    (nn.GRU, {}),
    (nn.RNN, {"nonlinearity": "tanh"}),
    (nn.RNN, {"nonlinearity": "relu"}),
]


def layer(net: Any, options: dict[str, str], bidirectional: bool) -> RecurrentLayer:
    torch.manual_seed(0)
    made = RecurrentLayer(net, 7, 20, bidirectional, **options)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.2)
    return made.eval()


@pytest.mark.parametrize("units", [1, 2, 40])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("net", "options"), NETS)
def test_it_is_what_torch_says(net: Any, options: dict[str, str], bidirectional: bool, units: int) -> None:
    made, x = layer(net, options, bidirectional), torch.randn(1, units, 7)
    wanted = made(x, None)  # with gradients: torch's own
    assert wanted.requires_grad
    with torch.inference_mode():
        assert one_text.can_walk(x)
        found = made(x, None)
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-5, atol=1e-6)


def test_weights_are_read_anew() -> None:
    made, x = layer(nn.LSTM, {}, True), torch.randn(1, 9, 7)
    with torch.no_grad():
        first = made(x, None)
        made.nets[0].weight_hh_l0.mul_(2)
        second = made(x, None)
    assert not torch.equal(first[..., :20], second[..., :20])
    assert torch.equal(first[..., 20:], second[..., 20:])


def test_others_go_torchs_way() -> None:
    one, two = torch.randn(1, 3, 7), torch.randn(2, 3, 7)
    assert not one_text.can_walk(one)  # gradients are on
    with torch.no_grad():
        assert one_text.can_walk(one)
        assert not one_text.can_walk(two)
        assert not one_text.can_walk(one.bfloat16())
        assert not one_text.can_walk(one.to("meta"))
