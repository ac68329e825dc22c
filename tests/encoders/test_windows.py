"""The maxima of `WindowMaxima` and their gradients against convolution and maximum over padded texts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from textladder.batch import Tokens
from textladder.encoders.cnn import Cnn
from textladder.layers import windows
from textladder.layers.convolution import Convolution
from textladder.layers.pooling import maximum
from textladder.layers.together import one_thread_each
from textladder.layers.windows import WindowMaxima, Windows

DIM = 6
ROWS = [[3, 4, 5, 6, 7], [], [8], [9, 3], [], [4, 4, 4, 4, 4, 4, 4, 4, 4], []]


def convolutions(widths: tuple[int, ...], causal: bool = False) -> list[Convolution]:
    torch.manual_seed(0)
    layers = [Convolution(DIM, 5 + width, width, causal=causal) for width in widths]
    for layer in layers:
        torch.nn.init.normal_(layer.bias)
    return layers


def table() -> Tensor:
    vectors = torch.randn(12, DIM, generator=torch.Generator().manual_seed(1))
    vectors[0] = 0
    return vectors.requires_grad_()


def by_windows(
    vectors: Tensor, tokens: Tokens, layers: list[Convolution], kept: Tensor | None = None
) -> Tensor:
    seen = Windows(layers)
    ids, starts, stops = seen.spread(tokens)
    parameters = [layer.weight for layer in layers] + [layer.bias for layer in layers]
    return WindowMaxima.apply(vectors[ids], seen, starts, stops, kept, *parameters)


def by_convolution(vectors: Tensor, tokens: Tokens, layers: list[Convolution]) -> Tensor:
    x = vectors[tokens.ids]
    return torch.cat([maximum(layer(x), tokens.mask) for layer in layers], -1)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("widths", [(1,), (2,), (4,), (3, 4, 5), (2, 3, 4, 5, 6), (1, 8)])
def test_values_and_gradients_are_those_of_convolution_and_maximum(
    monkeypatch: pytest.MonkeyPatch, widths: tuple[int, ...], causal: bool, compiled: bool
) -> None:
    monkeypatch.setattr(windows, "registers_hold", lambda: compiled)
    layers, vectors, tokens = convolutions(widths, causal), table(), Tokens.of_rows(ROWS)
    got, wanted = by_windows(vectors, tokens, layers), by_convolution(vectors, tokens, layers)
    torch.testing.assert_close(got, wanted)
    parameters = [vectors] + [p for layer in layers for p in layer.parameters()]
    weights = torch.randn(got.shape)
    gradients = torch.autograd.grad((got * weights).sum(), parameters)
    for one, other in zip(gradients, torch.autograd.grad((wanted * weights).sum(), parameters), strict=True):
        # Row 0 is padding's; what a padded text adds to its gradient, the embedding leaves out.
        torch.testing.assert_close(
            one[1:] if len(one) == len(vectors) else one, other[1:] if len(other) == len(vectors) else other
        )


@pytest.mark.parametrize("compiled", [False, True])
def test_answers_that_are_not_wanted_change_no_others(
    monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    monkeypatch.setattr(windows, "registers_hold", lambda: compiled)
    layers, vectors, tokens = convolutions((3, 4, 5)), table(), Tokens.of_rows(ROWS)
    kept = (torch.rand(len(ROWS), 27, generator=torch.Generator().manual_seed(2)) < 0.4) * 2.5
    parameters = [vectors] + [p for layer in layers for p in layer.parameters()]
    found = []
    for given in (None, kept):
        pooled = by_windows(vectors, tokens, layers, given) * kept
        found.append([pooled, *torch.autograd.grad(pooled.square().sum(), parameters)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("compiled", [False, True])
def test_many_rows_are_the_same_in_parts(monkeypatch: pytest.MonkeyPatch, compiled: bool) -> None:
    """More rows than one product takes."""
    monkeypatch.setattr(windows, "registers_hold", lambda: compiled)
    layers, vectors = convolutions((3, 4)), table()
    tokens = Tokens.of_rows([torch.randint(1, 12, (length,)).tolist() for length in range(80)])
    torch.testing.assert_close(by_windows(vectors, tokens, layers), by_convolution(vectors, tokens, layers))


def test_bfloat16_rounds_products_alone() -> None:
    layers, vectors, tokens = convolutions((3, 4, 5)), table(), Tokens.of_rows(ROWS)
    with torch.autocast("cpu", torch.bfloat16):
        got = by_windows(vectors, tokens, layers)
    rounded, halves = convolutions((3, 4, 5)), vectors.detach().bfloat16().float()
    for layer in rounded:
        layer.weight.data = layer.weight.data.bfloat16().float()
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, by_convolution(halves, tokens, rounded), rtol=2**-8, atol=0.02)
    (gradient,) = torch.autograd.grad(got.sum(), vectors)
    wanted = torch.autograd.grad(by_windows(vectors, tokens, layers).sum(), vectors)[0]
    assert (gradient == wanted).float().mean() > 0.9  # another window is the largest where two are as good


def test_the_number_of_threads_changes_nothing() -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            layers, vectors, tokens = convolutions((3, 4, 5)), table(), Tokens.of_rows(ROWS)
            with one_thread_each():
                pooled = by_windows(vectors, tokens, layers)
                pooled.square().sum().backward()
            # Without padding's own gradient, which the embedding leaves out.
            found.append(
                [pooled, vectors.grad[1:], *(p.grad for layer in layers for p in layer.parameters())]
            )
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_a_frozen_table_gets_no_gradient_and_the_filters_do() -> None:
    layers, vectors = convolutions((3,)), table().detach()
    by_windows(vectors, Tokens.of_rows(ROWS), layers).sum().backward()
    assert layers[0].weight.grad is not None
    assert layers[0].weight.grad.abs().sum() > 0


def test_the_encoder_gives_the_same_on_either_way() -> None:
    config = Cnn.Config(embedding_dim=8, num_filters=6)
    torch.manual_seed(0)
    encoder = Cnn(config, [str(number) for number in range(12)]).eval()
    tokens = Tokens.of_rows(ROWS)
    assert not encoder.pads
    assert Cnn(replace(config, pooling="mean"), ["a"]).pads
    pooled = encoder(tokens).pooled
    assert encoder.double().pads
    torch.testing.assert_close(pooled, encoder(tokens).pooled.float())
