"""TextClassifier under scikit-learn's conventions."""

# ruff: noqa: N803  X is what scikit-learn calls it

from __future__ import annotations

import copy
import io
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks, get_tags

from tests.helpers import films
from textladder import Problem, TextClassifier

FAST = {"training.epochs": 3, "training.precision": "float32"}
X, Y = films(48)
MULTI = [["good", "short"], ["bad"], ["good"], ["bad", "short"]] * 12


def classifier(**values: Any) -> TextClassifier:
    return TextClassifier(**{"rung": "ngrams", "settings": FAST, **values})


@pytest.fixture(scope="module")
def fitted() -> TextClassifier:
    return classifier().fit(X, Y)


# scikit-learn's own checks. With input tags that say "strings, one dimension", check_estimator runs those
# that need no numbers, and warns that it skips the rest: those are fed with texts below.


def test_check_estimator() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = estimator_checks.check_estimator(classifier(), on_fail=None)
    assert results
    assert [result["check_name"] for result in results if result["status"] != "passed"] == []


CHECKS = [
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_fit_score_takes_y",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimators_unfitted",
    "check_estimators_overwrite_params",
    "check_dont_overwrite_parameters",
    "check_estimators_fit_returns_self",
    "check_dict_unchanged",
    "check_fit_idempotent",
    "check_fit_check_is_fitted",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_estimators_pickle",
    "check_classifiers_classes",
    "check_supervised_y_no_nan",
    "check_requires_y_none",
]


