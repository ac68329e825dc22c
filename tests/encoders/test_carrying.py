"""States carried from window to window: the same as one long window, whatever is tried again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from textladder.batch import Carry, Tokens
from textladder.encoders.recurrent import Gru, Lstm, RecurrentEncoder, Rnn
from textladder.layers.memory import Memory
from textladder.layers.recurrent import RecurrentLayer

VOCABULARY = [str(number) for number in range(30)]
LONG = torch.randint(4, 30, (3, 23), generator=torch.Generator().manual_seed(1))  # a lane each
# Bounds of the windows of each lane; the first of lane 0 is shorter, as that of a stream is.
CUTS = [[0, 3, 11, 19, 23], [0, 8, 16, 23], [0, 8, 16, 23]]
KINDS: list[Any] = [
    pytest.param(Rnn, {}, id="rnn"),
    pytest.param(Gru, {}, id="gru"),
    pytest.param(Lstm, {}, id="lstm"),
    pytest.param(Lstm, {"hidden_dim": 256, "num_layers": 1}, id="wide lstm"),
]


def make(kind: type[RecurrentEncoder], changes: dict[str, Any]) -> RecurrentEncoder:
    torch.manual_seed(0)
    sizes = {"embedding_dim": 5, "hidden_dim": 6, "num_layers": 2, "pooling": "last", **changes}
    config = kind.Config(**sizes)
    encoder = kind(config, VOCABULARY)
    for name, parameter in encoder.named_parameters():
        if name.endswith("initial"):
            parameter.data.normal_()
    return encoder.eval()


def window(number: int, lanes: list[int], fresh: list[int]) -> Tokens:
    """Window `number` of some lanes."""
    rows = [LONG[lane, CUTS[lane][number] : CUTS[lane][number + 1]].tolist() for lane in lanes]
    carry = Carry(torch.tensor(lanes), torch.tensor([lane in fresh for lane in lanes]), number)
    tokens = Tokens.of_rows(rows)
    return Tokens(tokens.flat, tokens.offsets, tokens.width, carry=carry)


def states_of(encoder: RecurrentEncoder, tokens: Tokens) -> list[Tensor]:
    """The states of each row, without padding."""
    states = encoder(tokens).states
    return [row[:length] for row, length in zip(states, tokens.lengths.tolist(), strict=True)]


def gradients(encoder: RecurrentEncoder) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}


def carried(encoder: RecurrentEncoder, resets: dict[int, list[int]]) -> list[Tensor]:
    """The states of each lane, window after window; resets: lanes that begin a document with window k."""
    found: list[list[Tensor]] = [[], [], []]
    for number in range(4):
        lanes = [lane for lane in range(3) if number + 1 < len(CUTS[lane])]
        rows = states_of(encoder, window(number, lanes, resets.get(number, [])))
        for lane, states in zip(lanes, rows, strict=True):
            found[lane].append(states)
    return [torch.cat(parts) for parts in found]


@pytest.mark.parametrize(("kind", "changes"), KINDS)
def test_windows_are_one_long_window(kind: type[RecurrentEncoder], changes: dict[str, Any]) -> None:
    encoder = make(kind, changes)
    with torch.no_grad():
        whole = encoder(Tokens.of_rows(LONG.tolist())).states
        found = carried(encoder, {0: [0, 1, 2]})
    torch.testing.assert_close(torch.stack(found), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "changes"), KINDS)
def test_gradients_of_windows_are_those_of_one_long_window_where_none_is_cut(
    kind: type[RecurrentEncoder], changes: dict[str, Any]
) -> None:
    """With weights by which a state changes nothing after it, but has a part in their gradient: so nothing
    is lost where windows end, and what they carry must be right."""
    encoder = make(kind, changes)
    hidden = encoder.config.hidden_dim
    closed = None if kind is Rnn else slice(hidden, 2 * hidden)
    for name, parameter in encoder.named_parameters():
        if "weight_hh" in name:
            parameter.data.zero_()
        elif "bias_ih" in name and closed:  # the gate that keeps the state
            parameter.data[closed] = -200
    weigh = torch.randn(3, 23, encoder.dim, generator=torch.Generator().manual_seed(2))
    torch.stack(carried(encoder, {0: [0, 1, 2]})).mul(weigh).sum().backward()
    got = gradients(encoder)
    encoder.zero_grad()
    encoder(Tokens.of_rows(LONG.tolist())).states.mul(weigh).sum().backward()
    wanted = gradients(encoder)
    assert any("weight_hh" in name and wanted[name].abs().sum() > 0 for name in wanted)
    for name, gradient in wanted.items():
        torch.testing.assert_close(got[name], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "changes"), KINDS)
def test_a_document_begins_anew(kind: type[RecurrentEncoder], changes: dict[str, Any]) -> None:
    encoder = make(kind, changes)
    with torch.no_grad():
        found = carried(encoder, {0: [0, 1, 2], 2: [1]})
        cut = CUTS[1][2]
        first, second = encoder(Tokens.of_rows([LONG[1, :cut].tolist(), LONG[1, cut:].tolist()])).states
    torch.testing.assert_close(found[1], torch.cat([first[:cut], second[: 23 - cut]]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "changes"), KINDS)
def test_the_gradient_ends_at_the_window(kind: type[RecurrentEncoder], changes: dict[str, Any]) -> None:
    """That of a window whose state is given: the same as if the state were a constant."""
    encoder = make(kind, changes)
    with torch.no_grad():
        encoder(window(0, [0, 1, 2], [0, 1, 2]))
    states = encoder(window(1, [0, 1, 2], [])).states
    states.square().sum().backward()
    got = gradients(encoder)
    assert got["layers.0.initial"].abs().sum() == 0
    encoder.zero_grad()
    whole = encoder(Tokens.of_rows([LONG[lane, : CUTS[lane][2]].tolist() for lane in range(3)])).states
    kept = torch.cat([whole[lane, CUTS[lane][1] : CUTS[lane][2]] for lane in range(3)])
    torch.testing.assert_close(kept, states.flatten(0, 1), rtol=1e-5, atol=1e-6)
    kept.square().sum().backward()
    # Through earlier windows the long one has more; the rows of units that only the later window reads agree.
    late = {unit for lane in range(3) for unit in LONG[lane, CUTS[lane][1] : CUTS[lane][2]].tolist()}
    early = {unit for lane in range(3) for unit in LONG[lane, : CUTS[lane][1]].tolist()}
    only = sorted(late - early)
    assert only
    wanted = gradients(encoder)
    rows = "embedding.weight"
    torch.testing.assert_close(got[rows][only], wanted[rows][only], rtol=1e-4, atol=1e-6)
    assert wanted["layers.0.initial"].abs().sum() > 0


@pytest.mark.parametrize(
    ("changes", "whole"),
    [
        ({"word_dropout": 0.3}, True),
        ({"word_dropout": 0.0, "unit_dropout": 0.5}, True),
        ({"word_dropout": 0.3, "unit_dropout": 0.5}, False),
        ({"embedding_dropout": 0.3}, False),
        ({"embedding_dropout": 0.3, "locked": True}, False),
    ],
)
def test_a_small_table_is_multiplied_as_a_whole(
    changes: dict[str, Any], whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first layer that is given the table of units is the same as one that is given their vectors, and
    learns the same. Where something is left out at each place anew, it gets vectors."""
    encoder = make(Lstm, {"hidden_dim": 256, "num_layers": 1, "embedding_dropout": 0.0} | changes).train()
    tokens = Tokens.of_rows([[*row, 0][: 23 - number] for number, row in enumerate(LONG.tolist() * 2)])
    carry = Carry(torch.arange(6), torch.ones(6, dtype=torch.bool), 0)
    tokens = Tokens(tokens.flat, tokens.offsets, tokens.width, carry=carry)
    tables: list[int] = []
    run = RecurrentLayer.run

    def told(self: RecurrentLayer, x: Tensor, *given: Any) -> Any:
        tables.append(x.dim())
        return run(self, x, *given)

    monkeypatch.setattr(RecurrentLayer, "run", told)
    found = []
    for reads in (True, False):
        if not reads:
            monkeypatch.setattr(RecurrentLayer, "reads_tables", lambda *_: False)
        encoder.zero_grad()
        torch.manual_seed(1)  # the same is left out
        states = encoder(tokens).states
        states.square().sum().backward()
        found.append((states.detach(), gradients(encoder)))
    assert tables == [2 if whole else 3, 3]
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-5)


