"""Translations that begin as asked, are drawn, cover their source, and are chosen among candidates: each held
to its definition, written out over forced decoding."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sacrebleu.metrics import CHRF

from tests.test_translating import ALPHA, finished, half_taught, nats_of, small, words
from textladder import LanguageModel, TextClassifier, Translator, choosing, translating
from textladder.decoders.decoder import aligning
from textladder.errors import Problem
from textladder.search.beam_search import length_norm

SOURCES = ("abc", "dcb", "a", "bb ab")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return words(300, 4)


@pytest.fixture(scope="module", params=["rnn-attention", "transformer"])
def half(request: Any) -> Translator:
    return half_taught(request.param)


@pytest.fixture(scope="module")
def back(texts: list[str]) -> Translator:
    return small("gru", training__epochs=2).fit([text[::-1] for text in texts], texts)


@pytest.fixture(scope="module")
def language(texts: list[str]) -> LanguageModel:
    return LanguageModel("ngram", units="character").fit([*(text[::-1] for text in texts), "abcdabcd"])


# What translations begin with


def test_every_translation_begins_as_asked_and_its_score_counts_that(half: Translator) -> None:
    for source in SOURCES:
        for prefix in ("dd", "c", ""):
            found = half.translate(source, prefix=prefix, beam=4, n_best=4)
            assert all(one.text.startswith(prefix) for one in found)
            for one in finished(found):
                nats = float(nats_of(half, source, one.text).sum())
                assert one.log_probability == pytest.approx(nats, abs=1e-4)
                assert one.score == pytest.approx(nats / length_norm(one.units, ALPHA), abs=1e-4)


def test_the_beginning_of_the_best_leads_to_the_best(half: Translator) -> None:
    for source in SOURCES:
        (best,) = half.translate(source)
        for end in (0, 1, len(best.text)):
            (again,) = half.translate(source, prefix=best.text[:end])
            assert again.score >= best.score - 1e-5 or not again.finished
            if again.finished and again.text == best.text:
                assert again.score == pytest.approx(best.score, abs=1e-4)


def test_each_text_has_its_own_beginning(half: Translator) -> None:
    prefixes = ["a", "", "dab", "b"]
    together = translating.translate(half.model_, SOURCES, prefixes=prefixes)
    for source, prefix, (one,) in zip(SOURCES, prefixes, together, strict=True):
        (alone,) = half.translate(source, prefix=prefix)
        assert one.text == alone.text
        assert one.text.startswith(prefix)


def test_greedy_and_drawn_texts_begin_as_asked_too(half: Translator) -> None:
    assert half.translate("abc", beam=1, prefix="cc")[0].text.startswith("cc")
    drawn = half.translate("abc", prefix="cc", temperature=1.0, seed=2, n_best=8)
    assert all(one.text.startswith("cc") for one in drawn)


def test_a_beginning_that_cannot_be_is_refused(half: Translator) -> None:
    with pytest.raises(Problem, match="'é' is not in the vocabulary"):
        half.translate("abc", prefix="aé")
    with pytest.raises(Problem, match="a translation has at most") as refused:
        half.translate("abc", prefix="a" * 5000)
    assert refused.value.where == "prefix"


def test_no_more_is_read_than_is_translated(back: Translator) -> None:
    """What is held does not grow with a file: beginnings come along with their texts."""
    read = {"texts": 0, "prefixes": 0}

    def counted(name: str, size: int):  # type: ignore[no-untyped-def]
        for _ in range(40):
            read[name] += size
            yield ["ab"] * size if size > 1 else "b"

    chunks = translating.translations(back.model_, counted("texts", 2), prefixes=counted("prefixes", 1))
    for number, chunk in enumerate(chunks, 1):
        assert read == {"texts": 2 * number, "prefixes": 2 * number}
        assert all(one.text.startswith("b") for (one, *_) in chunk)
        if number == 5:
            break


# Drawn translations


def test_the_same_seed_draws_the_same(half: Translator) -> None:
    first = half.translate("abcd", temperature=1.0, seed=3, n_best=6)
    assert half.translate("abcd", temperature=1.0, seed=3, n_best=6) == first
    assert len({one.text for one in first}) > 1
    for one in finished(first):
        nats = float(nats_of(half, "abcd", one.text).sum())
        assert one.log_probability == pytest.approx(nats, abs=1e-4)
    assert half.translate("abcd", top_k=1)[0].text == half.translate("abcd", beam=1)[0].text
    with pytest.raises(Problem, match="draws nothing"):
        half.translate("abcd", beam=3, top_p=0.9)


def test_groups_find_different_translations(half: Translator) -> None:
    found = half.translate("abcd", beam=4, groups=4, diversity=100.0, n_best=4)
    assert len({one.text[:1] for one in found}) == 4
    for one in finished(found):
        nats = float(nats_of(half, "abcd", one.text).sum())
        assert one.log_probability == pytest.approx(nats, abs=1e-4)


# Coverage


def test_coverage_is_that_of_forced_decoding(half: Translator) -> None:
    changed = False
    for source in SOURCES:
        plain = half.translate(source, beam=6, n_best=4, length_penalty=0.6)
        found = half.translate(source, beam=6, n_best=4, length_penalty=0.6, coverage_penalty=2.0)
        changed |= [one.text for one in plain] != [one.text for one in found]
        for one in finished(found):
            looked = translating.looked_at(half.model_, source, one.text)
            shares = aligning([map_[None] for map_ in looked.maps])[0].mean(0).sum(0)  # type: ignore[misc]
            penalty = 2.0 * float(np.log(np.minimum(shares, 1.0)).sum())
            wanted = one.log_probability / length_norm(one.units, 0.6) + penalty
            assert one.score == pytest.approx(wanted, rel=1e-3, abs=1e-3)
    assert changed, "coverage changed nothing: this test shows nothing"


def test_without_attention_there_is_no_coverage(back: Translator, language: LanguageModel) -> None:
    with pytest.raises(Problem, match="no coverage"):
        back.translate("abc", coverage_penalty=0.2)
    with pytest.raises(Problem, match="no source"):
        language.generate("a", beam=2, coverage_penalty=0.2)


# Choices


def test_agreement_is_mean_chrf_with_all_candidates(half: Translator) -> None:
    options = choosing.options_for(half.model_, mbr=12, seed=1)
    assert (options.n, options.draws) == (12, True)
    candidates = half.translate("abcd", temperature=1.0, seed=1, n_best=12)
    texts, scorer = [one.text for one in candidates], CHRF()
    risk = {
        text: sum(scorer.sentence_score(text, [other]).score for other in texts) / len(texts)
        for text in texts
    }
    found = half.translate("abcd", mbr=12, seed=1, n_best=3)
    assert [one.score for one in found] == pytest.approx(sorted(risk.values(), reverse=True)[:3])
    for one in found:
        assert one.score == pytest.approx(risk[one.text])
    of_beam = half.translate("abcd", mbr=4, beam=5)
    assert of_beam[0].text in {one.text for one in half.translate("abcd", beam=5, n_best=4)}


@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_the_reverse_model_speaks_for_a_text(half: Translator, back: Translator, weight: float) -> None:
    found = half.translate("abc", rerank=back, rerank_weight=weight, beam=6, n_best=6)
    candidates = half.translate("abc", beam=6, n_best=6)
    assert {one.text for one in found} == {one.text for one in candidates}
    for one in found:
        other = float(nats_of(back, one.text, "abc").sum())
        assert one.score == pytest.approx(one.log_probability + weight * other, abs=1e-3)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_a_language_model_speaks_against_what_it_knows(half: Translator, language: LanguageModel) -> None:
    usual, against = (
        {one.text: one for one in half.translate("abc", rerank=language, candidates=8, n_best=8, **more)}
        for more in ({}, {"rerank_weight": -2.0})
    )
    for found, weight in ((usual, choosing.LANGUAGE_WEIGHT), (against, -2.0)):
        for text, one in found.items():
            if text:
                nats = -language.scores([text])["bits"] * math.log(2)
                assert one.score == pytest.approx(one.log_probability + weight * nats, abs=1e-2)


def test_an_empty_text_has_the_probability_of_an_end(language: LanguageModel) -> None:
    opinion, _ = choosing._opinion(language.model_)
    (end, text) = opinion([("x", ""), ("x", "ab")])
    assert end == pytest.approx(math.log(dict(language.next("", 99))["</s>"]))
    assert text < 0


def test_a_folder_serves_as_well(half: Translator, back: Translator, tmp_path: Path) -> None:
    back.save(tmp_path / "back")
    assert half.translate("abc", rerank=tmp_path / "back") == half.translate("abc", rerank=back)


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"mbr": 1}, "mbr"),
        ({"mbr": 4, "beam": 1}, "mbr, beam"),
        ({"mbr": 4, "beam": 3}, "mbr, beam"),
        ({"mbr": 4, "n_best": 5}, "n_best, mbr"),
        ({"mbr": 4, "beam": 4, "temperature": 0.5}, "temperature"),
        ({"mbr": 4, "temperature": 0.0}, "mbr, temperature"),
        ({"mbr": 4, "candidates": 4}, "candidates"),
        ({"rerank": "back", "mbr": 4}, "mbr, rerank"),
        ({"rerank": "back", "beam": 1}, "rerank, beam"),
        ({"rerank": "back", "candidates": 1}, "candidates"),
        ({"rerank": "back", "candidates": 8, "beam": 4}, "candidates, beam"),
        ({"rerank": "back", "n_best": 9}, "n_best, candidates"),
        ({"rerank_weight": 0.5}, "rerank_weight"),
        ({"candidates": 5}, "candidates"),
    ],
    ids=str,
)
def test_options_that_contradict_each_other(
    half: Translator, back: Translator, options: dict[str, Any], where: str
) -> None:
    if half.rung != "transformer":
        pytest.skip("one rung is enough")
    with pytest.raises(Problem) as refused:
        half.translate("abc", **options | ({"rerank": back} if "rerank" in options else {}))
    assert refused.value.where == where
    assert refused.value.next_step


def test_a_model_that_has_no_opinion_of_a_text(half: Translator) -> None:
    if half.rung != "transformer":
        pytest.skip("one rung is enough")
    settings = {"training.epochs": 1, "training.min_steps": 0}
    classifier = TextClassifier("bow", settings=settings).fit(
        ["a b", "b c", "c d", "d e"] * 5, ["x", "y"] * 10
    )
    with pytest.raises(Problem, match="trained for the task classify: it gives no probability of a text"):
        half.translate("abc", rerank=classifier)
    labelled = LanguageModel("ngram", units="character").fit(
        ["ab", "ba", "abababab", "bb"] * 5, ["x", "y"] * 10
    )
    with pytest.raises(Problem, match="texts of a label"):
        half.translate("abc", rerank=labelled)
