"""Search metrics against a case worked out by hand, scikit-learn's average precision and scipy-free loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

from textladder.metrics.intervals import bootstrap
from textladder.metrics.retrieval import HEADLINES, Lookup, score, search, statistic

PAIRS = [("a", "x"), ("a", "y"), ("b", "y"), ("c", "b"), ("b", "z"), ("a", "x"), ("d", "w")]
CLOSE = np.array([True, True, True, True, False, True, False])


def test_what_is_looked_for_among_what():
    found = Lookup.of(PAIRS, CLOSE)
    assert found.queries.tolist() == [0, 2, 3]  # a, b, c; d belongs to nothing
    assert found.candidates.tolist() == [0, 1, 3, 4, 6]  # x, y, b, z, w
    assert list(zip(found.owner.tolist(), found.place.tolist(), strict=True)) == [
        (0, 0),
        (0, 1),
        (1, 1),
        (2, 2),
    ]
    assert found.itself.tolist() == [-1, 2, -1]  # b is not to find itself


def test_a_text_that_belongs_to_itself_may_be_found():
    assert Lookup.of([("a", "a"), ("b", "a")], np.array([True, True])).itself.tolist() == [-1, -1]


def test_by_hand():
    """a: y .9, x .5, z .7, w .1, b .8 -> positions of y and x: 1 and 4. b: b hidden, x .6, y .6, z .2, w .1
    -> of equals the right one comes last: 2. c: b .3, x .4, y .5, z .6, w .7 -> 5."""
    lookup = Lookup.of(PAIRS, CLOSE)
    #                    x    y    b    z    w
    scores = np.array([[0.5, 0.9, 0.8, 0.7, 0.1], [0.6, 0.6, 1.0, 0.2, 0.1], [0.4, 0.5, 0.3, 0.6, 0.7]])
    found = search(lookup, scores.astype(np.float32), np.eye(5, dtype=np.float32))
    assert found.rank.tolist() == [1, 2, 5]
    assert found.average_precision == pytest.approx([(1 + 2 / 4) / 2, 1 / 2, 1 / 5])
    assert found.recall.tolist() == [[0.5, 1, 1], [0, 1, 1], [0, 1, 1]]
    assert found.best.tolist() == [1, 0, 4]
    assert found.best_score == pytest.approx([0.9, 0.6, 0.7])
    told = score(lookup, found, "mrr")
    assert told.values["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 5) / 3)
    assert told.values["map"] == pytest.approx((0.75 + 0.5 + 0.2) / 3)
    assert told.values["recall_at_1"] == pytest.approx(0.5 / 3)
    assert (told.count, told.values.keys()) == (3, set(HEADLINES))
    assert "queries=3|candidates=5|right=4" in told.signature


def vectors(count: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_against_scikit_learn(monkeypatch):
    monkeypatch.setattr("textladder.metrics.retrieval.BLOCK", 100)
    draw = np.random.default_rng(2)
    pairs = [(f"q{draw.integers(20)}", f"c{draw.integers(30)}") for _ in range(80)]
    close = draw.random(80) < 0.6
    lookup = Lookup.of(pairs, close)
    queries, candidates = vectors(len(lookup.queries), 3), vectors(len(lookup.candidates), 4)
    found = search(lookup, queries, candidates)
    truth = np.zeros((len(queries), len(candidates)), int)
    truth[lookup.owner, lookup.place] = 1
    scores = queries @ candidates.T
    each = [average_precision_score(*row) for row in zip(truth, scores, strict=True)]
    assert found.average_precision == pytest.approx(each)
    assert found.values("map").mean() == pytest.approx(label_ranking_average_precision_score(truth, scores))
    order = np.take_along_axis(truth, np.argsort(-scores, axis=1), 1)
    assert found.rank.tolist() == (order.argmax(1) + 1).tolist()
    for k in (1, 5, 10):
        expected = order[:, :k].sum(1) / truth.sum(1)
        assert found.values(f"recall_at_{k}") == pytest.approx(expected)
    for metric in HEADLINES:
        drawn = statistic(found, metric)
        assert (len(drawn), drawn.value) == (len(queries), pytest.approx(found.values(metric).mean()))
        assert bootstrap(drawn, resamples=50).low <= drawn.value


def test_vectors_that_are_all_the_same_are_no_success():
    count = 10
    lookup = Lookup.of([(f"a{n}", f"b{n}") for n in range(count)], np.ones(count, bool))
    same = np.ones((count, 1), np.float32)
    assert search(lookup, same, same).values("mrr").tolist() == [1 / count] * count
