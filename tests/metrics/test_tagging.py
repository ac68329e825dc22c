"""Scores of tagged sentences against counting by hand, sentence by sentence."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support

from textladder.batch import Example
from textladder.metrics import tagging
from textladder.metrics.intervals import bootstrap
from textladder.tasks.tag import Said, Tag
from textladder.text.schemes import spans_of

ANY_TAG = st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in "XYZ")])


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


def kinds(spans, tokens):
    """Of each token the label of the span that it is in, or O."""
    return [next((s[2] for s in spans if s[0] <= token < s[1]), "O") for token in range(tokens)]


def task_of(scheme):
    labels = {"kind": "spans", "labels": ["X", "Y", "Z"], "scheme": scheme, "cut": "word"}
    return Tag(Tag.Config(scheme=scheme), 4, labels)


def example_of(spans, tokens, number):
    """A sentence of so many tokens "a", with spans of tokens."""
    places = tuple((2 * token, 2 * token + 1) for token in range(tokens))
    target = tuple((2 * a, 2 * b - 1, label) for a, b, label in spans)
    return Example(("a " * tokens,), target, f"s:{number}", tokens=places)


def sample(seed, scheme="BIO"):
    """A task with random gold spans and random answers, and both as spans of tokens."""
    draw = np.random.default_rng(seed)
    sizes = draw.integers(0, 9, 30)
    gold = [random_spans(draw, size) for size in sizes]
    found = [
        random_spans(draw, size) if draw.random() < 0.6 else spans
        for size, spans in zip(sizes, gold, strict=True)
    ]
    task = task_of(scheme)
    examples = [example_of(spans, size, n) for n, (size, spans) in enumerate(zip(sizes, gold, strict=True))]
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
    counted = Counter(
        pair
        for row, others, example in zip(gold, found, examples, strict=True)
        for pair in zip(kinds(row, len(example.tokens)), kinds(others, len(example.tokens)), strict=True)
    )
    assert matrix.tolist() == [[counted[one, other] for other in "XYZO"] for one in "XYZO"]
    assert "rule=conlleval" in scores.signature
    assert "sentences=30" in scores.signature


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["BIO", "IOB1", "BIOES"]), st.data())
def test_scores_of_any_tags_are_those_of_seqeval(scheme, data):
    """Legal or not, on both sides. Whatever the scheme: files may have any tags, models those of theirs."""
    task = task_of(scheme)
    own_tag = st.sampled_from(task.tags.names)
    pair = st.one_of(st.tuples(ANY_TAG, own_tag), own_tag.map(lambda tag: (tag, tag)))  # half of them right
    rows = data.draw(st.lists(st.lists(pair, max_size=9), min_size=1, max_size=6))
    gold, said = ([[tags[side] for tags in row] for row in rows] for side in (0, 1))
    examples = [example_of(spans_of(tags), len(tags), n) for n, tags in enumerate(gold)]
    outcomes = [
        Said(np.array([task.tags.names.index(tag) for tag in tags], int), np.ones(len(tags), np.float32))
        for tags in said
    ]
    scores = task.score(outcomes, examples)
    mine = [scores.values[f"span_{name}"] for name in ("precision", "recall", "f1")]
    if all(set(row) <= {"O"} for row in [*gold, *said]):
        assert mine[2] == 1, "nothing to find and nothing found; seqeval calls that 0"
        return
    theirs = precision_recall_fscore_support(gold, said, average="micro", zero_division=0)
    assert mine == pytest.approx(theirs[:3])
    per_label = {entry["label"]: entry for entry in scores.details["per_class"]}
    labels = sorted({tag[2:] for row in [*gold, *said] for tag in row} - {""})
    each = precision_recall_fscore_support(gold, said, average=None, zero_division=0)
    for label, *values in zip(labels, *each, strict=True):
        entry = per_label.pop(label)
        assert [entry[name] for name in ("precision", "recall", "f1", "support")] == pytest.approx(values)
    assert not any(entry["support"] or entry["f1"] for entry in per_label.values())


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