def test_what_is_tried_again_reads_what_it_read_first() -> None:
    """All batches of a step again, the second time one lane at a time."""
    encoder = make(Lstm, {})
    memory = encoder.memory
    assert memory is not None
    memory.kept = 2
    with torch.no_grad():
        encoder(window(0, [0, 1, 2], [0, 1, 2]))
        first = [states_of(encoder, window(number, [0, 1, 2], [])) for number in (1, 2)]
        again = [
            [states for lane in range(3) for states in states_of(encoder, window(number, [lane], []))]
            for number in (1, 2)
        ]
        third = states_of(encoder, window(3, [0], []))
    for one, other in zip(first, again, strict=True):
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b)
    with torch.no_grad():
        wanted = carried(encoder, {0: [0, 1, 2]})
    torch.testing.assert_close(third[0], wanted[0][CUTS[0][3] :])


def test_states_are_saved_and_go_on_in_any_number_of_processes() -> None:
    encoders = [make(Lstm, {}), make(Lstm, {})]  # of two processes
    with torch.no_grad():
        for number in (0, 1):
            for encoder, lanes in zip(encoders, ([0, 2], [1]), strict=True):
                encoder(window(number, lanes, lanes if number == 0 else []))
    memories = [encoder.memory for encoder in encoders]
    parts = [memory.state_tensors() for memory in memories if memory is not None]
    joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    alone = make(Lstm, {})
    assert alone.memory is not None
    alone.memory.load_state_tensors(joined)
    with torch.no_grad():
        got = states_of(alone, window(2, [0, 1, 2], []))
        wanted = carried(alone, {0: [0, 1, 2]})
    for lane in range(3):
        torch.testing.assert_close(got[lane], wanted[lane][CUTS[lane][2] : CUTS[lane][3]])


def test_a_state_that_nobody_left_is_an_error() -> None:
    memory = Memory()
    assert memory.state_tensors() == {}
    carry = Carry(torch.tensor([0, 1]), torch.tensor([False, True]), 1)
    with pytest.raises(RuntimeError, match="without the one before it"):
        memory.read(carry, torch.zeros(2))
    memory.write(Carry(torch.tensor([1]), torch.tensor([True]), 0), torch.ones(1, 2))
    with pytest.raises(RuntimeError, match="another process"):
        memory.read(carry, torch.zeros(2))
    memory.load_state_tensors({})
    assert memory.state_tensors() == {}
