"""The joint search for first and last token, against looking at every pair."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from textladder.layers.span_search import best_spans


def every_span(start, end, longest, counted=None):
    """(score, first, last) of all spans, the best first."""
    found = [
        (float(start[i] + end[j]), i, j)
        for i in range(len(start))
        for j in range(i, min(i + longest, len(start)))
        if counted is None or counted[i]
    ]
    return sorted(found, key=lambda one: (-one[0], one[1], one[2]))


@pytest.mark.parametrize("longest", [1, 3, 8, 50])
@pytest.mark.parametrize("number", [1, 4, 200])
def test_it_is_exact(longest, number):
    draw = np.random.default_rng(longest * 10 + number)
    lengths = np.array([9, 1, 0, 5, 12])
    start, end = draw.normal(size=(2, 5, 12)).astype(np.float32)
    counted = draw.random((5, 12)) < 0.6
    for mask in (None, counted):
        found = best_spans(
            *map(torch.from_numpy, (start, end, lengths)),
            longest=longest,
            number=number,
            counted=None if mask is None else torch.from_numpy(mask),
        )
        for row, length in enumerate(lengths):
            here = None if mask is None else mask[row]
            wanted = every_span(start[row, :length], end[row, :length], longest, here)
            legal = torch.isfinite(found.score[row])
            assert int(legal.sum()) == min(number, len(wanted))
            said = torch.stack([found.first[row], found.last[row]], 1)[legal].tolist()
            assert said == [[i, j] for _, i, j in wanted[:number]]
            np.testing.assert_allclose(
                found.score[row][legal], [score for score, _, _ in wanted[:number]], rtol=1e-6
            )
            total = math.log(sum(math.exp(score) for score, _, _ in wanted)) if wanted else -math.inf
            assert float(found.log_sum[row]) == pytest.approx(total, rel=1e-5)


def test_the_best_start_and_the_best_end_need_not_make_the_best_span():
    start, end = torch.tensor([[0.0, 5.0, 1.0]]), torch.tensor([[6.0, 1.0, 2.0]])
    found = best_spans(start, end, torch.tensor([3]), longest=3, number=1)  # 1 before 0 is no span
    assert (found.first.item(), found.last.item(), found.score.item()) == (1, 2, 7.0)
