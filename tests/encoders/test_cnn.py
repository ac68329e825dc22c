"""Convolutional encoders against explicit loops; the receptive field against what gradients reach."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from textladder.batch import Tokens
from textladder.encoders.cnn import Cnn
from textladder.encoders.rescnn import ResidualCnn
from textladder.errors import Problem
from textladder.layers.convolution import Convolution

VOCABULARY = [str(number) for number in range(12)]
ROWS = [[2, 3, 4], [5], [6, 7, 8, 9, 10, 11], []]


def looped(x: Tensor, layer: Convolution) -> Tensor:
    """[T, D] -> [T, K], one output at a time, zeros beyond the text."""
    outputs = []
    for place in range(len(x)):
        total = layer.bias.clone()
        for offset in range(layer.weight.shape[2]):
            source = place - layer.before + offset * layer.dilation
            if 0 <= source < len(x):
                total = total + layer.weight[:, :, offset] @ x[source]
        outputs.append(total)
    return torch.stack(outputs)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5])
def test_convolution_is_the_loop(width: int, dilation: int, causal: bool) -> None:
    torch.manual_seed(0)
    layer = Convolution(3, 4, width, dilation, causal)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 7, 3)
    torch.testing.assert_close(layer(x), torch.stack([looped(row, layer) for row in x]))


def test_cnn_is_the_loop() -> None:
    """Kim 2014, equations 2-4."""
    torch.manual_seed(0)
    encoder = Cnn(Cnn.Config(embedding_dim=5, num_filters=3), VOCABULARY).eval()
    for layer in encoder.convolutions:
        torch.nn.init.normal_(layer.bias)
    encoded = encoder(Tokens.of_rows(ROWS))
    for number, row in enumerate(ROWS[:3]):
        x = encoder.embedding.weight[torch.tensor(row)]
        features = torch.cat([looped(x, layer) for layer in encoder.convolutions], -1).relu()
        torch.testing.assert_close(encoded.pooled[number], features.amax(0))
        torch.testing.assert_close(encoded.states[number, : len(row)], features)
    assert encoded.pooled[3].abs().sum() == 0


def reached(encoder: ResidualCnn, length: int, place: int) -> list[int]:
    """Places of the units that the state at `place` depends on."""
    rows = [list(range(2, length + 2))]
    encoder(Tokens.of_rows(rows)).states[0, place].square().sum().backward()
    touched = encoder.embedding.weight.grad.abs().sum(-1) > 0
    return [unit - 2 for unit in touched.nonzero().flatten().tolist()]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("num_layers", "window"), [(1, 3), (2, 3), (3, 3), (2, 2), (2, 5)])
def test_receptive_field_is_what_gradients_reach(num_layers: int, window: int, causal: bool) -> None:
    torch.manual_seed(0)
    length, place = 60, 30
    config = ResidualCnn.Config(embedding_dim=8, num_layers=num_layers, window=window, causal=causal)
    encoder = ResidualCnn(config, [str(number) for number in range(length + 2)]).eval()
    seen = reached(encoder, length, place)
    assert len(seen) == encoder.receptive_field
    assert seen == list(range(seen[0], seen[0] + encoder.receptive_field))
    assert not causal or seen[-1] == place
    assert f"receptive_field={encoder.receptive_field} units" in repr(encoder)


def test_wrong_choices_are_problems() -> None:
    for build in (
        lambda: Cnn(Cnn.Config(windows=()), VOCABULARY),
        lambda: Cnn(Cnn.Config(windows=(3, 0)), VOCABULARY),
        lambda: ResidualCnn(ResidualCnn.Config(num_layers=0), VOCABULARY),
    ):
        with pytest.raises(Problem, match="encoder"):
            build()
