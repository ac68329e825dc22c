"""Texts in one row, with zeros between them, and back."""

from __future__ import annotations

import pytest
import torch

from textladder.batch import Tokens
from textladder.encoders.rescnn import ResidualCnn
from textladder.layers.strip import ROUND, Strip, counted_up

ROWS = [[], [3, 4, 5], [6], [], [7, 8], []]


@pytest.mark.parametrize("gap", [0, 1, 4])
def test_units_stand_with_zeros_between_texts_and_come_back(gap: int) -> None:
    tokens = Tokens.of_rows(ROWS)
    strip = Strip(tokens, gap)
    spread = strip.spread(tokens.flat)
    nothing = [0] * gap
    wanted = [*nothing, 3, 4, 5, *nothing, 6, *nothing, *nothing, 7, 8, *nothing]
    assert spread.shape == (1, ROUND)
    assert spread[0, : len(wanted)].tolist() == wanted
    assert spread[0, len(wanted) :].sum() == 0
    rows = torch.randn(1, strip.rows, 2, dtype=torch.double, requires_grad=True)
    padded = strip.pad(rows)
    assert torch.equal(padded, tokens.pad(rows[0, strip.places]))
    assert torch.autograd.gradcheck(strip.pad, rows)


def test_counted_up_is_at_least_one_unit() -> None:
    assert [counted_up(size, 8) for size in (0, 1, 8, 9)] == [8, 8, 8, 16]


@pytest.mark.parametrize("causal", [False, True])
def test_blocks_give_the_same_on_a_strip_as_on_padded_texts(causal: bool) -> None:
    """One text is in a strip, many short ones with wide gaps are padded: the long one sees the same."""
    torch.manual_seed(0)
    config = ResidualCnn.Config(embedding_dim=8, num_layers=4, causal=causal)
    encoder = ResidualCnn(config, [str(number) for number in range(12)]).eval()
    long, short = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11] * 4, [2, 3]
    assert encoder.gap * 2 < len(long)
    on_strip = encoder(Tokens.of_rows([long, short]))
    assert encoder.gap * 31 > len(long) + 60
    padded = encoder(Tokens.of_rows([long] + [short] * 30))
    torch.testing.assert_close(on_strip.states, padded.states[:2])
    torch.testing.assert_close(on_strip.pooled, padded.pooled[:2])
