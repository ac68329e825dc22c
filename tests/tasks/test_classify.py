from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from textladder.batch import Batch, Encoded, Example, Ragged, Tokens
from textladder.errors import Problem
from textladder.metrics.intervals import bootstrap
from textladder.metrics.reports import MULTI_HEADLINES, SINGLE_HEADLINES
from textladder.tasks.classify import Classify


def labels(kind="single", names=("a", "b", "c"), counts=(5, 3, 2), texts=10):
    return {
        "kind": kind,
        "labels": list(names),
        "counts": dict(zip(names, counts, strict=True)),
        "texts": texts,
    }


def examples(*targets):
    return [Example(("text",), target, f"f:{i}") for i, target in enumerate(targets)]


def given(logits):
    """An encoder that says what it is told; with the head "none" its vectors are the logits."""
    return lambda tokens: Encoded(torch.as_tensor(logits), tokens.mask, tokens.mask)


def batch(count):
    return Batch((Tokens.of_rows([[1]] * count),), None, count)


def outcomes_of(task, logits):
    return task.predict(given(logits), batch(len(logits)))


def draw(count=3000, width=3, sharpness=4.0, seed=0):
    """Logits that are too sure, and gold labels drawn from what they should say."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, width)) * 1.5
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    gold = (p.cumsum(axis=1) > rng.random((count, 1))).argmax(axis=1)
    return (z * sharpness).astype(np.float32), examples(*[("abc"[g],) for g in gold])


def single(**options):
    return Classify(Classify.Config(head="none", **options), 3, labels())


def multi(**options):
    return Classify(Classify.Config(head="none", **options), 3, labels("multi"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"head": "none", "kind": "single"}, "task.head: with the head 'none' the encoder's 8 numbers"),
        ({"metric": "subset_accuracy"}, "task.metric: subset_accuracy is not defined for one label per text"),
        ({"label_smoothing": 1.0}, "task.label_smoothing: 1 is outside its range"),
        ({"focal_gamma": -1.0}, "task.focal_gamma"),
        ({"head_dropout": 1.5}, "task.head_dropout"),
    ],
)
def test_options_that_cannot_be(options, said):
    with pytest.raises(Problem) as problem:
        Classify(Classify.Config(**options), 8, labels())
    assert said in str(problem.value)


def test_headlines():
    assert single().headline == "accuracy"
    assert multi().headline == "macro_f1"
    assert single(metric="macro_f1").headline == "macro_f1"
    with pytest.raises(Problem, match="subset_accuracy"):
        multi(metric="accuracy")


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_balanced_weights(kind):
    task = Classify(Classify.Config(class_weights="balanced"), 4, labels(kind))
    expected = [10 / 15, 10 / 9, 10 / 6] if kind == "single" else [5 / 5, 7 / 3, 8 / 2]
    assert task.weights.tolist() == pytest.approx(expected)
    assert "weights" not in task.state_dict()
    # With these weights the classes of the training texts weigh the same together.
    if kind == "single":
        assert (task.weights * torch.tensor([5, 3, 2])).tolist() == pytest.approx([10 / 3] * 3)


def test_multi_label_begins_at_the_frequency_of_each_label():
    task = Classify(Classify.Config(), 4, labels("multi", counts=(900, 500, 1), texts=1000))
    start = task.head.output.bias.sigmoid()
    assert start.tolist() == pytest.approx([0.9, 0.5, 0.001], abs=1e-3)


def test_collate():
    columns = {"text": Ragged.of([[4, 5], [], [6]]), "label": Ragged.of([[2], [0], [1]])}
    made = single().collate(columns)
    assert made.target.tolist() == [2, 0, 1]
    assert (made.count, made.inputs[0].lengths.tolist()) == (3, [2, 0, 1])
    columns["label"] = Ragged.of([[2, 0], [], [1]])
    assert multi().collate(columns).target.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert single().collate({"text": columns["text"]}).target is None


def test_loss_is_in_float32_under_autocast():
    torch.manual_seed(0)
    task = Classify(Classify.Config(), 16, labels())
    pooled = torch.randn(5, 16)
    target = Batch(batch(5).inputs, torch.tensor([0, 1, 2, 0, 1]), 5)
    plain, said = task.loss(given(pooled), target), task.predict(given(pooled), target)
    with torch.autocast("cpu", torch.bfloat16):
        cast = task.loss(given(pooled), target)
        assert task.predict(given(pooled), target).tolist() == said.tolist()
    assert cast.total.dtype == torch.float32
    assert cast.total.item() == plain.total.item()
    assert plain.count == 5


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_every_parameter_of_the_head_gets_gradient(head):
    task = Classify(Classify.Config(head=head, head_dropout=0.1), 16, labels())
    task.loss(
        given(torch.randn(4, 16)), Batch(batch(4).inputs, torch.tensor([0, 1, 2, 0]), 4)
    ).total.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in task.parameters())


def test_finish_fits_the_temperature_from_probabilities_alone():
    logits, dev = draw(sharpness=4)
    task = single()
    before = outcomes_of(task, logits)
    task.finish(before, dev)
    assert task.temperature.item() == pytest.approx(4, rel=0.1)
    after = outcomes_of(task, logits)
    assert np.array_equal(before.argmax(axis=1), after.argmax(axis=1))
    errors = [task.score(o, dev).values["expected_calibration_error"] for o in (before, after)]
    assert errors[0] > 0.1 > 0.03 > errors[1]
    found = task.temperature.item()
    task.finish(after, dev)  # a second time there is nothing left to mend
    assert task.temperature.item() == pytest.approx(found, rel=1e-3)


def draw_multi(count=2000, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(count, 3)) * 1.5 - np.array([0, 1, 3])
    gold = rng.random(z.shape) < 1 / (1 + np.exp(-z))
    return (z * 3).astype(np.float32), examples(*[tuple(np.array(list("abc"))[g].tolist()) for g in gold])


def test_finish_chooses_thresholds_that_are_saved_and_used():
    logits, dev = draw_multi()
    task = multi()
    at_half = [tuple(d) for d in task.decide(outcomes_of(task, logits))]
    before = task.score(outcomes_of(task, logits), dev)
    task.finish(outcomes_of(task, logits), dev)
    assert task.temperature.item() == pytest.approx(3, rel=0.1)
    assert not task.thresholds.isnan().any()
    outcomes = outcomes_of(task, logits)
    after = task.score(outcomes, dev)
    assert "thresholds=these-texts" in before.signature
    assert "thresholds=dev" in after.signature
    # Before `finish` a score is the one that `finish` will reach, so that early stopping looks ahead.
    assert after.headline == pytest.approx(before.headline, abs=1e-6)
    assert task.decide(outcomes) != at_half
    again = multi()
    again.load_state_dict(task.state_dict())
    assert again.decide(outcomes_of(again, logits)) == task.decide(outcomes)
    _, test = draw_multi(seed=1)
    assert "thresholds=dev" in task.score(outcomes, test).signature


HEADLINES = [(single, m) for m in SINGLE_HEADLINES] + [(multi, m) for m in MULTI_HEADLINES]


@pytest.mark.parametrize(("make", "metric"), HEADLINES)
def test_the_statistic_is_the_headline(make, metric):
    task = make(metric=metric)
    logits, dev = (draw if make is single else draw_multi)(400)
    outcomes = outcomes_of(task, logits)
    statistic = task.statistic(outcomes, dev)
    scores = task.score(outcomes, dev)
    assert scores.metric == metric
    assert statistic.value == pytest.approx(scores.headline)
    interval = bootstrap(statistic, resamples=200)
    assert interval.low < scores.headline < interval.high


def test_losses_of_texts_find_the_hardest():
    task = single()
    outcomes = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.9, 0.1, 0.0]], np.float32)
    losses = task.item_losses(outcomes, examples(("a",), ("b",), ("c",)))
    assert losses.tolist() == pytest.approx([-np.log(0.9), -np.log(0.1), -np.log(np.finfo(np.float32).eps)])
    losses = multi().item_losses(outcomes[:2], examples(("a",), ("a", "b")))
    assert losses.tolist() == pytest.approx([-2 * np.log(0.9), -np.log(0.9) - np.log(0.1)], rel=1e-5)


def test_records_for_programs():
    outcomes = np.array([[0.7, 0.2, 0.1]], np.float32)
    assert single().present(outcomes) == [
        {"label": "a", "confidence": 0.7, "probabilities": {"a": 0.7, "b": 0.2, "c": 0.1}}
    ]
    task = multi()
    task.thresholds.copy_(torch.tensor([0.5, 0.15, 0.15]))
    records = task.present(outcomes)
    assert records == [{"labels": ["a", "b"], "probabilities": {"a": 0.7, "b": 0.2, "c": 0.1}}]
    assert json.loads(json.dumps(records)) == records
    assert task.present(np.zeros((1, 3), np.float32))[0]["labels"] == []
    assert single().present(np.zeros((0, 3), np.float32)) == []


def test_lines_of_predictions():
    outcomes = np.array([[0.7, 0.2, 0.1]], np.float32)
    line = {"label": "b", "predicted": "a", "confidence": 0.7, "loss": round(-np.log(0.2), 6)}
    assert single().judged(outcomes, examples(("b",))) == [pytest.approx(line)]
    lines = multi().judged(outcomes, examples(("b", "a")))
    assert lines[0].pop("loss") == pytest.approx(-np.log(0.7) - np.log(0.2) - np.log(0.9), abs=1e-5)
    assert lines == [{"labels": ["b", "a"], "predicted": ["a"]}]


def test_scores_without_texts_or_with_unseen_labels():
    task = single()
    with pytest.raises(Problem, match="no texts to score"):
        task.score(np.zeros((0, 3), np.float32), [])
    with pytest.raises(Problem, match="no training text has: 'z'"):
        task.score(np.ones((1, 3), np.float32), examples(("z",)))


def test_details_are_json():
    logits, dev = draw(50)
    scores = single().score(outcomes_of(single(), logits), dev)
    assert json.loads(json.dumps(scores.details)) == scores.details
    logits, dev = draw_multi(50)
    scores = multi().score(outcomes_of(multi(), logits), dev)
    assert json.loads(json.dumps(scores.values, allow_nan=False)) == scores.values
