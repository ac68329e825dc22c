"""Scores of tagged sentences against counting by hand, sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest

from textladder.batch import Example
from textladder.metrics import tagging
from textladder.metrics.intervals import bootstrap
from textladder.tasks.tag import Said, Tag


def random_spans(draw, tokens):
    spans, at = [], 0
    while at < tokens:
        length = int(draw.integers(1, 4))
        if draw.random() < 0.5:
            spans.append((at, min(at + length, tokens), "XYZ"[draw.integers(3)]))
        at += length
    return spans


def by_hand(gold, found):
    """(precision, recall, F1) from sets of (sentence, start, end, label)."""
    gold, found = ({(n, *s) for n, spans in enumerate(all_) for s in spans} for all_ in (gold, found))
    both = len(gold & found)
    return both / max(len(found), 1), both / max(len(gold), 1), 2 * both / max(len(gold) + len(found), 1)


def sample(seed, scheme="BIO"):
    """A task with random gold spans and random answers, and both as spans of tokens."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(0, 9, 30)
    gold = [random_spans(draw, size) for size in sizes]
    found = [
        random_spans(draw, size) if draw.random() < 0.6 else spans
        for size, spans in zip(sizes, gold, strict=True)
    ]
    labels = {"kind": "spans", "labels": ["X", "Y", "Z"], "scheme": scheme, "cut": "word"}
    task = Tag(Tag.Config(scheme=scheme), 4, labels)
    examples = [
        Example(
            ("a " * size,),
            tuple((2 * a, 2 * b - 1, label) for a, b, label in spans),
            f"s:{n}",
            tokens=tuple((2 * t, 2 * t + 1) for t in range(size)),
        )
        for n, (size, spans) in enumerate(zip(sizes, gold, strict=True))
    ]
    outcomes = [
        Said(
            task.tags.of_spans([(a, b, "XYZ".index(label)) for a, b, label in spans], size),
            np.ones(size, np.float32),
        )
        for size, spans in zip(sizes, found, strict=True)
    ]
    return task, examples, outcomes, gold, found


@pytest.mark.parametrize("scheme", ["BIO", "IOB1", "BIOES"])
@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_counted_by_hand(seed, scheme):
    task, examples, outcomes, gold, found = sample(seed, scheme)
    scores = task.score(outcomes, examples)
    precision, recall, f1 = by_hand(gold, found)
    assert scores.headline == scores.values["span_f1"] == pytest.approx(f1)
    assert (scores.values["span_precision"], scores.values["span_recall"]) == pytest.approx(
        (precision, recall)
    )
    same = [set(a) == set(b) for a, b in zip(gold, found, strict=True)]
    assert scores.values["sentence_accuracy"] == pytest.approx(np.mean(same))
    for entry in scores.details["per_class"]:
        mine = [[s for s in spans if s[2] == entry["label"]] for spans in gold]
        theirs = [[s for s in spans if s[2] == entry["label"]] for spans in found]
        assert (entry["precision"], entry["recall"], entry["f1"]) == pytest.approx(by_hand(mine, theirs))
        assert entry["support"] == sum(map(len, mine))
    matrix = np.array(scores.details["confusion"]["gold_by_predicted"])
    assert scores.details["confusion"]["labels"] == ["X", "Y", "Z", "O"]
    assert matrix.sum() == sum(len(e.tokens) for e in examples)
    assert "rule=conlleval" in scores.signature
    assert "sentences=30" in scores.signature


def test_spans_on_both_sides_of_the_end_of_a_sentence_are_two():
    labels = {"kind": "spans", "labels": ["X"], "scheme": "IOB1", "cut": "word"}
    task = Tag(Tag.Config(scheme="IOB1"), 4, labels)
    tokens = ((0, 1),)
    examples = [Example(("x",), ((0, 1, "X"),), f"s:{n}", tokens=tokens) for n in range(2)]
    scores = task.score([Said(np.array([2]), np.ones(1, np.float32))] * 2, examples)
    assert task.tags.names[2] == "I-X"
    assert scores.values.pop("expected_calibration_error") == 0
    assert scores.values == dict.fromkeys(scores.values, 1.0)


def test_intervals_draw_sentences():
    task, examples, outcomes, _, _ = sample(1)
    statistic = task.statistic(outcomes, examples)
    assert len(statistic) == 30
    interval = bootstrap(statistic, resamples=300)
    assert interval.low < interval.value < interval.high
    assert statistic.value == pytest.approx(task.score(outcomes, examples).headline)


def test_nothing_to_find_and_nothing_found_is_right():
    counts = np.array([[3, 3, 0, 0, 0], [2, 2, 0, 0, 0]])
    assert tagging.statistic(counts, "span_f1").value == 1
    assert tagging.statistic(counts, "token_accuracy").value == 1
    counts[0, tagging.FOUND] = 1
    assert tagging.statistic(counts, "span_f1").value == 0


def test_a_label_that_was_never_learned_is_missed():
    labels = {"kind": "tags", "labels": ["A", "B"], "scheme": "BIO", "cut": "word"}
    task = Tag(Tag.Config(), 4, labels)
    example = Example(("x y",), ((0, 1, "A"), (2, 3, "NEW")), "s:1", tokens=((0, 1), (2, 3)))
    said = [Said(np.array([0, 1]), np.ones(2, np.float32))]
    scores = task.score(said, [example])
    assert scores.values["token_accuracy"] == 0.5
    assert scores.details["unseen_labels"] == ["NEW"]
    assert task.check([example], "test") == [
        "test: 1 spans have labels that no training text has: 'NEW' (1)."
    ]
