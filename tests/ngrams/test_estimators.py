"""Probabilities against the papers' formulas, sums of one, and what is known of generated data."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.ngrams.helpers import chunks, drawn, fitted, tokenised, vocabulary
from tests.ngrams.reference import BEGIN, END, KneserNey, count
from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.estimating import ESTIMATORS
from textladder.ngrams.evaluating import perplexity
from textladder.ngrams.model import NgramModel

SIZE = 40
UNITS = [unit for unit in range(SIZE) if unit not in (0, BEGIN)]


def contexts(texts: list[list[int]], number: int = 40) -> list[tuple[int, ...]]:
    """Contexts from the beginning of a text: seen ones, and ones that never were."""
    draw = random.Random(5)
    seen = [tuple(text[: draw.randint(0, len(text))]) for text in draw.sample(texts, number // 2)]
    other = [tuple(draw.randint(4, SIZE - 1) for _ in range(draw.randint(0, 6))) for _ in range(number // 2)]
    return seen + other


@pytest.mark.parametrize("prune", [(0,), (0, 0, 1), (0, 1, 2)])
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "stupid-backoff"])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_sums_to_one_over_the_vocabulary(
    name: str, order: int, prune: tuple[int, ...], tmp_path: Path
) -> None:
    texts = drawn(400, SIZE)
    config = NgramConfig(order=order, estimator=name, prune=prune[:order])  # type: ignore[arg-type]
    model = fitted(texts, SIZE, tmp_path, config, held_out=chunks(drawn(50, SIZE, seed=9)))
    for context in contexts(texts):
        logs = model.next(context)
        assert np.exp(logs).sum() == pytest.approx(1, abs=2e-6)
        assert logs[0] == logs[BEGIN] == -np.inf
        assert np.isfinite(logs[UNITS]).all()


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_scores_of_texts_are_those_of_the_distributions(name: str, order: int, tmp_path: Path) -> None:
    config = NgramConfig(order=order, estimator=name, prune=(0, 0, 1)[:order])  # type: ignore[arg-type]
    model = fitted(drawn(300, SIZE), SIZE, tmp_path, config, held_out=chunks(drawn(50, SIZE, seed=9)))
    texts = drawn(30, SIZE, seed=3)
    scores = model.log_probs(Ragged.of(texts))
    for row, text in enumerate(texts):
        expected = [model.next(text[:i])[unit] for i, unit in enumerate([*text, END])]
        np.testing.assert_allclose(scores[row], expected, rtol=1e-6)


@pytest.mark.parametrize("prune", [(0,), (0, 0, 1), (0, 1, 1, 2)])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_kneser_ney_is_chen_and_goodmans(order: int, prune: tuple[int, ...], tmp_path: Path) -> None:
    texts, config = drawn(400, SIZE), NgramConfig(order=order, prune=prune[:order])
    model = fitted(texts, SIZE, tmp_path, config)
    slow = KneserNey(texts, SIZE, order, config.fallback_discounts, config.prune)
    assert np.allclose(model.about.facts["discounts"], [found[1:] for found in slow.discounts])
    for context in contexts(texts):
        expected = [slow.probability(unit, (BEGIN, *context)) for unit in UNITS]
        np.testing.assert_allclose(np.exp(model.next(context)[UNITS]), expected, rtol=1e-5)


def test_kneser_ney_on_real_text(tmp_path: Path) -> None:
    ids, words = tokenised("wikitext2_eval/valid.txt", "word", 250)
    train, rest = ids.slice(0, 200), ids.slice(200, len(ids))
    model = NgramModel.fit([train], words, NgramConfig(order=3), tmp_path)
    slow = KneserNey(
        [row.tolist() for row in map(train.__getitem__, range(200))], len(words), 3, (0.5, 1, 1.5)
    )
    scores = model.log_probs(rest)
    for row in range(0, len(rest), 10):
        text = [BEGIN, *rest[row].tolist(), END]
        expected = [math.log(slow.probability(text[i], tuple(text[:i]))) for i in range(1, len(text))]
        np.testing.assert_allclose(scores[row], expected, atol=1e-5)


def test_small_corpora_use_the_fallback_discounts_and_say_so(tmp_path: Path) -> None:
    model = fitted([[4, 5, 6]] * 8, SIZE, tmp_path, NgramConfig(order=2, fallback_discounts=(0.3, 0.6, 0.9)))
    assert model.about.facts["discounts"] == [[0.3, 0.6, 0.9]] * 2
    assert len(model.about.notes) == 2
    assert "order 2: discounts cannot be estimated (no n-gram has the count 1)" in model.about.notes[1]
    assert NgramModel.load(tmp_path).about == model.about


def test_interpolation_with_given_weights(tmp_path: Path) -> None:
    texts, weights = drawn(200, SIZE), (0.1, 0.2, 0.3, 0.4)
    config = NgramConfig(order=3, estimator="interpolation", weights=weights)
    model = fitted(texts, SIZE, tmp_path, config)
    counts = count(texts, 3)
    total = sum(counts[0].values())
    for context in contexts(texts):
        past = (BEGIN, *context)[-2:]
        shares = [[1 / (SIZE - 2)] * SIZE, [counts[0][(unit,)] / total for unit in range(SIZE)]]
        for length in range(1, len(past) + 1):
            after = {gram[-1]: n for gram, n in counts[length].items() if gram[:-1] == past[-length:]}
            if after:
                shares.append([after.get(unit, 0) / sum(after.values()) for unit in range(SIZE)])
        used = np.array(weights[: len(shares)]) / sum(weights[: len(shares)])
        expected = used @ np.array(shares)
        np.testing.assert_allclose(np.exp(model.next(context))[UNITS], expected[UNITS], rtol=1e-5)


def test_em_recovers_the_weights_of_generated_text(tmp_path: Path) -> None:
    known = np.array([0.1, 0.2, 0.3, 0.4])
    config = NgramConfig(order=3, estimator="interpolation", weights=tuple(known))
    texts = drawn(500, 12, longest=30)
    source = fitted(texts, 12, tmp_path / "source", config)
    made = generated(source, 4000)
    learnt = fitted(texts, 12, tmp_path / "learnt", replace(config, weights=None), held_out=chunks(made, 500))
    assert learnt.about.facts["held_out_units"] == sum(len(text) + 1 for text in made)
    np.testing.assert_allclose(learnt.about.facts["weights"], known, atol=0.03)
    assert sum(learnt.about.facts["weights"]) == pytest.approx(1)


def test_perplexity_approaches_the_entropy_of_the_source(tmp_path: Path) -> None:
    """A source of pairs with known probabilities: a trigram model of enough of its text knows it."""
    source = fitted(drawn(300, 10, longest=20), 10, tmp_path / "source", NgramConfig(order=2))
    fresh = generated(source, 1500, seed=8)
    true = perplexity(source, chunks(fresh, 500)).value
    values = [
        perplexity(
            fitted(generated(source, number), 10, tmp_path / str(number), NgramConfig(order=3)),
            chunks(fresh, 500),
        ).value
        for number in (30, 300, 3000)
    ]
    assert values[0] > values[1] > values[2] > true
    assert values[2] < 1.02 * true


def test_stupid_backoff_is_brants(tmp_path: Path) -> None:
    texts = drawn(200, SIZE)
    model = fitted(texts, SIZE, tmp_path, NgramConfig(order=3, estimator="stupid-backoff", backoff=0.3))
    counts = count(texts, 3)
    total = sum(counts[0].values())

    def score(unit: int, past: tuple[int, ...]) -> float:
        if not past:
            return counts[0][(unit,)] / total or 0.3 / (SIZE - 2)
        n = counts[len(past)][(*past, unit)]
        after = sum(m for gram, m in counts[len(past)].items() if gram[:-1] == past)
        return n / after if n else 0.3 * score(unit, past[1:])

    for context in contexts(texts):
        expected = [score(unit, (BEGIN, *context)[-2:]) for unit in UNITS]
        np.testing.assert_allclose(np.exp(model.next(context)[UNITS]), expected, rtol=1e-5)
    assert not model.about.normalised


def test_add_k_is_counts_and_k(tmp_path: Path) -> None:
    texts = drawn(200, SIZE)
    model = fitted(texts, SIZE, tmp_path, NgramConfig(order=3, estimator="add-k", k=0.5))
    trigrams = count(texts, 3)[2]
    for context in [c for c in contexts(texts) if len(c) > 1]:
        after = {gram[-1]: n for gram, n in trigrams.items() if gram[:-1] == context[-2:]}
        expected = [(after.get(u, 0) + 0.5) / (sum(after.values()) + 0.5 * len(UNITS)) for u in UNITS]
        np.testing.assert_allclose(np.exp(model.next(context)[UNITS]), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"order": 8}, "8 is not between 1 and 7"),
        ({"prune": (1,)}, "are not thresholds"),
        ({"prune": (0, 2, 1)}, "are not thresholds"),
        ({"fallback_discounts": (0.5, 3.0, 1.5)}, "are not three discounts"),
        ({"weights": (0.5, 0.5)}, "are not 4 weights"),
        ({"backoff": 0.0}, "is not above 0"),
        ({"k": -1.0}, "is not above 0"),
        ({"estimator": "knesser-ney"}, "Did you mean kneser-ney"),
        ({"estimator": "interpolation"}, "weights are learnt on text that was not counted"),
    ],
)
def test_settings_that_cannot_be_met(settings: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=said):
        fitted(drawn(50, SIZE), SIZE, tmp_path / "model", NgramConfig(**settings))  # type: ignore[arg-type]
    assert not (tmp_path / "model" / "ngrams.json").exists()


def generated(model: NgramModel, number: int, seed: int = 1) -> list[list[int]]:
    """Texts drawn from a model."""
    draw, texts = np.random.default_rng(seed), []
    known: dict[tuple[int, int], np.ndarray] = {}
    for _ in range(number):
        state, text = model.start(), []
        while len(text) < 60:
            if state not in known:
                known[state] = np.cumsum(np.exp(model.next(state)))
            unit = int(np.searchsorted(known[state], draw.random() * known[state][-1], "right"))
            if unit == END:
                break
            text.append(unit)
            state = model.step(state, unit)
        texts.append(text)
    return texts


def test_vocabulary_of_the_helper_is_that_of_a_tokenizer() -> None:
    assert vocabulary(6) == ["<pad>", "<unk>", "<s>", "</s>", "w4", "w5"]
