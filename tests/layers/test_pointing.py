"""Copying and coverage: by hand, and against loops in float64 written out from See et al. 2017."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.layers.test_softmax import gradients
from textladder.batch import Encoded, Tokens
from textladder.layers import cross_entropy as module
from textladder.layers.attention import Layout
from textladder.layers.pointing import Pointed, Pointer, copied
from textladder.layers.softmax import IGNORED, UnitSoftmax

D, M, E, UNITS = 6, 5, 4, 12
SOURCES = [[5, 7, 5, 9], [6], []]
PREFIXES = [[2, 8, 5], [2, 6, 6, 6], [2]]
WANTED = [[5, 9, 3], [6, 6, 6, 3], [3]]


def built(copies: bool, covers: bool) -> tuple[Pointer, UnitSoftmax]:
    torch.manual_seed(0)
    made = Pointer(D, M, E, copies=copies, covers=covers).double(), UnitSoftmax(D, UNITS).double()
    for parameter in [*made[0].parameters(), *made[1].parameters()]:
        nn.init.normal_(parameter)
    return made


def given() -> tuple[Tensor, Tensor, Encoded, Tokens]:
    """Vectors of a decoder, of the units before, and a source."""
    draw, source, prefix = torch.Generator().manual_seed(1), Tokens.of_rows(SOURCES), Tokens.of_rows(PREFIXES)
    states, words = (
        torch.randn(len(PREFIXES), prefix.width, width, generator=draw, dtype=torch.float64)
        for width in (D, E)
    )
    memory = torch.randn(len(SOURCES), source.width, M, generator=draw, dtype=torch.float64)
    memory = memory * source.mask[..., None]
    return states, words, Encoded(memory[:, 0], source.mask, memory), source


def array(tensor: Tensor | None) -> np.ndarray:
    assert tensor is not None
    return tensor.detach().numpy()


def softmax(scores: list[float]) -> list[float]:
    parts = [math.exp(score) for score in scores]
    return [part / math.fsum(parts) for part in parts]


def looped(
    pointer: Pointer, output: UnitSoftmax, row: int, states: Tensor, words: Tensor, memory: Tensor
) -> tuple[list[dict[int, float]], list[float]]:
    """Of one text: the probability of each unit at each place, and what is lost to coverage there."""
    w_query, bias = array(pointer.attention.of_query.weight), array(pointer.attention.of_query.bias)
    w_key, v = array(pointer.attention.of_key.weight), array(pointer.attention.weight)
    source, covered = SOURCES[row], [0.0] * len(SOURCES[row])
    found, lost = [], []
    for t in range(len(PREFIXES[row])):
        s, y, h = array(states[row, t]), array(words[row, t]), array(memory[row])
        scores = []
        for j in range(len(source)):
            inside = w_query @ s + bias + w_key @ h[j]
            if pointer.coverage is not None:
                inside = inside + array(pointer.coverage) * covered[j]
            scores.append(float(v @ np.tanh(inside)))
        shares = softmax(scores) if source else []
        context = sum((a * h[j] for j, a in enumerate(shares)), np.zeros(M))
        if pointer.coverage is not None:
            lost.append(sum(min(a, c) for a, c in zip(shares, covered, strict=True)))
            covered = [a + c for a, c in zip(shares, covered, strict=True)]
        vector = s + array(pointer.back.weight) @ context
        can = [unit for unit in range(1, UNITS) if unit != 2]
        logits = {
            unit: float(array(output.rows)[unit - 1] @ vector + array(output.bias)[unit - 1]) for unit in can
        }
        said = dict(zip(can, softmax(list(logits.values())), strict=True))
        if pointer.gate is not None and source:  # without units there is nothing to copy
            z = float(
                array(pointer.gate.weight)[0] @ np.concatenate([context, s, y]) + array(pointer.gate.bias)[0]
            )
            g = 1 / (1 + math.exp(-z))
            said = {unit: g * p for unit, p in said.items()}
            for unit, share in zip(source, shares, strict=True):
                said[unit] += (1 - g) * share
        found.append(said)
    return found, lost


@pytest.mark.parametrize(("copies", "covers"), [(True, False), (True, True), (False, True)])
def test_probabilities_and_coverage_equal_the_written_out_loop(copies: bool, covers: bool) -> None:
    (pointer, output), (states, words, memory, source) = built(copies, covers), given()
    prefix = Tokens.of_rows(PREFIXES)
    pointed, _ = pointer(states, words, pointer.read(memory, source))
    said = pointed.flat(Layout(prefix, exact=True))
    with torch.no_grad():
        log_probs = pointer.log_probs(output, said)
        losses = pointer.losses(output, said, Tokens.of_rows(WANTED).flat)
    at = 0
    for row, wanted in enumerate(WANTED):
        found, lost = looped(pointer, output, row, states, words, memory.states)
        for t, unit in enumerate(wanted):
            for other, p in found[t].items():
                # Shares are float32, whatever the vectors are.
                assert math.exp(log_probs[at, other]) == pytest.approx(p, rel=1e-4, abs=1e-9)
            assert float(losses[at]) == pytest.approx(-math.log(found[t][unit]), rel=1e-4)
            assert float(said.lost[at].detach()) == pytest.approx(lost[t] if covers else 0.0, abs=1e-5)
            at += 1
    sums = log_probs.exp().sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums), rtol=1e-5, atol=0)


@torch.no_grad()
def test_a_case_by_hand() -> None:
    """A source "a b a", looked at with 0.5, 0.3 and 0.2; the output layer gives each of four units 1/4; half
    is copied. p(a) = 1/2 * 1/4 + 1/2 * 0.7."""
    pointer, output = Pointer(2, 2, 2, copies=True, covers=False), UnitSoftmax(2, 6)
    nn.init.zeros_(cast(Tensor, output.weight))  # <unk> </s> a b
    shares, nothing = torch.tensor([[0.5, 0.3, 0.2]]), torch.zeros(1)
    said = Pointed(torch.ones(1, 2), torch.tensor([[4, 5, 4]]), shares, gate=nothing, lost=nothing)
    assert copied(said, torch.tensor([4])).tolist() == pytest.approx([0.7])
    log_probs = pointer.log_probs(output, said)
    assert log_probs.exp()[0].tolist() == pytest.approx([0, 0.125, 0, 0.125, 0.475, 0.275])
    assert float(pointer.losses(output, said, torch.tensor([5]))) == pytest.approx(-math.log(0.275))
    assert float(pointer.loss(output, said, torch.tensor([3]))) == pytest.approx(-math.log(0.125))


@torch.no_grad()
def test_coverage_by_hand() -> None:
    """Scores that depend on nothing look at both units with 1/2: c is (0, 0), (1/2, 1/2), (1, 1), and the
    loss 0, 1 and 1."""
    pointer = Pointer(2, 2, 2, copies=False, covers=True)
    nn.init.zeros_(pointer.attention.weight)
    source = Tokens.of_rows([[4, 5]])
    memory = Encoded(torch.zeros(1, 2), source.mask, torch.randn(1, 2, 2))
    pointed, covered = pointer(torch.randn(1, 3, 2), torch.randn(1, 3, 2), pointer.read(memory, source))
    assert pointed.lost[0].tolist() == pytest.approx([0, 1, 1])
    assert covered[0].tolist() == pytest.approx([1.5, 1.5])


@pytest.mark.parametrize("covers", [False, True])
def test_unit_by_unit_is_as_all_at_once_and_padding_changes_nothing(covers: bool) -> None:
    (pointer, _), (states, words, memory, source) = built(True, covers), given()
    pointed, covered = pointer(states, words, pointer.read(memory, source))
    wider = source.padded_to(7)
    padded = F.pad(memory.states, (0, 0, 0, 3))
    read = pointer.read(Encoded(memory.pooled, wider.mask, padded), wider)
    now, steps = pointer.start(read), []
    for state, word in zip(states.split(1, 1), words.split(1, 1), strict=True):
        one, now = pointer(state, word, read, now)
        steps.append(one.of_step())
    for name in ("vectors", "gate", "lost"):
        torch.testing.assert_close(
            torch.stack([getattr(one, name) for one in steps], 1), getattr(pointed, name)
        )
    shares = torch.stack([one.shares for one in steps], 1)
    torch.testing.assert_close(shares[..., : source.width], pointed.shares)
    assert not shares[..., source.width :].any()
    torch.testing.assert_close(now[:, : source.width], covered)


def mixed_by_autograd(
    layer: UnitSoftmax, vectors: Tensor, target: Tensor, gate: Tensor, taken: Tensor, smoothing: float
) -> Tensor:
    """Through a table of all log-probabilities."""
    log_probs, kept = layer.log_probs(vectors), target != IGNORED
    own = log_probs.gather(1, target.clamp_min(1)[:, None])[:, 0]
    mixed = torch.log(gate.sigmoid() * own.exp() + (1 - gate.sigmoid()) * taken)
    can = [unit for unit in range(1, layer.units) if unit != 2]
    mean = log_probs[:, can].mean(1)
    return -(((1 - smoothing) * mixed + smoothing * mean) * kept).sum()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("few", [0, 1024])
def test_the_loss_and_its_gradients_are_those_of_autograd(
    monkeypatch: pytest.MonkeyPatch, few: int, smoothing: float, tied: bool
) -> None:
    monkeypatch.setattr(module, "FEW", few)
    torch.manual_seed(0)
    layer, table = UnitSoftmax(D, UNITS), nn.Parameter(torch.randn(UNITS, D))
    nn.init.normal_(layer.bias)
    if tied:
        layer.tie(table)
    vectors, gate = torch.randn(40, D, requires_grad=True), torch.randn(40, requires_grad=True)
    target, taken = torch.randint(3, UNITS, (40,)), torch.rand(40)
    target[::7], taken[::3] = IGNORED, 0.0
    taken.requires_grad_()
    got = layer.mixed_loss(vectors, target, gate, taken, smoothing)
    wanted = mixed_by_autograd(layer, vectors, target, gate, taken, smoothing)
    torch.testing.assert_close(got, wanted)
    leaves = (vectors, gate, taken, layer.bias, table if tied else cast(Tensor, layer.weight))
    found = zip(gradients(got, *leaves), gradients(wanted, *leaves), strict=True)
    for leaf, (ours, theirs) in zip(leaves, found, strict=True):
        assert torch.isfinite(ours).all()
        some = leaf > 0 if leaf is taken else slice(None)  # what is copied with 0: no gradient
        torch.testing.assert_close(ours[some], theirs[some], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_where_nothing_is_copied_it_is_the_loss_of_the_output_layer(smoothing: float) -> None:
    torch.manual_seed(0)
    layer, vectors, target = UnitSoftmax(D, UNITS), torch.randn(20, D), torch.randint(3, UNITS, (20,))
    got = layer.mixed_loss(vectors, target, torch.full((20,), 50.0), torch.rand(20), smoothing)
    torch.testing.assert_close(got, layer.loss(vectors, target, smoothing))
