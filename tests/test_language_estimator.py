"""`LanguageModel`: fitted on files and on texts, scored, asked for text, saved and loaded."""

from __future__ import annotations

import gzip
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from textladder import LanguageModel, Problem

SMALL = {
    "encoder.embedding_dim": 16,
    "encoder.hidden_dim": 16,
    "tokenizer.max_length": 32,
    "training.epochs": 1,
    "training.precision": "float32",
}


def sentences(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    words = ["the", "king", "queen", "saw", "heard", "and", "a", "land", "gate", "night"]
    return [" ".join(draw.choices(words, k=draw.randint(4, 12))) + ".\n" for _ in range(count)]


def lines(path: Path, count: int = 400, seed: int = 0) -> Path:
    path.write_text("".join(sentences(count, seed)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    file = lines(tmp_path_factory.mktemp("text") / "a.txt")
    return LanguageModel("ngram", units="character").fit(str(file))


def test_text_like_that_of_training_costs_less_than_noise(fitted: LanguageModel) -> None:
    seen, noise = sentences(20, seed=9), ["qzx vvk jjq xwz kkq zzv"] * 5
    assert fitted.bits_per_character(seen) < 2 < fitted.bits_per_character(noise)
    assert fitted.score(seen) == -fitted.bits_per_character(seen)
    found = fitted.scores(seen)
    # A unit is a character or the end of a document, and nothing here is unknown.
    assert found["units_predicted"] == sum(map(len, seen)) + len(seen)
    assert found["perplexity"] == pytest.approx(2 ** (found["bits"] / found["units_predicted"]), rel=1e-4)
    assert found["perplexity"] == fitted.perplexity(seen)
    assert (found["count"], found["documents"]) == (20, 20)


def test_the_bits_of_units_add_up_to_those_of_the_text(fitted: LanguageModel) -> None:
    text = "the king saw the gate.\n"
    said = fitted.token_bits([text])
    assert [unit for unit, _ in said] == [*text, "</s>"]
    assert sum(bits for _, bits in said) == pytest.approx(fitted.scores([text])["bits"], abs=1e-3)


def test_what_is_written_follows_seed_and_prompt(fitted: LanguageModel) -> None:
    first = fitted.generate("the king", length=30, temperature=0.8, seed=1)
    assert first == fitted.generate("the king", length=30, temperature=0.8, seed=1)
    assert first == "".join(fitted.stream("the king", length=30, temperature=0.8, seed=1))
    several = fitted.generate("the king", length=30, temperature=0.8, seed=1, n=3)
    assert len(several) == 3
    assert "." not in fitted.generate("the king", length=200, seed=2, stop=".")
    units = fitted.next("the kin", top=3)
    assert units[0][0] == "g"
    shares = [share for _, share in units]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 1 + 1e-6


def test_a_saved_model_says_the_same(fitted: LanguageModel, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    again = LanguageModel.load(tmp_path / "model")
    text = sentences(5, seed=3)
    assert again.bits_per_character(text) == fitted.bits_per_character(text)
    assert again.generate("a", length=20, seed=4) == fitted.generate("a", length=20, seed=4)
    assert again.get_params()["rung"] == "ngram"


def test_a_net_learns_from_a_path_from_many_files_and_from_texts(tmp_path: Path) -> None:
    one, two = lines(tmp_path / "one.txt", seed=1), lines(tmp_path / "two.txt", seed=2)
    net = LanguageModel("lstm", units="character", settings=SMALL)
    for given in (str(one), one, [one, two], tmp_path, iter(sentences(200)), tuple(sentences(200))):
        made = clone(net).fit(given, test=two)
        (check,) = made.history_
        assert check["dev_score"] > 0
        assert made.test_["bits_per_character"] == made.bits_per_character(two)
    same = clone(net).fit(one, dev=two)
    assert same.history_[0]["dev_score"] == pytest.approx(same.bits_per_character(two), abs=0.02)


def test_packed_files_and_documents_between_blank_lines_are_fitted(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    text = "\n".join(sentences(400))  # each ends with a line end: a blank line between them
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "a.txt.zst").write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
    settings = {"data.documents": "blank-line"}
    held_out = sentences(20, seed=9)
    scores = [
        LanguageModel("ngram", units="character", settings=settings).fit(tmp_path / name).scores(held_out)
        for name in ("a.txt", "a.txt.gz", "a.txt.zst")
    ]
    assert scores[0] == scores[1] == scores[2]
    one = LanguageModel("ngram", units="character").fit(tmp_path / "a.txt")
    assert one.scores(held_out) != scores[0], "it was one document"


def test_text_is_written_for_a_label(tmp_path: Path) -> None:
    texts = [letter * (7 + n) for n in range(60) for letter in "ab"]
    labels = ["first", "second"] * 60
    model = LanguageModel("ngram", units="character").fit(texts, labels)
    assert "Texts without a label begin with <s>" in model.scores(["aaa"])["notes"][0]
    assert set(model.generate(label="first", length=4, seed=1)) == {"a"}
    assert set(model.generate(label="second", length=4, seed=1)) == {"b"}
    with pytest.raises(Problem, match="no label 'firts'"):
        model.generate(label="firts")


def test_it_is_an_estimator_as_scikit_learn_knows_them() -> None:
    model = LanguageModel("ngram", units="character", dev_share=0.1)
    assert repr(model) == "LanguageModel(dev_share=0.1, rung='ngram', units='character')"
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.generate("a")
    grid = GridSearchCV(model, {"units": ["character", "byte"]}, cv=2).fit(sentences(60))
    assert np.isfinite(grid.best_score_)
    assert grid.best_score_ < 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.txt", "nowhere.txt"),
        ([3, 4], "it is int, not str"),
        ([], "no text"),
        ([" ", "\n"], "no text in it but white space"),
        (b"bytes", "X is bytes"),
        (7, "not a int"),
    ],
)
def test_what_is_no_text_is_refused(given: Any, said: str) -> None:
    with pytest.raises((Problem, ValueError), match=said):
        LanguageModel("ngram", units="character").fit(given)


def test_strings_that_name_files_are_no_texts(fitted: LanguageModel, tmp_path: Path) -> None:
    one, two = lines(tmp_path / "one.txt", 5), lines(tmp_path / "two.txt", 5)
    with pytest.raises(ValueError, match=r"one\.txt' is a file; give Paths"):
        fitted.perplexity([str(one), str(two)])
    assert fitted.scores([one, two])["documents"] == 2
    assert fitted.scores(["the king", str(two)])["documents"] == 2  # not all of them


def test_wrong_options_are_refused_by_name(fitted: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no rung 'lstn'"):
        LanguageModel("lstn").fit(sentences(50))
    with pytest.raises(Problem, match="temprature"):
        fitted.generate("a", temprature=1)
    with pytest.raises(ValueError, match="labels of a file"):
        LanguageModel("ngram").fit(lines(tmp_path / "a.txt"), ["x"])
