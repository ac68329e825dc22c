"""BLEU, chrF and TER against sacrebleu's own, of whole corpora and of resamples."""

from __future__ import annotations

import random

import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from textladder.metrics import translation
from textladder.metrics.paired import compare_pair
from textladder.metrics.statistic import Statistic

WORDS = ["the", "a", "dog", "cat", "runs", "sleeps", "fast", "on", "grass", ",", ".", "über", "日本"]


def texts(number: int, seed: int) -> tuple[list[str], list[str]]:
    """What is said, and what is wanted: some alike, some not, some empty."""
    draw = random.Random(seed)
    wanted = [" ".join(draw.choices(WORDS, k=draw.randint(0, 14))) for _ in range(number)]
    said = []
    for text in wanted:
        words = [word for word in text.split() if draw.random() > 0.2]
        said.append(" ".join(word if draw.random() > 0.3 else draw.choice(WORDS) for word in words))
    return said, wanted


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("number", [1, 3, 40])
def test_every_score_is_sacrebleu_s(number: int, seed: int) -> None:
    said, wanted = texts(number, seed)
    found = translation.score(said, wanted, metric="bleu", tokenize="13a").values
    assert found["bleu"] == pytest.approx(BLEU().corpus_score(said, [wanted]).score)
    assert found["chrf"] == pytest.approx(CHRF().corpus_score(said, [wanted]).score)
    assert found["ter"] == pytest.approx(TER().corpus_score(said, [wanted]).score)
    alike = [one.split() == two.split() for one, two in zip(said, wanted, strict=True)]
    assert found["exact_match"] == np.mean(alike)


@pytest.mark.parametrize(("name", "scorer"), [("bleu", BLEU()), ("chrf", CHRF())])
def test_resamples_are_scored_as_corpora_of_their_texts(name: str, scorer: BLEU | CHRF) -> None:
    said, wanted = texts(30, seed=9)
    found: Statistic = translation.statistic(said, wanted, name, "13a")
    draw = np.random.default_rng(0)
    for _ in range(5):
        rows = draw.integers(0, 30, 30)
        sums = found.table[found.kinds[rows]].sum(0)
        again = scorer.corpus_score([said[i] for i in rows], [[wanted[i] for i in rows]]).score
        assert float(found.of(sums)) == pytest.approx(again, rel=1e-5)


def test_other_tokenizers_are_those_of_sacrebleu() -> None:
    said, wanted = ["日本語 です", "a-b c"], ["日本語 だ", "a - b c"]
    for name in ("char", "intl", "none", "zh"):
        found = translation.score(said, wanted, metric="bleu", tokenize=name)
        scorer = BLEU(tokenize=name, force=True)
        assert found.values["bleu"] == pytest.approx(scorer.corpus_score(said, [wanted]).score)
        assert str(scorer.get_signature()) in found.signature


def test_a_text_alone_is_as_wrong_as_its_chrf_says() -> None:
    said, wanted = ["a dog runs", "", "ein Hund", "x"], ["a dog runs", "", "ein Hundehaus", "yz"]
    found = translation.losses(said, wanted)
    assert found[[0, 1]].tolist() == [0, 0]
    assert found[2] == pytest.approx(1 - CHRF().sentence_score(said[2], [wanted[2]]).score / 100)
    assert found[3] == 1


def test_chrf_between_texts_is_that_of_each_pair() -> None:
    said, wanted = texts(6, seed=5)
    several = [*said, *wanted[:4], "", "aaaaaaaa aaa", "a", "日本", "aaaa"]
    found, scorer = translation.chrf_between(several), CHRF()
    for row, one in zip(found, several, strict=True):
        assert row.tolist() == pytest.approx([scorer.sentence_score(one, [two]).score for two in several])
    assert translation.chrf_between([""]).tolist() == [[0]]
    assert translation.chrf_between(["ab", "a"]).tolist() == [
        pytest.approx([scorer.sentence_score(one, [two]).score for two in ("ab", "a")]) for one in ("ab", "a")
    ]


@pytest.mark.parametrize("name", ["bleu", "chrf"])
def test_the_paired_test_is_that_of_sacrebleu(name: str) -> None:
    """Approximate randomisation of corpus scores: the same difference, and p within five standard errors."""
    (said, wanted), draw = texts(60, seed=3), random.Random(1)
    first, second = ([one[: -4 if draw.random() < share else None] for one in said] for share in (0.3, 0.5))
    systems = [("first", first), ("second", second)]
    scorer = {"bleu": BLEU(references=[wanted]), "chrf": CHRF(references=[wanted])}[name]
    test = PairedTest(systems, {name: scorer}, None, test_type="ar", n_samples=2000)
    _, theirs = test()[1].values()
    p = theirs[1].p_value
    ours = compare_pair(
        *(translation.statistic(said, wanted, name, "13a") for said in (first, second)), permutations=10_000
    )
    assert ours.value == pytest.approx(theirs[0].score - theirs[1].score)
    assert 0.001 < p < 0.5, "a test at either end shows nothing"
    assert abs(ours.p - p) < 5 * (p * (1 - p) * (1 / 2000 + 1 / 10_000)) ** 0.5
