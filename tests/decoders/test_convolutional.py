"""The convolutional decoder against its equations, window by window in float64."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.decoders.written_out import (
    MEMORY,
    UNITS,
    Weights,
    additive,
    assert_as_written_out,
    attention,
    general,
    roughened,
    weights_of,
)
from textladder.decoders.convolutional import ConvolutionalDecoder
from textladder.decoders.decoder import Decoder

D, GATED, LAYERS = 6, 5, 3
SCORES = {"additive": additive, "general": general}


def norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean()
    scaled = centred / torch.sqrt((centred**2).mean() + 1e-5)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    return weights[f"{name}.weight"] @ x + weights[f"{name}.bias"]


def place(number: int) -> Tensor:
    """Vaswani et al. 2017, section 3.5."""
    angles = [number / 10000 ** (column // 2 * 2 / D) for column in range(D)]
    waves = [math.cos(a) if column % 2 else math.sin(a) for column, a in enumerate(angles)]
    return torch.tensor(waves, dtype=torch.float64)


def said(decoder: Decoder, ids: list[int], memory: Tensor, pooled: Tensor) -> Tensor:
    assert isinstance(decoder, ConvolutionalDecoder)
    config, weights = decoder.config, weights_of(decoder)
    words = [math.sqrt(D) * weights["own.weight"][unit] for unit in ids]
    if config.positions == "sinusoidal":
        words = [word + place(number) for number, word in enumerate(words)]
    x = words
    for block in decoder.blocks:
        own, normed, after = weights_of(block), [], []
        score = partial(SCORES[config.attention], weights_of(block, "attention."))
        for number, word in enumerate(words):
            normed.append(norm(own, "block.norm", x[number]))
            window = own["block.convolution.bias"].clone()
            for back in range(min(config.window, number + 1)):  # nothing stands before the first unit
                kernel = own["block.convolution.weight"][:, :, config.window - 1 - back]
                window += kernel @ normed[number - back]
            gated = window[:GATED] * torch.sigmoid(window[GATED:])
            h = x[number] + linear(own, "block.mix", gated)
            context = attention(score, norm(own, "norm", h + word), memory)
            after.append(h + linear(own, "back", context))
        x = after
    return torch.stack([norm(weights, "norm", vector) for vector in x])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("window", [1, 2, 3])
def test_the_same_as_the_equations(score: Any, window: int) -> None:
    for positions in ("sinusoidal", "none"):
        torch.manual_seed(1)
        config = ConvolutionalDecoder.Config(
            embedding_dim=D, hidden_dim=GATED, num_layers=LAYERS, window=window, attention=score,
            attention_dim=4, positions=positions,
        )  # fmt: skip
        assert_as_written_out(roughened(ConvolutionalDecoder(config, UNITS, MEMORY)), said)
