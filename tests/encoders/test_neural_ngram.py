"""The neural n-gram model against equation 1 of Bengio et al. 2003, position by position."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from textladder.batch import Tokens
from textladder.encoders.neural_ngram import NeuralNgram
from textladder.errors import Problem

VOCABULARY = ["<pad>", "<unk>", "<s>", "</s>", *"abcdefgh"]
ROWS = [[2, 5, 6, 7, 8, 9], [], [4], [10, 11, 3]]


def build(order: int = 4, direct: bool = False) -> NeuralNgram:
    torch.manual_seed(0)
    config = NeuralNgram.Config(order=order, embedding_dim=5, hidden_dim=7, direct=direct)
    return NeuralNgram(config, VOCABULARY).eval()


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("order", [2, 3, 4, 9])
def test_a_state_is_the_equation_of_the_units_before(order: int, direct: bool) -> None:
    encoder = build(order, direct)
    states = encoder(Tokens.of_rows(ROWS)).states
    table, hidden = encoder.embedding.weight, encoder.hidden
    assert encoder.dim == 7 + direct * (order - 1) * 5
    for number, row in enumerate(ROWS):
        padded = [0] * (order - 2) + row
        for place in range(len(row)):
            x = table[padded[place : place + order - 1]].flatten()
            wanted = torch.tanh(hidden.weight @ x + hidden.bias)
            wanted = torch.cat([wanted, x]) if direct else wanted
            torch.testing.assert_close(states[number, place], wanted)


def test_direct_connections_are_those_of_the_paper() -> None:
    encoder = build(3, direct=True)
    output = torch.nn.Linear(encoder.dim, len(VOCABULARY))
    u, w = output.weight.split([7, 10], 1)
    x = encoder.embedding.weight[[5, 6]].flatten()
    wanted = output.bias + w @ x + u @ torch.tanh(encoder.hidden.weight @ x + encoder.hidden.bias)
    state = encoder(Tokens.of_rows([[4, 5, 6]])).states[0, 2]
    torch.testing.assert_close(output(state), wanted)


def test_dropout_is_on_states_too() -> None:
    encoder = build().train()
    states: Tensor = encoder(Tokens.of_rows([[4, 5, 6, 7] * 20])).states
    assert 0.05 < float((states == 0).float().mean()) < 0.4


def test_a_model_of_single_units_is_refused() -> None:
    with pytest.raises(Problem, match="an order of 1 looks at no unit"):
        build(1)
