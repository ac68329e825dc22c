"""Parts of a batch on threads of their own give what the whole batch gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from textladder.batch import Encoded, Tokens
from textladder.encoders.attention import SelfAttention
from textladder.layers import parts
from textladder.layers.parts import FEWEST_UNITS, parted
from textladder.layers.together import one_thread_each

CONFIG = SelfAttention.Config(
    embedding_dim=16,
    num_heads=2,
    feedforward_dim=32,
    causal=True,
    embedding_dropout=0.0,
    word_dropout=0.0,
    dropout=0.0,
)
ROWS = [
    [1 + (3 * row + unit) % 9 for unit in range(length)] for row, length in enumerate((7, 3, 0, 12, 5, 1))
]


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(parts, "FEWEST_UNITS", 1)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def encoder_of(**changes: Any) -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(dataclasses.replace(CONFIG, **changes), [str(n) for n in range(10)])


def gradients(encoder: SelfAttention, encoded: Encoded) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    loss = (encoded.states * torch.randn(encoded.states.shape, generator=generator)).sum()
    encoder.zero_grad()
    loss.backward()
    return {name: value.grad for name, value in encoder.named_parameters() if value.grad is not None}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_states_and_gradients_are_those_of_the_whole(bfloat16: bool, causal: bool) -> None:
    encoder, tokens = encoder_of(causal=causal), Tokens.of_rows(ROWS)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        whole = encoder(tokens)
        wanted = gradients(encoder, whole)
        with one_thread_each():
            assert len(parted(tokens)) == 2
            halves = encoder(tokens)
            got = gradients(encoder, halves)
    tolerance: dict[str, Any] = {"rtol": 0.05, "atol": 0.1} if bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(halves.states, whole.states, **tolerance)
    assert got.keys() == wanted.keys()
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, wanted[name], **tolerance)


def test_parts_hold_the_texts_in_order() -> None:
    tokens = Tokens.of_rows(ROWS)
    assert [len(part) for part in parted(tokens)] == [6]  # one thread
    with one_thread_each():
        first, second = parted(tokens)
    assert torch.equal(torch.cat([first.ids, second.ids]), tokens.ids)


def test_dropout_repeats() -> None:
    encoder, tokens, found = encoder_of(dropout=0.5).train(), Tokens.of_rows(ROWS), []
    with one_thread_each():
        for _ in range(4):
            torch.manual_seed(3)
            encoded = encoder(tokens)
            found.append((encoded.states, gradients(encoder, encoded)))
        other = encoder(tokens).states
    assert not torch.equal(other, found[0][0])
    for states, gradient in found[1:]:
        assert torch.equal(states, found[0][0])
        assert all(torch.equal(value, found[0][1][name]) for name, value in gradient.items())


def test_few_units_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "FEWEST_UNITS", FEWEST_UNITS)
    with one_thread_each():
        assert len(parted(Tokens.of_rows(ROWS))) == 1
        assert len(parted(Tokens.of_rows([[1] * FEWEST_UNITS] * 5))) == 2


def test_without_gradients_and_with_frozen_weights() -> None:
    encoder, tokens = encoder_of(), Tokens.of_rows(ROWS)
    with torch.inference_mode():
        wanted = encoder(tokens).states
        with one_thread_each():
            torch.testing.assert_close(encoder(tokens).states, wanted, rtol=1e-4, atol=1e-5)
    assert encoder.embedding is not None
    encoder.embedding.requires_grad_(False)
    encoder.layers[0].requires_grad_(False)
    wanted_gradients = gradients(encoder, encoder(tokens))
    with one_thread_each():
        got = gradients(encoder, encoder(tokens))
    assert got.keys() == wanted_gradients.keys()
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, wanted_gradients[name], rtol=1e-4, atol=1e-5)


def test_maps_are_kept_of_the_whole() -> None:
    encoder, tokens = encoder_of(), Tokens.of_rows(ROWS)
    encoder.keep_maps = True
    with one_thread_each():
        assert [tuple(one.shape) for one in encoder(tokens).notes["attention"]] == [(6, 2, 12, 12)] * 2
