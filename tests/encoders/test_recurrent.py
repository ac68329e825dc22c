"""Recurrent encoders against torch.nn on packed texts, with the same weights: values and gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import rnn

from textladder.batch import Tokens
from textladder.encoders.recurrent import Gru, Lstm, RecurrentEncoder, Rnn
from textladder.errors import Problem
from textladder.layers.recurrent import reversal, reverse

VOCABULARY = [str(number) for number in range(12)]
ROWS = [[2, 3, 4], [5], [6, 7, 8, 9, 10, 11], [2, 9]]
LENGTHS = [len(row) for row in ROWS]
KINDS = [(Rnn, nn.RNN), (Lstm, nn.LSTM), (Gru, nn.GRU)]


def make(kind: type[RecurrentEncoder], **changes: Any) -> RecurrentEncoder:
    torch.manual_seed(0)
    encoder = kind(kind.Config(embedding_dim=5, hidden_dim=4, **changes), VOCABULARY)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "bias" in name or "initial" in name:
                parameter.normal_()
    return encoder.eval()


def torch_net(encoder: RecurrentEncoder, net: type[nn.RNNBase]) -> nn.RNNBase:
    """torch's own net of all layers and directions, with the encoder's weights."""
    config = encoder.config
    other = net(5, 4, config.num_layers, batch_first=True, bidirectional=config.bidirectional)
    for number, layer in enumerate(encoder.layers):
        for part, suffix in zip(layer.nets, ("", "_reverse"), strict=False):
            for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(other, f"{key}_l{number}{suffix}").data.copy_(getattr(part, f"{key}_l0").data)
    return other


def starts(encoder: RecurrentEncoder, batch: int) -> Any:
    states = torch.cat([layer.initial for layer in encoder.layers])  # [layers * R, S, 1, H]
    states = states.expand(-1, -1, batch, -1).transpose(0, 1).contiguous()
    return (states[0], states[1]) if len(states) == 2 else states[0]


def torch_states(encoder: RecurrentEncoder, net: nn.RNNBase) -> tuple[Tensor, Tensor]:
    """States [B, T, D] of packed texts, and the last hidden state of each direction [B, D]."""
    assert encoder.embedding is not None
    x = encoder.embedding(Tokens.of_rows(ROWS).ids)
    packed = rnn.pack_padded_sequence(x, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    output, final = net(packed, starts(encoder, len(ROWS)))
    hidden = final[0] if isinstance(final, tuple) else final
    directions = 2 if encoder.config.bidirectional else 1
    return rnn.pad_packed_sequence(output, batch_first=True)[0], torch.cat(tuple(hidden[-directions:]), -1)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("kind", "net"), KINDS)
def test_agrees_with_torch_on_packed_texts(
    kind: type[RecurrentEncoder], net: type[nn.RNNBase], num_layers: int, bidirectional: bool
) -> None:
    encoder = make(kind, num_layers=num_layers, bidirectional=bidirectional, pooling="last")
    other = torch_net(encoder, net)
    wanted, final = torch_states(encoder, other)
    encoded = encoder(Tokens.of_rows(ROWS))
    torch.testing.assert_close(encoded.states, wanted)
    torch.testing.assert_close(encoded.pooled, final)

    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1))
    (wanted * weights).sum().backward()
    gradients = {
        key: value.grad.clone() for key, value in encoder.named_parameters() if value.grad is not None
    }
    encoder.zero_grad()
    (encoded.states * weights).sum().backward()
    for number, layer in enumerate(encoder.layers):
        torch.testing.assert_close(layer.initial.grad, gradients[f"layers.{number}.initial"])
        for part, suffix in zip(layer.nets, ("", "_reverse"), strict=False):
            for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                got = getattr(part, f"{key}_l0").grad
                torch.testing.assert_close(got, getattr(other, f"{key}_l{number}{suffix}").grad)
    assert encoder.embedding is not None
    torch.testing.assert_close(encoder.embedding.weight.grad, gradients["embedding.weight"])


def test_an_lstm_step_is_the_equations() -> None:
    """Gers et al. 2000, equations in the order input, forget, candidate, output."""
    encoder = make(Lstm)
    part = encoder.layers[0].nets[0]
    state = encoder.layers[0].initial[0, :, 0]  # [2, H]
    h, c = state[0], state[1]
    for unit in ROWS[0]:
        x = encoder.embedding.weight[unit]
        z = part.weight_ih_l0 @ x + part.bias_ih_l0 + part.weight_hh_l0 @ h + part.bias_hh_l0
        i, f, g, o = z.chunk(4)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
    torch.testing.assert_close(encoder(Tokens.of_rows([ROWS[0]])).states[0, -1], h)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [[1, 2, 3], [4, 5, 6]], [[]]])
def test_reversal_turns_each_text_within_its_own_length(rows: list[list[int]]) -> None:
    tokens = Tokens.of_rows(rows)
    turned = reverse(tokens.ids[..., None], reversal(tokens)).squeeze(-1)
    wanted = Tokens.of_rows([row[::-1] for row in rows]).ids
    assert torch.equal(turned, wanted)


def test_reverse_has_the_gradient_of_a_permutation() -> None:
    tokens = Tokens.of_rows(ROWS)
    x = torch.randn(len(ROWS), tokens.width, 2, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda values: reverse(values, reversal(tokens)), x)


def test_it_starts_as_documented() -> None:
    torch.manual_seed(0)
    layer = Lstm(Lstm.Config(hidden_dim=8), VOCABULARY).layers[0]
    part = layer.nets[0]
    for gate in part.weight_hh_l0.detach().split(8):
        torch.testing.assert_close(gate @ gate.T, torch.eye(8), atol=1e-5, rtol=0)
    assert (part.bias_ih_l0 + part.bias_hh_l0).tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16
    assert layer.initial.abs().sum() == 0


@pytest.mark.parametrize(
    ("changes", "place"), [({"num_layers": 0}, "encoder.num_layers"), ({"pooling": "men"}, "encoder.pooling")]
)
def test_a_wrong_choice_is_a_problem(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(Problem) as raised:
        make(Gru, **changes)
    assert raised.value.where == place
