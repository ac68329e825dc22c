"""The gated convolutions against their equations, unit by unit; the receptive field; texts of any length in
one batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from textladder.batch import Tokens
from textladder.encoders.causal_cnn import CausalCnn
from textladder.layers.gated import GatedBlock

VOCABULARY = ["<pad>", "<unk>", *"abcdefghijklmnopqr"]


def build(**options: Any) -> CausalCnn:
    torch.manual_seed(0)
    config = replace(CausalCnn.Config(embedding_dim=6, hidden_dim=5), **options)
    return CausalCnn(config, VOCABULARY).eval()


def blocks(encoder: CausalCnn) -> list[GatedBlock]:
    return [cast(GatedBlock, block) for block in encoder.blocks]


def reference(encoder: CausalCnn, row: list[int]) -> Tensor:
    """[T, D] as the papers have it: one place, one tap at a time."""
    x = encoder.embedding.weight[row]
    for block in blocks(encoder):
        layer, normed, added = block.convolution, block.norm(x), []
        width = layer.weight.shape[2]
        for place in range(len(row)):
            total = layer.bias.clone()
            for tap in range(width):
                seen = place - (width - 1 - tap) * layer.dilation
                if seen >= 0:
                    total = total + layer.weight[:, :, tap] @ normed[seen]
            a, b = total.chunk(2)
            added.append(block.mix(a * torch.sigmoid(b)))
        x = x + torch.stack(added)
    return cast(Tensor, encoder.norm(x))


@pytest.mark.parametrize("options", [{}, {"window": 2, "cycle": 3}, {"num_layers": 2, "window": 1}], ids=str)
def test_states_are_those_of_the_equations(options: dict[str, int]) -> None:
    encoder, row = build(**options), [2, 7, 3, 9, 4, 11, 5, 13, 6, 15, 8, 2, 3, 4]
    with torch.no_grad():
        torch.testing.assert_close(encoder(Tokens.of_rows([row])).states[0], reference(encoder, row))


@pytest.mark.parametrize(
    ("layers", "window", "cycle", "wanted"), [(6, 3, 4, 37), (3, 2, 9, 8), (2, 1, 1, 1), (4, 3, 1, 9)]
)
def test_the_receptive_field_is_what_a_state_depends_on(
    layers: int, window: int, cycle: int, wanted: int
) -> None:
    encoder = build(num_layers=layers, window=window, cycle=cycle)
    assert encoder.receptive_field == wanted
    assert encoder.reach == wanted - 1
    assert f"receptive_field={wanted} units" in repr(encoder)
    row = torch.randint(2, 20, (60,), generator=torch.Generator().manual_seed(1)).tolist()
    vectors: list[Tensor] = []
    handle = encoder.embedding.register_forward_hook(lambda *given: _keep(given[2], vectors))
    encoder(Tokens.of_rows([row])).states[0, -1].square().sum().backward()
    handle.remove()
    assert vectors[0].grad is not None
    touched = vectors[0].grad[0].abs().sum(-1).nonzero().flatten()
    assert (int(touched[0]), int(touched[-1])) == (60 - wanted, 59)


def _keep(vectors: Tensor, kept: list[Tensor]) -> None:
    vectors.retain_grad()
    kept.append(vectors)


def test_texts_of_one_length_of_several_and_of_many_are_read_alike() -> None:
    """Without padding, with it, and on one strip: the three ways through `forward`."""
    encoder = build()
    short, long = [[2, 3, 4, 5], [6, 7, 8, 9]], [list(range(2, 20)) * 4, list(range(2, 15)) * 9]
    with torch.no_grad():
        for rows in (short, [*short, [5]], long):
            states = encoder(Tokens.of_rows(rows)).states
            for number, row in enumerate(rows):
                torch.testing.assert_close(states[number, : len(row)], reference(encoder, row))


def test_the_state_of_stepping_does_not_grow() -> None:
    encoder = build()
    state = encoder.start(2)
    sizes = [part.shape for part in state]
    for unit in range(2, 12):
        _, state = encoder.step(torch.tensor([unit, unit]), state)
        assert [part.shape for part in state] == sizes
    assert isinstance(encoder.embedding, nn.Embedding)
