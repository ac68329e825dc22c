"""Matching layers against the formulas of their papers, written out for one pair at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from textladder.batch import Encoded, Tokens
from textladder.layers.matching import beside, make_matching, sides, soft_alignment

LENGTHS = [(3, 5), (1, 1), (4, 2), (5, 5)]
DIM, HIDDEN = 6, 4


@pytest.fixture
def pairs():
    """Tokens of the texts of each pair, one after the other, and random states."""
    torch.manual_seed(0)
    tokens = Tokens.of_rows([[2] * length for pair in LENGTHS for length in pair])
    states = torch.randn(len(tokens), tokens.width, DIM, dtype=torch.float64) * tokens.mask[..., None]
    pooled = torch.randn(len(tokens), DIM, dtype=torch.float64)
    return tokens, Encoded(pooled, tokens.mask, states)


def texts_of(encoded, number):
    return [encoded.states[2 * number + side, : LENGTHS[number][side]] for side in (0, 1)]


def test_sides_are_what_stands_beside_each_other():
    first, second = torch.arange(6).view(3, 2), -torch.arange(6).view(3, 2)
    again = sides(beside(first, second))
    assert torch.equal(again[0], first)
    assert torch.equal(again[1], second)


def test_towers(pairs):
    tokens, encoded = pairs
    matching = make_matching("towers", DIM, HIDDEN, 0.0)
    found = matching(encoded, tokens)
    assert found.shape == (len(LENGTHS), matching.dim) == (len(LENGTHS), 4 * DIM)
    u, v = encoded.pooled[4].numpy(), encoded.pooled[5].numpy()
    assert found[2].numpy() == pytest.approx(np.concatenate([u, v, abs(u - v), u * v]))


def test_shares_sum_to_one_over_the_other_text(pairs):
    tokens, _ = pairs
    scores = torch.randn(len(LENGTHS), 5, 5)
    of_first, of_second = soft_alignment(scores, tokens.mask)
    for n, (a, b) in enumerate(LENGTHS):
        assert of_first[n, :a].sum(-1).tolist() == pytest.approx([1] * a)
        assert of_second[n, :b].sum(-1).tolist() == pytest.approx([1] * b)
        assert not of_first[n, :, b:].any()
        assert not of_second[n, :, a:].any()
        assert torch.allclose(of_first[n, :a, :b], scores[n, :a, :b].softmax(-1))
        assert torch.allclose(of_second[n, :b, :a], scores[n, :a, :b].T.softmax(-1))
    nothing = soft_alignment(torch.randn(1, 2, 2), torch.tensor([[True, True], [False, False]]))
    assert not nothing[0].any()


def compared(matching, own, other):
    return matching.compare(torch.cat([own, other, own - other, own * other]))


def test_decomposable_attention_is_the_paper_s(pairs):
    tokens, encoded = pairs
    matching = make_matching("decomposable", DIM, HIDDEN, 0.3).double().eval()
    found = matching(encoded, tokens)
    for n in range(len(LENGTHS)):
        a, b = (matching.projection(text) for text in texts_of(encoded, n))
        e = matching.attend(a) @ matching.attend(b).T  # equation 1
        beta = torch.stack([sum(row[j] * b[j] for j in range(len(b))) for row in e.softmax(1)])  # 2
        alpha = torch.stack([sum(col[i] * a[i] for i in range(len(a))) for col in e.softmax(0).T])
        v1 = sum(compared(matching, *pair) for pair in zip(a, beta, strict=True))  # 3, 4
        v2 = sum(compared(matching, *pair) for pair in zip(b, alpha, strict=True))
        assert torch.allclose(found[n], torch.cat([v1, v2]))


def test_esim_is_the_paper_s(pairs):
    tokens, encoded = pairs
    matching = make_matching("esim", DIM, HIDDEN, 0.3).double().eval()
    forward, backward = matching.compose.nets
    both = nn.LSTM(HIDDEN, HIDDEN, bidirectional=True, batch_first=True).double()
    for name, value in forward.named_parameters():
        getattr(both, name).data.copy_(value)
    for name, value in backward.named_parameters():
        getattr(both, f"{name}_reverse").data.copy_(value)
    found = matching(encoded, tokens)
    for n in range(len(LENGTHS)):
        a, b = texts_of(encoded, n)
        e = a @ b.T  # equation 11
        made = []
        for text, other in ((a, e.softmax(1) @ b), (b, e.softmax(0).T @ a)):  # 12, 13
            local = torch.cat([text, other, text - other, text * other], -1)  # 14, 15
            composed = both(matching.projection(local).relu()[None])[0][0]  # 16, 17
            made += [composed.mean(0), composed.max(0).values]  # 18
        assert torch.allclose(found[n], torch.cat(made))  # 19


@pytest.mark.parametrize("name", ["decomposable", "esim"])
def test_a_pair_does_not_depend_on_its_batch(pairs, name):
    tokens, encoded = pairs
    matching = make_matching(name, DIM, HIDDEN, 0.0).double().eval()
    together = matching(encoded, tokens)
    for n, (a, b) in enumerate(LENGTHS):
        alone = Tokens.of_rows([[2] * a, [2] * b])
        rows = slice(2 * n, 2 * n + 2)
        one = Encoded(encoded.pooled[rows], alone.mask, encoded.states[rows, : alone.width])
        assert torch.allclose(matching(one, alone)[0], together[n])
