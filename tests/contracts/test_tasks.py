"""What every entry of TASKS promises, for each of its samples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from tests.contracts.samples import SAMPLES, Mean, batch_of, numbers, perfect, same
from textladder.errors import Problem
from textladder.metrics.intervals import bootstrap
from textladder.metrics.paired import compare_pair
from textladder.tasks import TASKS, task_class

NEAR = 0.01  # of a correlation; less than one text of six for what counts texts
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)


def trained(sample, steps=150):
    task, encoder = sample.build(), Mean()
    batch = batch_of(task, sample.examples)
    optimizer = torch.optim.Adam([*task.parameters(), *encoder.parameters()], lr=0.03)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = task.loss(encoder, batch)
        loss.total.backward()
        optimizer.step()
        losses.append(loss.total.item() / loss.count)
    return task.eval(), encoder.eval(), batch, losses


def test_every_task_has_a_sample():
    assert {sample.task for sample in SAMPLES.values()} == {n for n in TASKS if not task_class(n).streams}


def test_an_unknown_task_gets_a_suggestion():
    with pytest.raises(Problem, match="Did you mean classify"):
        task_class("clasify")


@each_sample
def test_gold_scores_perfectly(sample):
    task = sample.build()
    outcomes = perfect(sample, task)
    scores = task.score(outcomes, sample.examples)
    assert scores.headline == pytest.approx(sample.best)
    assert scores.metric == task.headline
    assert f"; {task.headline}|" in f"; {scores.signature}", "each score says how it was counted"
    assert scores.count == (sample.count or len(sample.texts))
    assert scores.higher_is_better == task.higher_is_better
    assert task.item_losses(outcomes, sample.examples) == pytest.approx(0, abs=1e-5)
    assert json.loads(json.dumps(scores.details)) == scores.details
    assert all(np.isfinite(value) for value in scores.values.values())


@each_sample
def test_a_few_lines_can_be_learned_by_heart(sample):
    task, encoder, batch, losses = trained(sample)
    assert losses[-1] < losses[0]
    outcomes = task.predict(encoder, batch)
    assert task.score(outcomes, sample.examples).headline == pytest.approx(sample.best, abs=NEAR)
    task.finish(outcomes, sample.examples)
    again = task.score(task.predict(encoder, batch), sample.examples)
    assert again.headline == pytest.approx(sample.best, abs=NEAR)


@each_sample
def test_a_batch_equals_one_by_one(sample):
    task, encoder = sample.build().eval(), Mean()
    batch = batch_of(task, sample.examples)
    singles = [batch_of(task, [example]) for example in sample.examples]
    together, apart = task.loss(encoder, batch), [task.loss(encoder, single) for single in singles]
    assert together.count == sum(loss.count for loss in apart)
    if batch.together:  # a text is told apart from the others of its batch, and alone there is none
        assert all(loss.total.item() < together.total.item() for loss in apart)
    else:
        assert together.total.item() == pytest.approx(sum(loss.total.item() for loss in apart), rel=1e-5)
    outcomes = task.predict(encoder, batch)
    one_by_one = task.joined([task.predict(encoder, single) for single in singles])
    assert same(outcomes, one_by_one, 1e-5)


@each_sample
def test_saved_and_loaded_it_answers_the_same(sample):
    task, encoder, batch, _ = trained(sample, steps=20)
    task.finish(task.predict(encoder, batch), sample.examples)
    again = sample.build(seed=9).eval()
    # Labels travel as JSON, weights and what `finish` chose as tensors.
    assert json.loads(json.dumps(task.labels)) == again.labels
    again.load_state_dict(load(save({name: value.contiguous() for name, value in task.state_dict().items()})))
    outcomes = task.predict(encoder, batch)
    assert same(outcomes, again.predict(encoder, batch))
    read = task.read(sample.examples)
    assert task.present(outcomes, read) == again.present(outcomes, read)


@each_sample
def test_empty_texts_work_forward_and_backward(sample):
    task, encoder = sample.build(), Mean()
    nothing = () if sample.task in {"span", "tag"} else None
    batch = batch_of(
        task,
        [
            replace(
                example,
                texts=("",) * len(sample.bare[0].texts) + example.texts[len(sample.bare[0].texts) :],
                target=example.target if nothing is None else nothing,
            )
            for example in sample.examples
        ],
    )
    loss = task.loss(encoder, batch)
    loss.total.backward()
    assert torch.isfinite(loss.total)
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in task.parameters())
    assert np.isfinite(numbers(task.predict(encoder, batch))).all()


@each_sample
def test_texts_without_labels_are_predicted(sample):
    task, encoder = sample.build(), Mean()
    batch = batch_of(task, sample.examples)
    bare = batch_of(task, sample.bare)
    assert bare.target is None
    assert same(task.predict(encoder, bare), task.predict(encoder, batch))
    nothing = batch_of(task, [])
    assert len(task.predict(encoder, nothing)) == 0
    assert task.present(task.predict(encoder, nothing)) == []


@each_sample
def test_every_parameter_gets_gradient(sample):
    task, encoder = sample.build(), Mean()
    task.loss(encoder, batch_of(task, sample.examples)).total.backward()
    assert [name for name, p in task.named_parameters() if p.grad is None or not p.grad.any()] == []


@each_sample
def test_records_are_json_one_per_text(sample):
    task, encoder = sample.build(), Mean()
    outcomes = task.predict(encoder, batch_of(task, sample.examples))
    for records in (
        task.present(outcomes, task.read(sample.examples)),
        task.judged(outcomes, sample.examples),
    ):
        assert len(records) == len(sample.texts)
        assert json.loads(json.dumps(records, allow_nan=False)) == records


@each_sample
def test_the_headline_can_be_resampled_and_paired(sample):
    task = sample.build()
    outcomes = task.predict(Mean(), batch_of(task, sample.examples))
    found = task.statistic(outcomes, sample.examples)
    assert found.value == pytest.approx(task.score(outcomes, sample.examples).headline)
    assert bootstrap(found, resamples=50).low <= found.value
    best = task.statistic(perfect(sample, task), sample.examples)
    difference = compare_pair(best, found, resamples=50, permutations=50)
    assert difference.value == pytest.approx(sample.best - found.value)


@each_sample
def test_the_target_is_no_part_of_what_the_encoder_sees(sample):
    task = sample.build()
    batch = batch_of(task, sample.examples)
    seen = []

    def encode(tokens):
        seen.append(tokens)
        return Mean()(tokens)

    task.loss(encode, batch)
    assert [tokens.flat.tolist() for tokens in seen] == [tokens.flat.tolist() for tokens in batch.inputs]
