"""The hardest texts and the disagreements, against sorting everything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from textladder.comparing import Answer
from textladder.inspection.findings import find

RUNGS = ("a", "b", "c")
answers = st.tuples(st.sampled_from("xyz"), st.sampled_from([0.2, 0.5, 0.9, None]))
rows = st.lists(st.tuples(st.sampled_from("xyz"), st.tuples(answers, answers, answers)), max_size=40)


@given(rows, st.integers(0, 6))
def test_against_brute_force(drawn, size: int) -> None:  # type: ignore[no-untyped-def]
    texts = [
        {
            rung: Answer(f"f:{i}", f"t{i}", (gold,), (said,), sure)
            for rung, (said, sure) in zip(RUNGS, given_answers, strict=True)
        }
        for i, (gold, given_answers) in enumerate(drawn)
    ]
    found = find(iter(texts), RUNGS, pair=("a", "c"), examples=size)

    def hardness(row: dict[str, Answer]) -> tuple[int, float]:
        wrong = [one.confidence or 0.0 for one in row.values() if not one.correct]
        return len(wrong), sum(wrong) / len(wrong)

    hard = sorted((r for r in texts if not all(a.correct for a in r.values())), key=hardness, reverse=True)
    assert [f.where for f in found.hardest] == [r["a"].where for r in hard[:size]]
    differ = [r for r in texts if r["a"].predicted != r["c"].predicted]
    sure = sorted(differ, key=lambda r: min(r["a"].confidence or 0, r["c"].confidence or 0), reverse=True)
    assert [f.where for f in found.between] == [r["a"].where for r in sure[:size]]
    assert sum(found.pair_counts) == len(differ)
    assert found.differing[0][2] == found.differing[2][0] == len(differ)
    assert found.differing[1][1] == 0
    assert found.texts == len(texts)
    assert found.all_right == sum(all(a.correct for a in r.values()) for r in texts)
    assert found.all_wrong == sum(not any(a.correct for a in r.values()) for r in texts)


def test_a_pick_that_is_the_best_has_no_pair() -> None:
    found = find([], RUNGS, pair=("a", "a"))
    assert found.pair is None
    assert found.between == []


def test_multi_label_answers_differ_as_sets() -> None:
    row = {
        "a": Answer("f:1", "t", ("x", "y"), ("x", "y"), None),
        "b": Answer("f:1", "t", ("x", "y"), ("y", "x"), None),
    }
    assert find([row], ("a", "b")).differing == [[0, 0], [0, 0]]


def test_without_confidence_the_loss_orders_the_errors() -> None:
    """Answers of several labels say no confidence: the hardest are those with the largest loss, the pair's
    differences those whose losses are furthest apart."""
    losses = [(0.2, 0.3), (0.9, 0.8), (0.5, 0.1)]
    rows = [
        {
            "a": Answer(f"f:{i}", "t", ("x", "y"), ("x",), None, loss=first),
            "b": Answer(f"f:{i}", "t", ("x", "y"), ("y",), None, loss=second),
        }
        for i, (first, second) in enumerate(losses)
    ]
    found = find(rows, ("a", "b"), pair=("a", "b"))
    assert not found.confident
    assert [one.where for one in found.hardest] == ["f:1", "f:2", "f:0"]
    assert found.between[0].where == "f:2"
