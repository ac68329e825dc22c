from __future__ import annotations

import json

import pytest

from textladder.batch import Example
from textladder.errors import Problem
from textladder.tasks.classify import Classify
from textladder.tasks.labels import label_ids, learn_labels, natural_order


def examples(*targets):
    return [Example(("text",), target, f"reviews.csv:{i}") for i, target in enumerate(targets, 2)]


def test_labels_are_learned_in_natural_order_with_their_counts():
    found = learn_labels(examples(("10",), ("2",), ("a",), ("2",)), "auto")
    assert found == {
        "kind": "single",
        "labels": ["2", "10", "a"],
        "counts": {"2": 2, "10": 1, "a": 1},
        "texts": 4,
    }
    assert json.loads(json.dumps(found)) == found


def test_natural_order_is_total_over_odd_labels():
    labels = ["", "1", "01", "B", "b", "a10", "a9", "²", "٣", "é", "a", "1a", "😀"]
    ordered = sorted(labels, key=natural_order)
    labels.reverse()
    assert sorted(labels, key=natural_order) == ordered
    assert ordered.index("a9") < ordered.index("a10") < ordered.index("b")


def test_several_labels_make_it_multi_label():
    found = learn_labels(examples(("a", "b"), ("a",), ("b", "b")), "auto")
    assert (found["kind"], found["counts"]) == ("multi", {"a": 2, "b": 2})
    assert learn_labels(examples(("a",), ("b",)), "multi")["kind"] == "multi"
    assert learn_labels(examples(("a",), ()), "multi")["texts"] == 2  # one label that divides the texts


def test_unlabelled_texts_teach_nothing():
    found = learn_labels(examples(("a",), None, (), "b"), "auto")
    assert (found["kind"], found["texts"]) == ("single", 2)


@pytest.mark.parametrize(
    ("targets", "kind", "said"),
    [
        ([("a",), ("a",)], "auto", "reviews.csv: the only label is 'a' in 2 training texts"),
        ([None, ()], "auto", "there is no label in 2 training texts"),
        ([], "auto", "training texts: there is no label"),
        ([("a",), ("a",)], "multi", "the only label is 'a'"),
        ([("b",), ("a", "b")], "single", "reviews.csv:3: the text has several labels"),
    ],
)
def test_nothing_to_tell_apart(targets, kind, said):
    with pytest.raises(Problem) as problem:
        Classify.learn(examples(*targets), Classify.Config(kind=kind))
    assert said in str(problem.value)


INDEX = {"neg": 0, "pos": 1}


def test_ids_of_targets():
    found = label_ids([("pos",), "neg", ["pos"]], [""] * 3, INDEX, multi=False)
    assert [row.tolist() for row in found] == [[1], [0], [1]]
    found = label_ids([("pos", "neg"), (), ("neg",)], [""] * 3, INDEX, multi=True)
    assert [row.tolist() for row in found] == [[1, 0], [], [0]]
    assert len(label_ids([], [], INDEX, multi=False)) == 0


@pytest.mark.parametrize(
    ("targets", "multi", "where", "said"),
    [
        (
            [("pos",), ("poss",), ("poss",), ("x",)],
            False,
            "f:1",
            "labels that no training text has: 'poss' (2), 'x' (1).",
        ),
        ([("pos",), ("poss",)], True, "f:1", "Did you mean pos?"),
        ([("pos",), (), None], False, "f:1", "there is no label (2 of 3 texts have none)"),
        ([("pos",), None], True, "f:1", "there is no label (1 of 2 texts have none)"),
        ([("pos",), ("pos", "neg")], False, "f:1", "the text has 2 labels; every training text has one"),
    ],
)
def test_labels_that_cannot_be_used(targets, multi, where, said):
    with pytest.raises(Problem) as problem:
        label_ids(targets, [f"f:{i}" for i in range(len(targets))], INDEX, multi)
    assert problem.value.where == where
    assert said in str(problem.value)


def test_many_unseen_labels_are_counted_not_hidden():
    with pytest.raises(Problem, match="and 15 more"):
        label_ids([(f"new {i}",) for i in range(25)], [""] * 25, INDEX, multi=False)
