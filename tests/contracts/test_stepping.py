"""What `start` and `step` of causal encoders promise: unit by unit they give what `forward` gives of the
whole text, for texts that are chosen, repeated and put in another order on the way.

Each causal encoder that has steps is found in ENCODERS; those behind the recipes of language models must have
them.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.contracts.test_encoders import assert_close, build, choices, encode
from textladder.encoders import ENCODERS, encoder_class
from textladder.encoders.encoder import Encoder
from textladder.recipe import Recipe, recipe_path, rungs

TEXTS = torch.randint(1, 20, (3, 30), generator=torch.Generator().manual_seed(5))


def cases() -> list[Any]:
    found = []
    for name in ENCODERS:
        if encoder_class(name).step is Encoder.step:
            continue
        for number, config in enumerate(choices(name)):
            if build(name, config).causal:
                found.append(pytest.param(name, config, id=f"{name}-{number}"))
    return found


each_case = pytest.mark.parametrize(("name", "config"), cases())


def ordered(state: Any, rows: Tensor) -> Any:
    """The states of some texts, as beam search takes them."""
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    return type(state)(ordered(part, rows) for part in state) if isinstance(state, tuple) else state


@torch.no_grad()
def stepped(encoder: Encoder, texts: Tensor) -> Tensor:
    """[B, T, D]"""
    state, vectors = encoder.start(len(texts)), []
    for column in texts.T:
        vector, state = encoder.step(column, state)
        vectors.append(vector)
    return torch.stack(vectors, 1)


@each_case
def test_steps_give_what_the_whole_text_gives(name: str, config: Any) -> None:
    encoder = build(name, config)
    assert_close(stepped(encoder, TEXTS), encode(encoder, TEXTS.tolist()).states)


@each_case
def test_texts_can_be_chosen_and_repeated_between_steps(name: str, config: Any) -> None:
    encoder, rows = build(name, config), torch.tensor([2, 0, 0])
    joined = torch.cat([TEXTS[rows, :20], TEXTS[:, 20:]], 1)
    with torch.no_grad():
        state = encoder.start(len(TEXTS))
        for column in TEXTS[:, :20].T:
            _, state = encoder.step(column, state)
        state, vectors = ordered(state, rows), []
        for column in TEXTS[:, 20:].T:
            vector, state = encoder.step(column, state)
            vectors.append(vector)
    wanted = encode(encoder, joined.tolist()).states[:, 20:]
    assert_close(torch.stack(vectors, 1), wanted)


@each_case
def test_a_state_is_not_changed_by_the_steps_after_it(name: str, config: Any) -> None:
    encoder = build(name, config)
    with torch.no_grad():
        _, state = encoder.step(TEXTS[:, 0], encoder.start(len(TEXTS)))
        first, _ = encoder.step(TEXTS[:, 1], state)
        first = first.clone()
        encoder.step(TEXTS[:, 2], state)
        again, _ = encoder.step(TEXTS[:, 1], state)
    assert torch.equal(first, again)


@each_case
def test_no_state_reaches_further_back_than_it_says(name: str, config: Any) -> None:
    encoder = build(name, config)
    if encoder.reach is None:
        return
    text = torch.randint(1, 20, (encoder.reach + 9,), generator=torch.Generator().manual_seed(6)).tolist()
    whole, end = encode(encoder, [text]).states[0], encode(encoder, [text[8:]]).states[0]
    assert_close(end[-1], whole[-1])
    if encoder.reach:
        changed = [text[8] % 19 + 1, *text[9:]]
        assert not torch.equal(encode(encoder, [changed]).states[0, -1], end[-1])


@pytest.mark.parametrize("rung", rungs("language"))
def test_every_trained_language_model_has_steps(rung: str) -> None:
    name = Recipe.load(recipe_path(rung, "language")).encoder_name
    if name in ENCODERS:
        assert encoder_class(name).step is not Encoder.step