class OfNumbers(TextClassifier):
    """The same with each row of numbers written out as a text, so that checks which draw numbers can run."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array, tags.input_tags.one_d_array = False, True, False
        return tags

    def fit(self, X: Any, y: Any) -> TextClassifier:
        return super().fit(_written(X), y)

    def predict(self, X: Any) -> Any:
        return super().predict(_written(X))

    def predict_proba(self, X: Any) -> Any:
        return super().predict_proba(_written(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return float(np.mean(self.predict(X) == np.asarray(y)))


def _written(X: Any) -> list[str]:
    return [" ".join(f"{n}is{round(float(value))}" for n, value in enumerate(row)) for row in np.asarray(X)]


@pytest.mark.parametrize("name", CHECKS)
def test_checks_that_draw_numbers(name: str) -> None:
    check = getattr(estimator_checks, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check("OfNumbers", OfNumbers("ngrams", settings={**FAST, "training.epochs": 1}))


def test_tags_say_strings() -> None:
    tags = get_tags(classifier())
    assert tags.input_tags.string
    assert tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array
    assert is_classifier(classifier())


# What a user does.


def test_fit_predict_score(fitted: TextClassifier) -> None:
    assert fitted.classes_.tolist() == ["bad", "good"]
    probabilities = fitted.predict_proba(X)
    assert probabilities.shape == (48, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    said = fitted.predict(X)
    assert said.tolist() == fitted.classes_[probabilities.argmax(axis=1)].tolist()
    assert fitted.score(X, Y) == np.mean(said == np.array(Y))
    assert fitted.history_


def test_the_same_seed_gives_the_same_model(fitted: TextClassifier) -> None:
    again = clone(fitted).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    other = clone(fitted).set_params(seed=2).fit(X, Y)
    assert not np.array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_the_callers_random_numbers_are_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    classifier().fit(X, Y)
    assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize(
    "labels",
    [[3, 7], [True, False], ["a", "b"], np.array([10, 2]), np.array(["x", "yy"], object), [1.0, 2.0]],
    ids=["int", "bool", "str", "array", "object", "float"],
)
def test_labels_come_back_as_they_were_given(labels: Any) -> None:
    y = np.array([labels[n % 2] for n in range(48)])
    model = classifier().fit(X, y)
    assert model.classes_.tolist() == sorted(labels)
    assert model.predict(X).dtype == y.dtype
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(
        model.predict_proba(X)[:, list(model.classes_).index(max(labels))].mean()
    )
    assert set(model.predict(X).tolist()) <= set(labels)


def test_columns_follow_classes() -> None:
    """Labels are in natural order in the model (2 before 10), sorted as strings in `classes_`."""
    y = ["10" if n % 2 else "2" for n in range(48)]
    model = classifier().fit(X, y)
    assert model.classes_.tolist() == ["10", "2"]
    assert model.classes_[model.predict_proba(X).argmax(axis=1)].tolist() == model.predict(X).tolist()


def test_several_labels_per_text() -> None:
    model = classifier().fit(X, MULTI)
    assert model.classes_.tolist() == ["bad", "good", "short"]
    said = model.predict(X)
    assert all(isinstance(labels, list) for labels in said)
    assert model.predict_proba(X).shape == (48, 3)
    expected = np.mean([set(a) == set(b) for a, b in zip(said, MULTI, strict=True)])
    assert model.score(X, MULTI) == expected


def test_in_a_pipeline() -> None:
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    pipeline = make_pipeline(lower, classifier()).fit([text.upper() for text in X], Y)
    assert set(pipeline.predict(X)) <= {"bad", "good"}
    assert "TextClassifier" in pipeline._repr_html_()


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.quality)])  # 2: starts processes
def test_in_a_grid_search(jobs: int) -> None:
    grid = GridSearchCV(classifier(), {"rung": ["ngrams", "bow"]}, cv=2, n_jobs=jobs, error_score="raise")
    grid.fit(X, Y)
    assert grid.best_params_["rung"] in ("ngrams", "bow")
    assert set(grid.predict(X)) <= {"bad", "good"}


def test_in_cross_validation() -> None:
    assert len(cross_val_score(classifier(), X, Y, cv=3, error_score="raise")) == 3
    assert cross_val_predict(classifier(), X, Y, cv=2, method="predict_proba").shape == (48, 2)


def test_as_a_part_of_another_estimator() -> None:
    model = OneVsRestClassifier(classifier()).fit(np.array(X), np.array(Y))
    assert set(model.predict(np.array(X))) <= {"bad", "good"}


def test_a_fitted_one_can_be_copied_and_sent(fitted: TextClassifier) -> None:
    expected = fitted.predict_proba(X * 100)  # enough text for the compiled path
    buffer = io.BytesIO()
    pickle.dump(fitted, buffer)
    for again in (copy.deepcopy(fitted), pickle.loads(buffer.getvalue())):
        np.testing.assert_array_equal(again.predict_proba(X * 100), expected)


def test_save_and_load(fitted: TextClassifier, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = TextClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.classes_.tolist() == fitted.classes_.tolist()
    assert loaded.rung == "ngrams"


def test_it_shows_itself(fitted: TextClassifier) -> None:
    assert repr(TextClassifier("lstm", seed=2)) == "TextClassifier(rung='lstm', seed=2)"
    assert "TextClassifier" in fitted._repr_html_()


# Few texts.


def test_two_texts_are_enough() -> None:
    model = classifier().fit(["good film", "bad film"], ["good", "bad"])
    assert model.predict(["good film"]).shape == (1,)


def test_a_class_with_one_text_is_trained_on() -> None:
    model = classifier(dev_share=0.3).fit([*X, "a strange thing"], [*Y, "odd"])
    assert model.classes_.tolist() == ["bad", "good", "odd"]


def test_labels_that_would_stand_in_dev_alone_are_trained_on() -> None:
    y = [[label, f"rare{n // 8}"] for n, label in enumerate(Y)]
    model = classifier(dev_share=0.5).fit(X, y)
    assert set(model.model_.labels["labels"]) == set(model.classes_.tolist())


# What is wrong is said as scikit-learn says it.


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        ("one text", ["good"], "one text"),
        ([], [], "0 sample"),
        ([1, 2], ["a", "b"], r"X\[0\] is a int"),
        (["a", None], ["a", "b"], r"X\[1\] is a NoneType"),
        (np.array([["a", "b"]]), ["a"], "1D array"),
        (["a", "b"], ["a"], "2 texts, y has 1"),
        (["a", "b"], None, "y is None"),
        (["a", "b"], ["a", "a"], "one class only"),
        (["a", "b", "c"], [0.5, 0.1, 0.2], "continuous"),
        (["a", "b"], np.eye(2, dtype=int), "1d array"),
    ],
)
def test_wrong_input(texts: Any, labels: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        classifier().fit(texts, labels)


def test_wrong_texts_to_predict(fitted: TextClassifier) -> None:
    for wrong in ("a text", [], [3]):
        with pytest.raises(ValueError, match="X"):
            fitted.predict(wrong)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_not_fitted(method: str) -> None:
    with pytest.raises(NotFittedError):
        getattr(classifier(), method)(["a text"])


def test_wrong_parameters() -> None:
    with pytest.raises(Problem, match="no rung 'lstn'"):
        classifier(rung="lstn").fit(X, Y)
    with pytest.raises(Problem, match="hiden_dim"):
        classifier(settings={"encoder.hiden_dim": 3}).fit(X, Y)
    with pytest.raises(ValueError, match="dev_share"):
        classifier(dev_share=1.5).fit(X, Y)


def test_a_perceptron() -> None:
    settings = {"task.loss": "perceptron", "training.optimizer": "sgd", "training.learning_rate": 1.0}
    made = classifier(rung="bow", settings=settings, dev_share=0)
    for y in (Y, [{"good": ["good", "film"], "bad": ["film"]}[label] for label in Y]):
        assert clone(made).fit(X, y).score(X, y) > 0.9
    with pytest.raises(Problem, match="label_smoothing"):
        classifier(rung="bow", settings=settings | {"task.label_smoothing": 0.1}).fit(X, Y)


def test_half_characters_are_counted(fitted: TextClassifier) -> None:
    with pytest.warns(UserWarning, match=r"2 half characters \(lone surrogates\) in X"):
        assert fitted.predict(["a \ud800 film \udfff", "a film"]).shape == (2,)
    with pytest.raises(Problem, match=r"text 2: .* U\+D800"):
        TextClassifier().fit(["a", "b \ud800"], ["x", "y"])


@pytest.mark.parametrize("texts", [["word " * 20, "a film"], ["word " * 20]])
def test_what_is_cut_is_counted(texts: list[str]) -> None:
    limited = classifier(settings={**FAST, "tokenizer.max_length": 15}).fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        limited.predict(["a film"])
        limited.predict_proba(X)
    said = rf"1 of {len(texts)} texts .* longer than 15 units; the first are kept, 5 of 2\d units"
    for asked in (limited.predict, limited.predict_proba):
        with pytest.warns(UserWarning, match=said) as warned:
            asked(texts)
        assert warned[0].filename == __file__
