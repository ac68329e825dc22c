"""What a tagger makes of rows and outcomes, beside what the contract suite asks of every task."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from tests.contracts.samples import SAMPLES, Mean, batch_of, perfect
from textladder.tasks.tag import Said

TAGGERS = [sample for name, sample in SAMPLES.items() if name.startswith("tag")]


@pytest.mark.parametrize("sample", TAGGERS)
def test_confidences_are_calibrated_on_dev(sample):
    """They are moved by the temperature, which `finish` finds; what is said stays the same."""
    task, encoder = sample.build().eval(), Mean()
    batch = batch_of(task, sample.examples)
    before = task.predict(encoder, batch)
    dev = [
        Said(said.tags.copy(), np.full(len(said.tags), 0.999, np.float32)) for said in perfect(sample, task)
    ]
    dev[0].tags[0] = 0 if dev[0].tags[0] else len(task.tags) - 1
    task.finish(dev, sample.examples)
    temperature = float(task.temperature)
    assert temperature > 1.5, "one of a few is wrong, not one of a thousand"
    for old, new in zip(before, task.predict(encoder, batch), strict=True):
        assert np.array_equal(old.tags, new.tags)
        assert new.sure == pytest.approx(expit(logit(old.sure) / temperature), abs=1e-5)
    task.finish(dev, sample.examples)
    assert float(task.temperature) == pytest.approx(temperature**2), "it is one more than what was there"
