"""Every encoder under every task: it builds and trains three steps, or one Problem says why not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.contracts.samples import SAMPLES, VOCABULARY, Words, batch_of, numbers
from textladder.encoders import ENCODERS, encoder_class
from textladder.errors import Problem
from textladder.training.optimizing import OptimizerConfig, build_optimizer

# What is documented as impossible: (encoder, sample) -> what the Problem says.
REFUSED: dict[tuple[str, str], str] = {}


def train(name: str, sample_name: str, steps: int = 3) -> tuple[torch.nn.ModuleList, list[float], object]:
    """Three steps of both together, with one empty text in the batch."""
    sample = SAMPLES[sample_name]
    torch.manual_seed(0)
    kind = encoder_class(name)
    encoder = kind(kind.Config(), VOCABULARY)
    encoder.prepare([Words().encode([text for example in sample.examples for text in example.texts])])
    task = sample.build(dim=encoder.dim)
    if task.needs_causal and not encoder.causal:
        raise Problem(name, "the task needs an encoder that sees no later unit.", "Choose another encoder.")
    model = torch.nn.ModuleList([encoder, task])
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    optimizer = build_optimizer(model, OptimizerConfig(optimizer="adam", learning_rate=0.01))
    batch = batch_of(task, sample.examples)
    losses = []
    for _ in range(steps):
        loss = task.loss(encoder, batch)
        (loss.total / loss.count).backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.total.item() / loss.count)
    still = [key for key, p in model.named_parameters() if p.requires_grad and torch.equal(p, before[key])]
    assert still == [], "these parameters did not change"
    return model, losses, batch


@pytest.mark.parametrize("sample_name", SAMPLES)
@pytest.mark.parametrize("name", ENCODERS)
def test_each_pair_trains_three_steps_or_says_why_not(name, sample_name):
    if (name, sample_name) in REFUSED:
        with pytest.raises(Problem, match=REFUSED[name, sample_name]):
            train(name, sample_name)
        return
    model, losses, batch = train(name, sample_name)
    assert all(map(math.isfinite, losses))
    encoder, task = model.eval()
    outcomes = task.predict(encoder, batch)
    assert len(outcomes) == len(SAMPLES[sample_name].texts)
    assert np.isfinite(numbers(outcomes)).all()
    assert math.isfinite(task.score(outcomes, SAMPLES[sample_name].examples).headline)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_encoder_s_vector_can_be_the_logits(name):
    """Head "none" over any encoder whose width can be set to the number of labels."""
    sample = SAMPLES["classify two"]
    kind = encoder_class(name)
    dim = kind(kind.Config(), VOCABULARY).dim
    task_kind = type(sample.build())
    config = task_kind.Config(head="none")
    if dim != 2:
        with pytest.raises(Problem, match="width to 2"):
            task_kind(config, dim, sample.build().labels)
    assert list(task_kind(config, 2, sample.build().labels).parameters()) == []
