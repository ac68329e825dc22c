"""Exact match and F1 of answers: the rules of the official scripts on hard cases, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from textladder.metrics import squad
from textladder.metrics.intervals import bootstrap


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The Eiffel Tower!", "eiffel tower"),
        ("  a  cat,  an   owl and the\tdog ", "cat owl and dog"),
        ("U.S.", "us"),
        ("rock-and-roll", "rockandroll"),  # punctuation goes before words are cut
        ("theatre another", "theatre another"),  # articles are whole words
        ("A-Team", "ateam"),  # the hyphen is gone before articles are looked for
        ("“quoted” – dash", "“quoted” – dash"),  # punctuation beyond ASCII stays
        ("$1,000.50", "100050"),
        ("ÉCOLE", "école"),
        ("the", ""),
        ("...", ""),
    ],
)
def test_normalising(text, said):
    assert squad.normalised(text) == said


@pytest.mark.parametrize(
    ("answer", "golds", "exact", "f1"),
    [
        ("the Denver Broncos", ["Denver Broncos"], 1.0, 1.0),
        ("Denver", ["Denver Broncos", "broncos"], 0.0, 2 / 3),
        ("in 1973", ["October 1973", "1973."], 0.0, 2 / 3),  # the best gold, not the first
        ("a b b c", ["b b b"], 0.0, 2 * 2 / (3 + 3)),  # "a" is an article; b counts twice
        ("x", ["y"], 0.0, 0.0),
        ("", ["y"], 0.0, 0.0),
        ("x", [], 0.0, 0.0),
        ("the", ["a"], 1.0, 0.0),  # v1.1: equal after normalising, and no word in common
    ],
)
def test_version_1(answer, golds, exact, f1):
    found = squad.judge(answer, golds)
    assert (found.exact, found.f1) == pytest.approx((exact, f1))


@pytest.mark.parametrize(
    ("answer", "golds", "exact", "f1", "answerable"),
    [
        ("", [], 1.0, 1.0, False),
        ("x", [], 0.0, 0.0, False),
        ("the", [], 1.0, 1.0, False),  # nothing is left of it
        ("", ["y"], 0.0, 0.0, True),
        ("a", ["an", "x"], 0.0, 0.0, True),  # "an" is no gold: nothing is left of it
        ("a", ["an"], 1.0, 1.0, False),
        ("red house", ["red", "the red house"], 1.0, 1.0, True),
    ],
)
def test_version_2(answer, golds, exact, f1, answerable):
    assert squad.judge(answer, golds, "2.0") == (exact, f1, answerable)


def test_a_score_counts_each_question_once_and_says_by_which_rules():
    judged = [
        squad.judge("x y", ["x"], "2.0"),
        squad.judge("", [], "2.0"),
        squad.judge("z", [], "2.0"),
        squad.judge("q", ["q"], "2.0"),
    ]
    questions = ["Who is it?", "In what year?", "Is it so?", "By whom, and how?"]
    found = squad.score(judged, [True, False, True, True], questions, metric="answer_f1", rules="2.0")
    assert found.headline == pytest.approx((2 / 3 + 1 + 0 + 1) / 4)
    assert found.values == pytest.approx(
        {
            "exact_match": 0.5,
            "answer_f1": found.headline,
            "answerable_exact_match": 0.5,
            "answerable_f1": (2 / 3 + 1) / 2,
            "unanswerable_accuracy": 0.5,
            "answered_share": 0.75,
        }
    )
    assert "questions=4|answerable=2|rules=squad-2.0" in found.signature
    table = {entry["word"]: entry["support"] for entry in found.details["per_question_word"]}
    assert table == {"who": 1, "what": 1, "how": 1, "other": 1}
    for metric in squad.HEADLINES:
        assert squad.statistic(judged, metric).value == pytest.approx(found.values[metric])


def test_intervals_are_drawn_over_questions():
    draw = np.random.default_rng(0)
    judged = [squad.Judgement(float(f > 0.9), float(f), True) for f in draw.random(200)]
    found = bootstrap(squad.statistic(judged, "answer_f1"), resamples=2000)
    values = np.array([one.f1 for one in judged])
    deviation = values.std() / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * deviation, abs=0.01)
    assert found.high == pytest.approx(values.mean() + 1.96 * deviation, abs=0.01)
