"""What every entry of DECODERS promises, for every value of its options."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from torch import Tensor

from tests.contracts.test_encoders import assert_close
from tests.contracts.test_stepping import ordered
from textladder.batch import Encoded, Tokens
from textladder.decoders import DECODERS, decoder_class
from textladder.decoders.decoder import Decoder
from textladder.errors import Problem
from textladder.layers import parts, together
from textladder.layers.embedding import UnitEmbedding

UNITS, MEMORY = 20, 12
SMALL = {
    "embedding_dim": 8, "hidden_dim": MEMORY, "attention_dim": 6, "num_heads": 2, "num_layers": 2,
    "feedforward_dim": 16, "max_length": 24,
}  # fmt: skip
ASKING = {"conv": {"embedding_dim": MEMORY}}  # a dot product asks with vectors as wide as those of the source
PREFIXES = [[2, 5, 6, 7, 9], [2], [2, 8, 9], [2, 4, 4, 4]]
SOURCES = (5, 3, 0, 7)


def choices(name: str) -> list[Any]:
    """The small configuration, and with it every value of each Literal and bool."""
    kind = decoder_class(name).Config
    names = {field.name for field in fields(kind)}
    small = SMALL | ASKING.get(name, {})
    base = kind(**{key: value for key, value in small.items() if key in names})
    found = [base]
    for key, hint in get_type_hints(kind).items():
        values = (False, True) if hint is bool else options(hint)
        found += [replace(base, **{key: value}) for value in values if value != getattr(base, key)]
    if "attention_dropout" in names:  # what is not compiled
        found.append(replace(base, attention_dropout=0.2))
    return found


def options(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return tuple(value for part in get_args(hint) for value in options(part))


cases = [
    pytest.param(name, config, id=f"{name}-{number}")
    for name in DECODERS
    for number, config in enumerate(choices(name))
]
each_case = pytest.mark.parametrize(("name", "config"), cases)


def build(name: str, config: Any) -> Decoder:
    torch.manual_seed(0)
    return decoder_class(name)(config, UNITS, MEMORY).eval()


def memory(lengths: tuple[int, ...] = SOURCES, width: int = 7, seed: int = 3) -> Encoded:
    draw = torch.Generator().manual_seed(seed)
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    states = torch.zeros(len(lengths), width, MEMORY)
    for row, length in enumerate(lengths):
        states[row, :length] = torch.randn(length, MEMORY, generator=draw)
    return Encoded(torch.randn(len(lengths), MEMORY, generator=draw), mask, states)


def forced(decoder: Decoder, prefix: Tokens, source: Encoded, maps: Any = None) -> Tensor:
    """Zeros where there is no unit."""
    with torch.no_grad():
        return decoder(prefix, source, maps) * prefix.mask[..., None]


@torch.no_grad()
def stepped(decoder: Decoder, ids: Tensor, source: Encoded) -> tuple[Tensor, list[list[Tensor]]]:
    """Vectors [B, T, D], and of each step the maps of its layers."""
    state, vectors, maps = decoder.start(source), [], []
    for column in ids.T:
        maps.append(list[Tensor]())
        vector, state = decoder.step(column, state, maps[-1])
        vectors.append(vector)
    return torch.stack(vectors, 1), maps


@each_case
def test_steps_give_what_the_whole_prefix_gives(name: str, config: Any) -> None:
    decoder, prefix, maps = build(name, config), Tokens.of_rows(PREFIXES), list[Tensor]()
    found, steps = stepped(decoder, prefix.ids, memory())
    assert_close(found * prefix.mask[..., None], forced(decoder, prefix, memory(), maps))
    assert bool(maps) == decoder.attends
    for layer, whole in enumerate(maps):  # [B, H, T, S]
        shares = torch.stack([step[layer] for step in steps], 2)
        there = prefix.mask[:, None, :, None]
        assert_close(shares * there, whole * there)
    with torch.no_grad():  # the shares cost a path of their own in some: it changes nothing else
        vector, _ = decoder.step(prefix.ids[:, 0], decoder.start(memory()))
    assert_close(vector, found[:, 0])


@each_case
def test_hypotheses_can_be_chosen_and_repeated_between_steps(name: str, config: Any) -> None:
    decoder = build(name, config)
    ids = torch.randint(1, UNITS, (4, 6), generator=torch.Generator().manual_seed(7))
    rows, source = torch.tensor([3, 0, 0, 1]), memory()
    with torch.no_grad():
        state = decoder.start(source)
        for column in ids[:, :3].T:
            _, state = decoder.step(column, state)
        state, vectors = ordered(state, rows), []
        for column in ids[:, 3:].T:
            vector, state = decoder.step(column, state)
            vectors.append(vector)
    whole = Tokens.of_rows(torch.cat([ids[rows, :3], ids[:, 3:]], 1).tolist())
    chosen = Encoded(source.pooled[rows], source.mask[rows], source.states[rows])
    assert_close(torch.stack(vectors, 1), forced(decoder, whole, chosen)[:, 3:])


@each_case
def test_a_state_is_not_changed_by_the_steps_after_it(name: str, config: Any) -> None:
    decoder, ids = build(name, config), torch.randint(1, UNITS, (4, 3))
    with torch.no_grad():
        _, state = decoder.step(ids[:, 0], decoder.start(memory()))
        first, _ = decoder.step(ids[:, 1], state)
        first = first.clone()
        decoder.step(ids[:, 2], state)
        again, _ = decoder.step(ids[:, 1], state)
    assert torch.equal(first, again)


@each_case
def test_more_padding_of_source_or_prefix_changes_nothing(name: str, config: Any) -> None:
    decoder, prefix = build(name, config), Tokens.of_rows(PREFIXES)
    vectors = forced(decoder, prefix, memory())
    assert_close(forced(decoder, prefix, memory(width=11)), vectors)
    assert_close(forced(decoder, prefix.padded_to(9), memory())[:, : prefix.width], vectors)


@each_case
def test_no_vector_depends_on_a_later_unit_or_another_text(name: str, config: Any) -> None:
    decoder, prefix = build(name, config), Tokens.of_rows(PREFIXES)
    changed = Tokens.of_rows([[2, 5, 6, 11, 12], *([2, 13] for _ in range(3))])
    vectors, others = forced(decoder, prefix, memory()), forced(decoder, changed, memory())
    assert_close(others[0, :3], vectors[0, :3])
    assert not torch.allclose(others[0, 3], vectors[0, 3])


@each_case
def test_every_parameter_gets_gradient(name: str, config: Any) -> None:
    decoder, prefix = build(name, config).train(), Tokens.of_rows(PREFIXES)
    vectors = decoder(prefix, memory())
    weights = torch.randn(vectors.shape, generator=torch.Generator().manual_seed(1))
    (vectors * weights)[prefix.mask].sum().backward()
    without = [n for n, p in decoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert without == []


@each_case
def test_bfloat16_agrees_with_float32(name: str, config: Any) -> None:
    decoder, prefix = build(name, config), Tokens.of_rows(PREFIXES)
    exact = forced(decoder, prefix, memory())
    with torch.autocast("cpu", torch.bfloat16):
        rough = forced(decoder, prefix, memory())
    torch.testing.assert_close(rough.float(), exact, atol=0.06, rtol=0.1)


@each_case
def test_maps_are_shares_of_the_source(name: str, config: Any) -> None:
    decoder, prefix, maps = build(name, config), Tokens.of_rows(PREFIXES), list[Tensor]()
    vectors = forced(decoder, prefix, memory(), maps)
    assert_close(vectors, forced(decoder, prefix, memory()))
    assert bool(maps) == decoder.attends
    for found in maps:
        assert found.shape[::2] == (4, 5)
        assert found.shape[3] == 7
        sums = found.sum(-1)[:, :, 0]  # of the first unit of each
        torch.testing.assert_close(sums, (torch.tensor(SOURCES) > 0)[:, None].float().expand_as(sums))


@each_case
def test_a_shared_table_is_read_and_belongs_to_the_other(name: str, config: Any) -> None:
    decoder, table = build(name, config), UnitEmbedding(UNITS, config.embedding_dim)
    before = forced(decoder, Tokens.of_rows(PREFIXES), memory())
    decoder.share(table)
    assert not any(parameter is table.weight for parameter in decoder.parameters())
    assert not torch.allclose(forced(decoder, Tokens.of_rows(PREFIXES), memory()), before)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_parts_of_a_batch_side_by_side_are_the_whole(norm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors and gradients, also of the source."""
    monkeypatch.setattr(parts, "FEWEST_UNITS", 1)
    decoder, prefix = (
        build("attention", replace(choices("attention")[0], norm=norm)),
        Tokens.of_rows(PREFIXES),
    )
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(parts, "limit", lambda threads=threads: threads)
        monkeypatch.setattr(together, "limit", lambda threads=threads: threads)
        source = memory()
        states = source.states.requires_grad_()
        vectors = decoder(prefix, source) * prefix.mask[..., None]
        leaves = [states, *decoder.parameters()]
        found.append([vectors.detach(), *torch.autograd.grad(vectors.square().sum(), leaves)])
    for whole, side_by_side in zip(*found, strict=True):
        torch.testing.assert_close(side_by_side, whole, rtol=1e-4, atol=1e-5)


def test_positions_end_with_a_problem() -> None:
    config = replace(choices("attention")[0], positions="learned", max_length=3)
    decoder = build("attention", config)
    with pytest.raises(Problem, match="4 units"):
        decoder(Tokens.of_rows([[2, 4, 4, 4]]), memory((3,), 3))


def test_an_unknown_decoder_gets_a_suggestion() -> None:
    with pytest.raises(Problem, match="Did you mean attention"):
        decoder_class("atention")
