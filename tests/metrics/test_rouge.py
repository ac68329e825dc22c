"""ROUGE and distinct-n, counted by hand."""

from __future__ import annotations

import itertools
import random
from typing import get_args, get_type_hints

import pytest

from textladder.metrics import diversity, rouge, translation
from textladder.metrics.intervals import bootstrap
from textladder.tasks.translate import Translate


def test_counted_by_hand() -> None:
    """Lin 2004, section 3.1: of "police killed the gunman" the first says three words in order, the second
    two; both say one of its three pairs."""
    wanted = ["police killed the gunman"] * 3 + ["", "a b", "Über-Maß, 3 %"]
    said = ["police kill the gunman", "the gunman kill police", "", "", "B a", "über MASS 3"]
    found = rouge.scores(said, wanted)
    assert found["rouge_1"].tolist() == pytest.approx([75, 75, 0, 0, 100, 200 * 2 / 6])
    assert found["rouge_2"].tolist() == pytest.approx([100 / 3, 100 / 3, 0, 0, 0, 0])
    assert found["rouge_l"].tolist() == pytest.approx([75, 50, 0, 0, 50, 200 * 2 / 6])


def test_repeated_words_count_as_often_as_they_are_wanted() -> None:
    found = rouge.scores(["the the the"], ["the cat the"])
    assert found["rouge_1"].tolist() == pytest.approx([200 * 2 / 6])
    assert found["rouge_l"].tolist() == pytest.approx([200 * 2 / 6])


@pytest.mark.parametrize("seed", range(3))
def test_common_words_are_those_of_the_longest_subsequence(seed: int) -> None:
    """Among all subsequences of the shorter text."""
    draw = random.Random(seed)
    for _ in range(20):
        one, other = ([draw.choice("abc") for _ in range(draw.randint(0, 7))] for _ in range(2))
        best = max(
            size
            for size in range(len(one) + 1)
            for chosen in itertools.combinations(one, size)
            if _within(chosen, other)
        )
        assert rouge.common(one, other) == rouge.common(other, one) == best


def _within(words: tuple[str, ...], text: list[str]) -> bool:
    rest = iter(text)
    return all(word in rest for word in words)


def test_it_can_be_the_headline() -> None:
    said, wanted = ["a b c", "d e", "x"], ["a b d", "d e", "y"]
    scores = translation.score(said, wanted, metric="rouge_l", tokenize="13a")
    assert scores.headline == pytest.approx((200 / 3 + 100 + 0) / 3)
    assert "rouge|measure=f1|words=\\w+|case=lower" in scores.signature
    interval = bootstrap(translation.statistic(said, wanted, "rouge_l", "13a"))
    assert interval.value == pytest.approx(scores.headline)
    assert interval.low < interval.value < interval.high


def test_every_headline_can_be_chosen() -> None:
    assert set(get_args(get_type_hints(Translate.Config)["metric"])) == set(translation.HEADLINES)


def test_different_ngrams_over_all() -> None:
    found = diversity.distinct(["i do not know", "i do not know", "yes", ""])
    assert found == {"distinct_1": 5 / 9, "distinct_2": 3 / 6}
    assert diversity.distinct([""]) == {"distinct_1": 0.0, "distinct_2": 0.0}
