"""The estimator of sentence vectors, as scikit-learn would have it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags

from tests.matches import SETTINGS, facts, labelled
from textladder import PairClassifier, Problem, TextEncoder, WordVectors


@pytest.fixture(scope="module")
def fitted() -> TextEncoder:
    return TextEncoder(settings=SETTINGS).fit(facts(150))


def test_the_estimator_finds_what_belongs_to_a_text(fitted, tmp_path):
    asked, others = zip(*facts(30, seed=3), strict=True)
    vectors = fitted.transform(list(asked))
    assert (vectors.shape, vectors.dtype) == ((30, 128), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    for text, row in zip(asked[:5], vectors, strict=False):
        assert fitted.transform([text])[0] == pytest.approx(row, abs=1e-5)
    matches = fitted.search(list(asked), list(others), top=3)
    hits = [found_for[0].text == other for found_for, other in zip(matches, others, strict=True)]
    assert np.mean(hits) > 0.9
    best = matches[0][0]
    assert others[best.line - 1] == best.text
    assert best.score == pytest.approx(float(vectors[0] @ fitted.transform([best.text])[0]), abs=1e-5)
    fitted.save(tmp_path / "model")
    loaded = TextEncoder.load(tmp_path / "model")
    assert loaded.transform(list(asked)) == pytest.approx(vectors, abs=1e-6)
    with pytest.raises(Problem, match="not a classifier"):
        PairClassifier.load(tmp_path / "model")


def test_scikit_learn_s_own_checks():
    """Those that need no numbers; others are skipped with a warning, as the tags say strings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = estimator_checks.check_estimator(TextEncoder(settings=SETTINGS), on_fail=None)
    assert results
    assert [result["check_name"] for result in results if result["status"] != "passed"] == []


def test_the_estimator_follows_scikit_learn(fitted):
    asked, others = (list(side) for side in zip(*facts(150), strict=True))
    again = clone(fitted)
    assert again.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        again.transform(asked)
    by_columns = again.fit_transform(asked, others)
    assert by_columns == pytest.approx(fitted.transform(asked), abs=1e-6)  # pairs, or two columns
    assert fitted.transform(np.array(asked[:3])) == pytest.approx(by_columns[:3], abs=1e-5)
    assert len(fitted.get_feature_names_out()) == 128
    assert get_tags(fitted).input_tags.string
    whole = make_pipeline(fitted, FunctionTransformer(lambda x: x @ x.T))
    assert np.diag(whole.transform(asked[:4])) == pytest.approx(1, abs=1e-5)


def test_the_estimator_with_scores_labels_negatives_and_vectors():
    few = SETTINGS | {"training.max_steps": 3}
    rows = labelled(60)
    pairs = [(row["text_a"], row["text_b"]) for row in rows]
    scored = TextEncoder(settings=few).fit(pairs, np.array([row["score"] for row in rows]))
    assert scored.model_.labels["kind"] == "score"
    told = TextEncoder(settings=few).fit(pairs, [row["label"] for row in rows])
    assert told.model_.labels["close"] == "entailment"
    three = [(a, b, c) for (a, b), (_, c) in zip(facts(40), facts(40, seed=8), strict=True)]
    projected = few | {"task.projection_dim": 16}
    assert TextEncoder(settings=projected).fit(three).transform(["dog"]).shape == (1, 16)
    vectors = WordVectors("skipgram", dim=8, min_count=1, epochs=1, threads=1).fit([a for a, _ in facts(50)])
    given = TextEncoder(settings=few | {"encoder.dim": 8}, vectors=vectors).fit(facts(40))
    assert given.transform(["dog"]).shape == (1, 8)


def test_the_estimator_refuses_what_it_cannot_use(fitted):
    with pytest.raises(ValueError, match="y must be what belongs"):
        TextEncoder().fit(["a", "b"])
    with pytest.raises(ValueError, match="X is one text"):
        TextEncoder().fit("a text")
    with pytest.raises(ValueError, match=r"X\[1\] is"):
        TextEncoder().fit([("a", "b"), ("c", "d", "e")])
    with pytest.raises(ValueError, match="holds no text"):
        TextEncoder().fit([])
    with pytest.raises(ValueError, match=r"the second text of X\[1\] is empty"):
        TextEncoder().fit(["a", "b"], ["c", ""])
    with pytest.raises(ValueError, match=r"the third text of X\[0\] is empty"):
        TextEncoder().fit([("a", "b", " ")])
    with pytest.raises(ValueError, match=r"X\[0\] is"):
        fitted.transform([("a", "b")])
    with pytest.raises(ValueError, match="corpus holds no text"):
        fitted.search(["a"], [])
    with pytest.raises(ValueError, match="queries is one text"):
        fitted.search("a", ["b"])
    with pytest.raises(ValueError, match="top is 0"):
        fitted.search(["a"], ["b"], top=0)
    with pytest.raises(Problem, match="not plain which label"):
        TextEncoder().fit(facts(20), ["near", "far"] * 10)
