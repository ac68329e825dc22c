"""Several translators as one, against the definition: the mean of the probabilities of each unit."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from tests.program import refused, textladder
from tests.test_translating import small, words
from textladder import Translator, translating
from textladder.batch import Tokens
from textladder.errors import Problem
from textladder.search import SearchConfig
from textladder.search.hypothesis import length_norm
from textladder.text.tokenizing import END

PAIRS = [("abc", "cba"), ("d", "d"), ("ab", ""), ("", "a"), ("dcba", "abcd")]


@pytest.fixture(scope="module")
def three() -> tuple[Translator, ...]:
    """Of three rungs, which have learned a little; one has a pointer, one no attention."""
    texts, given = words(120, 4), {"training__epochs": 12, "training__learning_rate": 0.01}
    given["task__length_extra"] = 4
    made = [
        small("transformer", **given),
        small("rnn-attention", task__copying=True, task__coverage=0.5, **given),
        small("gru", **given),
    ]
    return tuple(
        one.set_params(seed=seed).fit(texts, [text[::-1] for text in texts])
        for seed, one in enumerate(made, 1)
    )


@pytest.mark.parametrize("number", [2, 3])
def test_probabilities_are_the_mean_of_all(three: tuple[Translator, ...], number: int) -> None:
    some = three[:number]
    sources, targets = zip(*PAIRS, strict=True)
    found = some[0].together(*some[1:]).log_probabilities(sources, targets)
    each = [one.log_probabilities(sources, targets) for one in some]
    for row, nats in enumerate(found):
        mean = np.mean([np.exp(one[row].astype(np.float64)) for one in each], 0)
        np.testing.assert_allclose(nats, np.log(mean), rtol=1e-4, atol=1e-5)
    again = some[0].together(some[1]).together(*some[2:]).log_probabilities(sources, targets)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_full_beam_finds_what_the_mean_gives_most(three: tuple[Translator, ...]) -> None:
    made = three[0].together(*three[1:])
    task = translating.task_of(made.model_)
    options = SearchConfig(length=3, beam=100, n=100, length_penalty=0.6)
    texts = ["".join(chosen) for size in range(3) for chosen in itertools.product("abcd", repeat=size)]
    scored = {}
    for text, nats in zip(texts, made.log_probabilities(["bca"] * len(texts), texts), strict=True):
        scored[text] = float(nats.sum()) / length_norm(len(nats), 0.6)
    with made.model_.predicting():
        source = Tokens.of(made.model_.rows(["bca"]).columns["text"])
        (found,) = task.search(made.model_.encoder, source, options)
    ended = {task.spell(one.ids): one for one in found if one.ids[-1] == END}
    assert set(ended) == set(texts), "a beam so wide gives up nothing"
    for text, one in ended.items():
        assert one.score == pytest.approx(scored[text], abs=1e-4)


def test_with_itself_it_says_the_same_and_others_stay_as_they_are(three: tuple[Translator, ...]) -> None:
    first, second, _ = three
    texts = words(12, 5, seed=7)
    before = first.predict(texts), second.predict(texts)
    assert before[0] != before[1]
    assert len(set(before[0])) > 3, "they say too little for this test"
    twice, both = first.together(first), first.together(second)
    assert twice.predict(texts) == before[0]
    assert both.model_.recipe.rung == "transformer + rnn-attention"
    (one,) = both.translate("abc", beam=4, coverage_penalty=0.2, alignment=True)
    assert one.alignment == ((0, 0),)
    assert (first.predict(texts), second.predict(texts)) == before


def test_folders_are_loaded_together(three: tuple[Translator, ...], tmp_path: Path) -> None:
    texts = words(12, 5, seed=8)
    for name, one in zip("abc", three, strict=True):
        one.save(tmp_path / name)
    made = three[0].together(*three[1:])
    loaded = Translator.load(tmp_path / "a", "cpu", ensemble=[tmp_path / "b", tmp_path / "c"])
    assert loaded.predict(texts) == made.predict(texts)
    others = ["--ensemble", tmp_path / "b", "--ensemble", tmp_path / "c"]
    ended = textladder("translate", tmp_path / "a", *others, "--device", "cpu", stdin="\n".join(texts))
    assert ended.out.splitlines() == made.predict(texts)
    said = [pair for pair in zip(texts, made.predict(texts), strict=True) if pair[1]]
    assert len(said) > 3
    for name, lines in zip("xy", zip(*said, strict=True), strict=True):
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    ended = textladder("evaluate", tmp_path / "a", tmp_path / "x", tmp_path / "y", *others)
    assert "exact_match 1.0000" in ended.out
    with pytest.raises(Problem, match="several models"):
        loaded.save(tmp_path / "d")


def test_models_that_cut_otherwise_have_no_mean(
    three: tuple[Translator, ...], tmp_path: Path, reviews: Path
) -> None:
    texts = words(40, 3)
    other = small("gru", training__epochs=1).set_params(units="byte").fit(texts, texts)
    with pytest.raises(Problem, match="other units"):
        three[0].together(other)
    three[0].save(tmp_path / "a")
    other.save(tmp_path / "b")
    ended = textladder("translate", tmp_path / "a", "--ensemble", tmp_path / "b", stdin="a\n")
    refused(ended, f"{tmp_path / 'a'}, {tmp_path / 'b'}: these models cut texts into other units")
    ended = textladder("evaluate", tmp_path / "a", reviews, "--ensemble", tmp_path / "none")
    refused(ended, "there is no such folder")
    given = ["--ensemble", tmp_path / "a", "--said", reviews]
    refused(textladder("evaluate", tmp_path / "a", reviews, *given), "--said, --ensemble")
