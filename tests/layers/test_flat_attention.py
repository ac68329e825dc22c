"""Attention over flat units against torch's over each text alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from textladder.batch import Tokens
from textladder.layers.flat_attention import FlatAttention, by_length, runs_of

LENGTHS = (3, 1, 0, 3, 3, 7, 1, 0, 12)


def tokens_of(lengths: tuple[int, ...]) -> Tokens:
    return Tokens.of_rows([list(range(1, length + 1)) for length in lengths])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 4])
def test_it_is_the_attention_of_each_text(heads: int, causal: bool) -> None:
    torch.manual_seed(0)
    tokens, dim = tokens_of(LENGTHS), 8
    joint = torch.randn(len(tokens.flat), 3 * dim, requires_grad=True)
    mixed = FlatAttention.apply(joint, runs_of(tokens), heads, causal)
    wanted = []
    for text in joint.split(list(LENGTHS)):
        query, key, value = text.unflatten(1, (3, heads, -1)).permute(1, 2, 0, 3)
        one = F.scaled_dot_product_attention(query, key, value, is_causal=causal) if len(text) else query
        wanted.append(one.transpose(0, 1).flatten(1))
    torch.testing.assert_close(mixed, torch.cat(wanted))
    weights = torch.randn(mixed.shape)
    (got,) = torch.autograd.grad((mixed * weights).sum(), joint)
    torch.testing.assert_close(got, torch.autograd.grad((torch.cat(wanted) * weights).sum(), joint)[0])


def test_runs_are_of_neighbours_and_leave_no_unit_out() -> None:
    assert runs_of(tokens_of(LENGTHS)) == [
        (0, 1, 3),
        (3, 1, 1),
        (4, 2, 3),
        (10, 1, 7),
        (17, 1, 1),
        (18, 1, 12),
    ]
    assert runs_of(tokens_of((0, 0))) == []
    assert runs_of(tokens_of(())) == []


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_by_length_sorts_each_share_and_tells_the_way_back(parts: int) -> None:
    tokens = tokens_of(LENGTHS)
    ordered, places = by_length(tokens, parts)
    assert places is not None
    assert torch.equal(ordered.ids.index_select(0, places), tokens.ids)
    bounds = [len(LENGTHS) * part // parts for part in range(parts + 1)]
    for start, stop in pairwise(bounds):
        share = ordered.lengths[start:stop].tolist()
        assert share == sorted(share)
    assert by_length(tokens_of((2, 2)), parts)[1] is None
