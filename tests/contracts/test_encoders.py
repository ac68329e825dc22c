"""What every entry of ENCODERS promises, for its defaults and for every choice that its Config offers.

A new encoder needs no test file to be held to this: each field of its Config that is a Literal or a
bool is tried with every value.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import safetensors.torch
import torch
from torch import Tensor

from textladder.batch import Encoded, Ragged, Tokens
from textladder.encoders import ENCODERS, encoder_class
from textladder.encoders.encoder import Encoder

VOCABULARY = ["<pad>", "<unk>", *(f"unit{number}" for number in range(2, 20))]
ROWS = [[2, 3, 4, 5, 6, 7, 8], [9, 10, 11], [], [12], [13, 14, 15, 16, 17, 18, 19, 2, 2, 5, 1, 3]]
SMALL = {
    "embedding_dim": 16,
    "hidden_dim": 8,
    "feedforward_dim": 24,
    "num_filters": 6,
    "num_heads": 2,
    "max_length": 32,
    "dim": 8,
    "max_ngrams": 64,
}


def small_config(name: str) -> Any:
    config = encoder_class(name).Config()
    known = {field.name for field in dataclasses.fields(config)}
    return dataclasses.replace(config, **{key: value for key, value in SMALL.items() if key in known})


def choices(name: str) -> list[Any]:
    """The small config of an encoder, and that with one field changed, for every value the field can take."""
    kind, base = encoder_class(name), small_config(name)
    hints = get_type_hints(kind.Config, vars(importlib.import_module(kind.__module__)))
    changes: list[dict[str, Any]] = [{}]
    for field in dataclasses.fields(base):
        hint, now = hints[field.name], getattr(base, field.name)
        values = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
        changes += [{field.name: value} for value in values if value != now]
        if field.name == "num_layers":
            changes.append({"num_layers": 3 - min(now, 2)})
    if "bidirectional" in hints:
        changes += [{"bidirectional": True, "pooling": "last"}, {"bidirectional": True, "num_layers": 2}]
    return [dataclasses.replace(base, **change) for change in changes]


def cases() -> list[Any]:
    found = []
    for name in ENCODERS:
        for config in choices(name):
            plain = small_config(name)
            changed = [
                f"{field.name}={getattr(config, field.name)}"
                for field in dataclasses.fields(config)
                if getattr(config, field.name) != getattr(plain, field.name)
            ]
            found.append(pytest.param(name, config, id="-".join([name, *changed])))
    return found


each_case = pytest.mark.parametrize(("name", "config"), cases())


def build(name: str, config: Any, seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    encoder = encoder_class(name)(config, VOCABULARY)
    encoder.prepare([Ragged.of(ROWS)], [Ragged.of([[0], [1], [1], [0], [2]])])
    with torch.no_grad():  # so that biases and initial states which start at zero are seen to work
        for parameter in encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        if encoder.embedding is not None:
            encoder.embedding.weight[0] = 0
    return encoder.eval()


def encode(encoder: Encoder, rows: list[list[int]], wider: int = 0) -> Encoded:
    tokens = Tokens.of_rows(rows)
    with torch.no_grad():
        return encoder(tokens.padded_to(tokens.width + wider))


def assert_close(got: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=2e-6)


def loss_of(encoded: Encoded) -> Tensor:
    """A number that every pooled value and every state has its own part in."""
    generator = torch.Generator().manual_seed(3)
    return sum(
        (part * torch.randn(part.shape, generator=generator)).sum()
        for part in (encoded.pooled, encoded.states)
    )


@each_case
def test_shapes_are_those_promised(name: str, config: Any) -> None:
    encoder = build(name, config)
    encoded = encode(encoder, ROWS)
    assert encoded.pooled.shape == (len(ROWS), encoder.dim)
    assert encoded.states.shape == (len(ROWS), 12, encoder.dim)
    assert encoded.mask.sum(1).tolist() == [len(row) for row in ROWS]


@each_case
def test_more_padding_changes_nothing(name: str, config: Any) -> None:
    encoder = build(name, config)
    narrow, wide = encode(encoder, ROWS), encode(encoder, ROWS, wider=7)
    assert_close(wide.pooled, narrow.pooled)
    assert_close(wide.states[:, :12], narrow.states)


@each_case
def test_states_are_zero_at_padding(name: str, config: Any) -> None:
    encoded = encode(build(name, config), ROWS, wider=3)
    assert encoded.states[~encoded.mask].abs().sum() == 0
    assert encoded.states[encoded.mask].abs().sum(-1).min() > 0


@each_case
def test_a_text_does_not_depend_on_its_batch(name: str, config: Any) -> None:
    encoder = build(name, config)
    together = encode(encoder, ROWS)
    for number, row in enumerate(ROWS):
        alone = encode(encoder, [row])
        assert_close(alone.pooled[0], together.pooled[number])
        assert_close(alone.states[0, : len(row)], together.states[number, : len(row)])
    shuffled = encode(encoder, ROWS[::-1])
    assert_close(shuffled.pooled.flip(0), together.pooled)


@each_case
def test_a_causal_encoder_sees_no_later_unit(name: str, config: Any) -> None:
    encoder = build(name, config)
    if not encoder.causal:
        assert not getattr(config, "causal", False)
        return
    row = ROWS[4]
    full = encode(encoder, [row]).states[0]
    for stop in range(1, len(row)):
        changed = encode(encoder, [row[:stop] + [7] * (len(row) - stop)]).states[0]
        assert_close(changed[:stop], full[:stop])
        assert_close(encode(encoder, [row[:stop]]).states[0], full[:stop])


@each_case
def test_every_parameter_gets_gradient(name: str, config: Any) -> None:
    encoder = build(name, config)
    loss_of(encoder(Tokens.of_rows(ROWS))).backward()
    for key, parameter in encoder.named_parameters():
        assert parameter.grad is not None, key
        gradient = parameter.grad.coalesce().values() if parameter.grad.is_sparse else parameter.grad
        assert gradient.isfinite().all(), key
        assert gradient.abs().sum() > 0, key


@each_case
@pytest.mark.parametrize("rows", [[[]], [[], []], [[], [3, 4]]], ids=["one empty", "all empty", "one of two"])
def test_an_empty_text_works_forward_and_backward(name: str, config: Any, rows: list[list[int]]) -> None:
    encoder = build(name, config).train()
    encoded = encoder(Tokens.of_rows(rows))
    loss_of(encoded).backward()
    assert encoded.pooled.isfinite().all()
    assert encoded.states[0].abs().sum() == 0
    for key, parameter in encoder.named_parameters():
        if parameter.grad is not None and not parameter.grad.is_sparse:
            assert parameter.grad.isfinite().all(), key


@each_case
def test_bfloat16_agrees_with_float32(name: str, config: Any) -> None:
    encoder = build(name, config)
    wanted = encode(encoder, ROWS)
    with torch.autocast("cpu", torch.bfloat16):
        got = encoder(Tokens.of_rows(ROWS))
        loss = loss_of(Encoded(got.pooled.float(), got.mask, got.states.float()))
    loss.backward()
    # bfloat16 keeps 8 bits: 0.4 % of each rounding, a few roundings deep.
    for half, full in ((got.pooled, wanted.pooled), (got.states, wanted.states)):
        assert (half.float() - full).norm() <= 0.03 * full.norm()
    assert all(
        parameter.grad is None or parameter.grad.dtype == torch.float32 for parameter in encoder.parameters()
    )


@each_case
def test_saved_and_loaded_it_gives_the_same(name: str, config: Any) -> None:
    encoder = build(name, config)
    other = build(name, config, seed=1)
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(encoder.state_dict())))
    assert torch.equal(encode(other, ROWS).pooled, encode(encoder, ROWS).pooled)
    assert torch.equal(encode(other, ROWS).states, encode(encoder, ROWS).states)


@each_case
def test_another_device_agrees(name: str, config: Any) -> None:
    """Values where there is a GPU; elsewhere shapes on the device that holds none, which shows a tensor
    made on the wrong device just as well. Bags read the values of their ids and weights on the
    processor, so there only a GPU can tell, and without one their tensors' type stands in for the
    device."""
    encoder = build(name, config)
    wanted = encode(encoder, ROWS).pooled
    tokens = Tokens.of_rows(ROWS)
    if torch.cuda.is_available():
        pooled = encoder.to("cuda")(tokens.to("cuda")).pooled
        assert pooled.device.type == "cuda"
        torch.testing.assert_close(pooled.cpu(), wanted, rtol=1e-3, atol=1e-4)
    elif encoder.pads:
        pooled = encoder.to("meta")(tokens.to("meta")).pooled
        assert (pooled.device.type, pooled.shape) == ("meta", wanted.shape)
    else:
        torch.testing.assert_close(encoder.double()(tokens).pooled, wanted.double(), rtol=1e-5, atol=1e-5)


@each_case
def test_dropout_is_for_training_only(name: str, config: Any) -> None:
    rates = {field.name for field in dataclasses.fields(config) if field.name.endswith("dropout")}
    encoder = build(name, dataclasses.replace(config, **dict.fromkeys(rates, 0.5)))
    assert torch.equal(encode(encoder, ROWS).pooled, encode(encoder, ROWS).pooled)
    encoder.train()
    many = [ROWS[0]] * 20
    assert not torch.equal(encode(encoder, many).pooled, encode(encoder, many).pooled)


@pytest.mark.parametrize("name", ENCODERS)
def test_it_names_its_source_and_its_embedding(name: str) -> None:
    encoder = build(name, small_config(name))
    assert "http" in encoder.source
    if encoder.embedding is not None:
        assert encoder.embedding.num_embeddings >= len(VOCABULARY)
