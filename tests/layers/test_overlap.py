"""What two texts have in common, against counting by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textladder.batch import Tokens
from textladder.layers.embedding import UNKNOWN
from textladder.layers.overlap import overlap

TEXT = st.lists(st.integers(UNKNOWN, 6), max_size=7)


def counted(first: list[int], second: list[int]) -> list[float]:
    found = []
    for length in (1, 2, 3):
        grams = [
            [tuple(text[at : at + length]) for at in range(len(text) - length + 1)]
            for text in (first, second)
        ]
        for one, other in (grams, grams[::-1]):
            known = {gram for gram in other if UNKNOWN not in gram}
            found.append(sum(gram in known for gram in one) / max(len(one), 1))
    return [*found, min(len(first), len(second)) / max(len(first), len(second), 1)]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
def test_against_counting(pairs):
    tokens = Tokens.of_rows([text for pair in pairs for text in pair])
    found = overlap(tokens).tolist()
    for row, pair in zip(found, pairs, strict=True):
        assert row == pytest.approx(counted(*pair))


def test_of_a_paraphrase():
    # a b c d / b c e: two of four and two of three words; one of three and one of two pairs; no three; 3 to 4
    found = overlap(Tokens.of_rows([[2, 3, 4, 5], [3, 4, 6]]))[0].tolist()
    assert found == pytest.approx([1 / 2, 2 / 3, 1 / 3, 1 / 2, 0, 0, 3 / 4])
