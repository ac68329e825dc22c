"""Averaged weights against their formulas, written out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tests.helpers import small, trained, trainer_of, weights_of
from textladder.training.averaging import Average

VALUES = [1.0, 4.0, -2.0, 3.0, 0.5]


def line(value: float) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def averaged(average: Average, model: nn.Linear) -> float:
    with average.applied(model):
        return model.weight.item()


def test_ema_follows_its_formula() -> None:
    model = line(0.0)
    average, expected = Average(model, "ema", 0.3), 0.0
    for step, value in enumerate(VALUES, start=1):
        nn.init.constant_(model.weight, value)
        average.after_step(model)
        average.after_check(model)  # of no concern to it
        decay = min(0.3, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        assert averaged(average, model) == pytest.approx(expected, rel=1e-6)
    assert model.weight.item() == VALUES[-1]


def test_epochs_is_the_plain_mean_over_checks() -> None:
    model = line(9.0)
    average = Average(model, "epochs", 0.999)
    for number, value in enumerate(VALUES, start=1):
        nn.init.constant_(model.weight, value)
        average.after_step(model)  # of no concern to it
        average.after_check(model)
        assert averaged(average, model) == pytest.approx(sum(VALUES[:number]) / number, rel=1e-6)


@pytest.mark.parametrize("checks", [1, 3, 9])
def test_last_is_the_mean_over_the_last_checks_and_goes_on(checks: int) -> None:
    model = line(9.0)
    average = Average(model, "last", 0.999, checks)
    for number, value in enumerate(VALUES, start=1):
        nn.init.constant_(model.weight, value)
        average.after_step(model)  # of no concern to it
        average.after_check(model)
        some = VALUES[max(number - checks, 0) : number]
        assert averaged(average, model) == pytest.approx(sum(some) / len(some), rel=1e-6)
        again = Average(line(5.0), "last", 0.999, checks)
        again.load_state_tensors({n: v.clone() for n, v in average.state_tensors().items()})
        average = again


def test_none_changes_nothing_and_keeps_nothing() -> None:
    model = line(2.0)
    average = Average(model, "none", 0.999)
    average.after_step(model)
    average.after_check(model)
    assert averaged(average, model) == 2.0
    assert average.weights == {}


def test_own_weights_come_back_after_an_error() -> None:
    model = line(0.0)
    average = Average(model, "ema", 0.5)
    nn.init.constant_(model.weight, 7.0)
    with pytest.raises(ValueError, match="inside"), average.applied(model):
        raise ValueError("inside")
    assert model.weight.item() == 7.0
    assert averaged(average, model) == 0.0


def test_state_goes_on() -> None:
    model = line(0.0)
    whole, first = Average(model, "ema", 0.9), Average(model, "ema", 0.9)
    for number, value in enumerate(VALUES):
        nn.init.constant_(model.weight, value)
        whole.after_step(model)
        if number == 2:
            second = Average(line(5.0), "ema", 0.9)
            second.load_state_tensors({n: v.clone() for n, v in first.state_tensors().items()})
            first = second
        first.after_step(model) if number != 2 else second.after_step(model)
    assert torch.equal(first.weights["weight"], whole.weights["weight"])


@pytest.mark.parametrize("kind", ["ema", "epochs", "last"])
@pytest.mark.parametrize("rung", ["ngrams", "lstm"])
def test_averaged_weights_are_those_scored_and_saved(rung: str, kind: str, tmp_path: Path) -> None:
    chosen = small(rung, training__average=kind, training__ema_decay=0.5, training__epochs=1)
    trained(chosen, tmp_path / "run")
    trainer = trainer_of(chosen, tmp_path / "work")
    trainer.train()
    assert trainer.progress.step == 6
    saved = weights_of(tmp_path / "run" / "model")
    for name, value in trainer.average.weights.items():
        torch.testing.assert_close(saved[name], value, msg=name)
