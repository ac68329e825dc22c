"""The recurrent decoder against torch's recurrent nets and the papers' equations, unit by unit in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.decoders.written_out import (
    MEMORY,
    UNITS,
    additive,
    assert_as_written_out,
    attention,
    general,
    roughened,
    weights_of,
)
from textladder.decoders.decoder import Decoder
from textladder.decoders.recurrent import RecurrentDecoder

E, H, LAYERS = 5, 7, 2
NETS = {"gru": nn.GRU, "lstm": nn.LSTM}
SCORES = {"additive": additive, "general": general}


def stacked(decoder: RecurrentDecoder) -> nn.RNNBase:
    """All layers as one of torch's nets, which goes through a text by itself."""
    config = decoder.config
    fed = E if config.input_feeding else 0
    net = NETS[config.cell](E + fed, H, LAYERS).double()
    for number, layer in enumerate(decoder.layers):
        for name, weight in weights_of(layer, "nets.0.").items():
            getattr(net, name.replace("_l0", f"_l{number}")).data.copy_(weight)
    return net


def said(decoder: Decoder, ids: list[int], memory: Tensor, pooled: Tensor) -> Tensor:
    """s_t = net([y_{t-1}; f_{t-1}], s_{t-1}); c_t = attention of s_t; f_t = tanh(W [s_t; c_t; y_{t-1}])."""
    assert isinstance(decoder, RecurrentDecoder)
    config, net, weights = decoder.config, stacked(decoder), weights_of(decoder)
    # The first states, layer by layer, of an LSTM its output and then its cell.
    bridged = torch.tanh(weights["bridge.weight"] @ pooled + weights["bridge.bias"]).split(H)
    trained = [layer.initial.detach().double().reshape(-1, H) for layer in decoder.layers]
    first = [part + own for part, own in zip(bridged, torch.cat(trained), strict=True)]
    state: Any = torch.stack(first)[:, None]
    if config.cell == "lstm":
        state = (torch.stack(first[0::2])[:, None], torch.stack(first[1::2])[:, None])
    fed, found = torch.zeros(E, dtype=torch.float64), []
    for unit in ids:
        word = weights["own.weight"][unit]
        output, state = net(torch.cat([word, fed] if config.input_feeding else [word])[None, None], state)
        parts = [output[0, 0]]
        if config.attention != "none":
            score = partial(SCORES[config.attention], weights_of(decoder.attention, ""))
            parts.append(attention(score, parts[0], memory))
        if config.last_word:
            parts.append(word)
        fed = torch.tanh(weights["output.weight"] @ torch.cat(parts) + weights["output.bias"])
        found.append(fed)
    return torch.stack(found)


@pytest.mark.parametrize("cell", NETS)
@pytest.mark.parametrize("score", ["none", *SCORES])
@pytest.mark.parametrize("feeding", [False, True], ids=["plain", "fed"])
def test_the_same_as_the_equations(cell: Any, score: Any, feeding: bool) -> None:
    for last_word in (True, False):
        torch.manual_seed(1)
        config = RecurrentDecoder.Config(
            cell=cell, embedding_dim=E, hidden_dim=H, num_layers=LAYERS, attention=score, attention_dim=4,
            input_feeding=feeding, last_word=last_word,
        )  # fmt: skip
        assert_as_written_out(roughened(RecurrentDecoder(config, UNITS, MEMORY)), said)
