"""Losses of pairs against loops over pairs in float64, from the papers' formulas, and against torch's own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from textladder.tasks.contrast import Side, cosine_of_labels, cosine_of_scores, info_nce, triplet

# Texts by number: 3 stands twice as a first text, 12 twice as a second one, and 4 on both sides.
FIRST = [1, 2, 3, 3, 4, 5]
SECOND = [11, 12, 12, 13, 14, 4]
CLOSE = [True, True, True, True, False, True]
NEGATIVE = [21, 11, 22, 12, 23, 24]


def sides(negative: bool = False, dim: int = 5, seed: int = 0) -> list[Side]:
    """Vectors of length 1, the same for the same text."""
    known: dict[int, np.ndarray] = {}
    rng = np.random.default_rng(seed)
    made = []
    for texts in (FIRST, SECOND, *([NEGATIVE] if negative else [])):
        rows = [known.setdefault(text, rng.normal(size=dim)) for text in texts]
        vectors = F.normalize(torch.from_numpy(np.stack(rows)), dim=1).requires_grad_()
        made.append(Side(vectors, torch.tensor(texts)))
    return made


def belongs(query: int, other: int) -> bool:
    """Whether this batch says that two texts belong together, in whichever order."""
    pairs = {pair for pair, close in zip(zip(FIRST, SECOND, strict=True), CLOSE, strict=True) if close}
    return (query, other) in pairs or (other, query) in pairs


def expected_info_nce(all_sides, temperature, *, backwards=False):
    (queries, right), texts = all_sides[:2], [FIRST, SECOND, NEGATIVE]
    first, second = texts[:2]
    others = list(zip(right.vectors.tolist(), second, strict=True))
    if backwards:
        queries, right, first, second = right, queries, second, first
        others = list(zip(right.vectors.tolist(), second, strict=True))
    elif len(all_sides) > 2:
        others += zip(all_sides[2].vectors.tolist(), NEGATIVE, strict=True)
    total = 0.0
    for i, close in enumerate(CLOSE):
        if not close:
            continue
        query = queries.vectors[i].tolist()
        scores = [math.exp(np.dot(query, v) / temperature) for v, _ in others]
        kept = [
            score
            for j, (score, (_, text)) in enumerate(zip(scores, others, strict=True))
            if j == i or not (text == first[i] or belongs(first[i], text))
        ]
        total -= math.log(scores[i] / sum(kept))
    return total


@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_info_nce(temperature):
    first, second = sides()
    close = torch.tensor(CLOSE)
    forth = expected_info_nce([first, second], temperature)
    back = expected_info_nce([first, second], temperature, backwards=True)
    found = info_nce(first, second, close, temperature, symmetric=False)
    assert found.item() == pytest.approx(forth, rel=1e-9)
    both = info_nce(first, second, close, temperature)
    assert both.item() == pytest.approx((forth + back) / 2, rel=1e-9)
    both.backward()
    assert first.vectors.grad.isfinite().all()


def test_info_nce_with_negatives_that_are_given():
    given = sides(negative=True)
    found = info_nce(*given[:2], torch.tensor(CLOSE), 0.1, symmetric=False, negative=given[2])
    assert found.item() == pytest.approx(expected_info_nce(given, 0.1), rel=1e-9)


def test_info_nce_of_different_texts_is_cross_entropy():
    """Where nothing is barred, it is what CLIP and SimCSE write with torch's cross-entropy."""
    rng = torch.Generator().manual_seed(1)
    u, v = (F.normalize(torch.randn(7, 4, generator=rng, dtype=torch.float64), dim=1) for _ in range(2))
    numbers = torch.arange(7)
    expected = (F.cross_entropy(u @ v.T / 0.2, numbers) + F.cross_entropy(v @ u.T / 0.2, numbers)) / 2
    close = torch.ones(7, dtype=torch.bool)
    found = info_nce(Side(u, numbers), Side(v, numbers + 10), close, 0.2)
    assert found.item() / 7 == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("negatives", ["hardest", "all"])
def test_triplet_of_the_batch(negatives):
    first, second = sides()
    u, v = first.vectors.detach().numpy(), second.vectors.detach().numpy()
    total = 0.0
    for i, close in enumerate(CLOSE):
        far = [
            max(0.0, ((u[i] - v[i]) ** 2).sum() - ((u[i] - v[j]) ** 2).sum() + 0.7)
            for j in range(len(v))
            if SECOND[j] != FIRST[i] and not belongs(FIRST[i], SECOND[j]) and j != i
        ]
        if close and far:
            total += max(far) if negatives == "hardest" else sum(far) / len(far)
    found = triplet(first, second, torch.tensor(CLOSE), 0.7, negatives=negatives)
    assert found.item() == pytest.approx(total, rel=1e-9)
    found.backward()
    assert first.vectors.grad.isfinite().all()


def test_triplet_with_negatives_that_are_given():
    first, second, third = sides(negative=True)
    each = torch.nn.TripletMarginWithDistanceLoss(
        distance_function=lambda a, b: ((a - b) ** 2).sum(-1), margin=0.7, reduction="none"
    )(first.vectors, second.vectors, third.vectors)
    # Row 3 has text 12 as its negative, which belongs to its first text by row 2; row 4 is not close.
    kept = torch.tensor(CLOSE) & (torch.arange(6) != 3)
    found = triplet(first, second, torch.tensor(CLOSE), 0.7, negative=third)
    assert found.item() == pytest.approx(each[kept].sum().item(), rel=1e-9)


def test_cosines():
    first, second = sides()
    u, v = first.vectors, second.vectors
    close = torch.tensor(CLOSE)
    sign = torch.where(close, 1, -1)
    expected = F.cosine_embedding_loss(u, v, sign, margin=0.1, reduction="sum")
    assert cosine_of_labels(u, v, close, 0.1).item() == pytest.approx(expected.item(), rel=1e-9)
    wanted = torch.linspace(0, 1, 6, dtype=torch.float64)
    squares = ((F.cosine_similarity(u, v) - wanted) ** 2).sum()
    assert cosine_of_scores(u, v, wanted).item() == pytest.approx(squares.item(), rel=1e-9)


def test_a_text_alone_has_nothing_to_be_told_apart_from():
    vector = torch.ones(1, 1, dtype=torch.float64)
    one, other = Side(vector, torch.tensor([0])), Side(vector, torch.tensor([1]))
    close = torch.tensor([True])
    assert info_nce(one, other, close, 0.05).item() == 0
    assert triplet(one, other, close, 0.5).item() == 0
    assert triplet(one, other, close, 0.5, negatives="all").item() == 0
