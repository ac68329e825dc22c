"""The loop: what an update is made of, when it stops, what it says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.helpers import data_of, small, trainer_of
from textladder.batch import Batch, Loss
from textladder.errors import Problem
from textladder.training.feeding import Feed
from textladder.training.loop import Progress, Step, fit, scheduled_steps
from textladder.training.optimizing import build_optimizer
from textladder.training.options import TrainingConfig

RUNGS = ["bow", "ngrams", "mlp", "cnn", "lstm", "attention"]


class OneBatch:
    """A feed of given batches of rows, the same in every epoch."""

    def __init__(self, feed: Feed, batches: list[list[int]]) -> None:
        self.feed, self.given = feed, [np.array(rows) for rows in batches]
        self.lengths = feed.lengths

    def batches(self, epoch: int) -> int:
        return len(self.given)

    def rows(self, epoch: int, number: int) -> np.ndarray:
        return self.given[number]

    def units(self, rows: np.ndarray) -> int:
        return self.feed.units(rows)

    def batch(self, rows: np.ndarray) -> Batch:
        return self.feed.batch(rows)

    def made(self, epoch: int, number: int) -> Batch:
        return self.feed.batch(self.given[number])


class Setting:
    """A small model with its feed and optimizer, made the same every time."""

    def __init__(
        self, rung: str, work: Path, batches: list[list[int]] | None = None, **options: object
    ) -> None:
        chosen = small(rung, training__optimizer="sgd", training__learning_rate=0.5, training__clip_norm=0.0)
        self.options = replace(chosen.training, schedule="constant", **options)
        trainer = trainer_of(replace(chosen, training=self.options), work)
        self.model = trainer.model
        self.feed = trainer.feed if batches is None else OneBatch(trainer.feed, batches)
        self.optimizer = build_optimizer(self.model, self.options)
        self.progress = Progress()

    def steps(self) -> list[Step]:
        return list(fit(self.model, self.feed, self.options, self.optimizer, self.progress))

    def weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    def gradients(self) -> dict[str, Tensor]:
        """After a step: those that it was taken with."""
        found = {name: p.grad for name, p in self.model.named_parameters() if p.grad is not None}
        return {name: grad.to_dense() if grad.is_sparse else grad.clone() for name, grad in found.items()}


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            value, other[name], rtol=1e-4, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("rung", RUNGS)
def test_two_batches_of_8_are_one_of_16(rung: str, tmp_path: Path) -> None:
    whole = Setting(rung, tmp_path / "a", [list(range(16))], epochs=1)
    halves = Setting(rung, tmp_path / "b", [list(range(8)), list(range(8, 16))], epochs=1, accumulate=2)
    assert_close(whole.weights(), halves.weights())
    (one,), (two,) = whole.steps(), halves.steps()
    assert one.loss == pytest.approx(two.loss, rel=1e-5)
    assert one.texts == two.texts == 16
    assert_close(whole.gradients(), halves.gradients())
    assert_close(whole.weights(), halves.weights())


@pytest.mark.parametrize("rung", RUNGS)
def test_order_and_unequal_parts_change_no_gradient(rung: str, tmp_path: Path) -> None:
    """Each text is padded to another width in the two: 15 with the longest, or 3 and 12 and 1."""
    whole = Setting(rung, tmp_path / "a", [list(range(16))], epochs=1)
    rows = list(np.random.default_rng(0).permutation(16))
    parts = Setting(rung, tmp_path / "b", [rows[:3], rows[3:15], rows[15:]], epochs=1, accumulate=3)
    whole.steps(), parts.steps()
    assert_close(whole.gradients(), parts.gradients())


def test_a_loss_that_is_not_finite_stops_before_the_update(tmp_path: Path) -> None:
    setting = Setting("lstm", tmp_path)
    plain = setting.model.forward
    calls = []

    def third_is_nan(batch: Batch) -> Loss:
        calls.append(batch)
        loss = plain(batch)
        return Loss(loss.total * math.nan, loss.count) if len(calls) == 3 else loss

    setting.model.forward = third_is_nan
    steps = fit(setting.model, setting.feed, setting.options, setting.optimizer, setting.progress)
    next(steps), next(steps)
    before = setting.weights()
    with pytest.raises(Problem, match="step 3, epoch 1") as told:
        next(steps)
    assert "learning_rate" in told.value.next_step
    assert setting.progress.step == 2
    for name, value in setting.weights().items():
        assert torch.equal(value, before[name]), name


def _fails_above(setting: Setting, texts: int, error: Exception) -> list[int]:
    """Memory that holds `texts` texts at a time."""
    plain, sizes = setting.model.forward, []

    def forward(batch: Batch) -> Loss:
        if batch.count > texts:
            raise error
        sizes.append(batch.count)
        return plain(batch)

    setting.model.forward = forward
    return sizes


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
    ],
    ids=["cpu", "accelerator", "python"],
)
def test_out_of_memory_splits_the_batch_and_says_so(error: Exception, tmp_path: Path) -> None:
    batches = [list(range(16)), list(range(16, 32))]
    plain = Setting("lstm", tmp_path / "a", batches, epochs=1)
    tight = Setting("lstm", tmp_path / "b", batches, epochs=1)
    sizes = _fails_above(tight, 5, error)
    expected, steps = plain.steps(), tight.steps()
    assert_close(plain.weights(), tight.weights())
    assert [step.loss for step in steps] == pytest.approx([step.loss for step in expected], rel=1e-5)
    assert "4 parts" in steps[0].note
    assert steps[1].note == ""
    assert set(sizes) == {4}
    assert tight.progress.pieces == 4


def test_one_text_too_large_for_memory_is_a_problem(tmp_path: Path) -> None:
    setting = Setting("lstm", tmp_path)
    _fails_above(setting, 0, torch.OutOfMemoryError("out of memory"))
    with pytest.raises(Problem, match="one text alone"):
        setting.steps()


def test_other_errors_are_not_taken_for_a_lack_of_memory(tmp_path: Path) -> None:
    setting = Setting("lstm", tmp_path)
    _fails_above(setting, 0, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes"):
        setting.steps()


@pytest.mark.parametrize(("epochs", "expected"), [(1, 6), (2, 12), (0.5, 3), (1.5, 9)])
def test_epochs(epochs: float, expected: int, tmp_path: Path) -> None:
    setting = Setting("bow", tmp_path, epochs=epochs)  # 48 texts, 8 at a time
    steps = setting.steps()
    assert len(steps) == expected
    assert steps[-1].epoch == pytest.approx(epochs)
    assert steps[-1].check


def test_accumulation_ends_with_the_epoch(tmp_path: Path) -> None:
    """Six batches by fours are steps of 4 and 2: three epochs are six steps; texts count alike."""
    setting = Setting("bow", tmp_path, epochs=3, accumulate=4)
    steps = setting.steps()
    assert [step.texts for step in steps] == [32, 16] * 3
    assert scheduled_steps(setting.feed, setting.options) == 6


def test_max_steps_and_max_seconds(tmp_path: Path) -> None:
    steps = Setting("bow", tmp_path / "a", max_steps=4).steps()
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert steps[-1].check
    late = Setting("bow", tmp_path / "b", max_seconds=1e-9)
    assert [step.check for step in late.steps()] == [True]
    assert late.steps() == []  # continued, it does not take one more


@pytest.mark.parametrize(
    ("checks", "expected"), [(1, [6]), (2, [3, 6]), (3, [2, 4, 6]), (6, [1, 2, 3, 4, 5, 6])]
)
def test_checks_per_epoch(checks: int, expected: list[int], tmp_path: Path) -> None:
    setting = Setting("bow", tmp_path, epochs=1, checks_per_epoch=checks)
    assert [step.step for step in setting.steps() if step.check] == expected


def test_learning_rate_warms_up_and_falls_to_zero(tmp_path: Path) -> None:
    setting = Setting("bow", tmp_path, epochs=2)  # 12 steps
    setting.options = replace(setting.options, schedule="linear", warmup=4, learning_rate=1.0)
    rates = [step.learning_rate for step in setting.steps()]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1, *(1 - n / 8 for n in range(8))])


def test_a_continued_loop_takes_the_steps_that_were_left(tmp_path: Path) -> None:
    whole = Setting("bow", tmp_path / "a").steps()
    setting = Setting("bow", tmp_path / "b")
    taken: list[Step] = []
    while len(taken) < len(whole):
        for step in fit(setting.model, setting.feed, setting.options, setting.optimizer, setting.progress):
            taken.append(step)
            if len(taken) % 3 == 0:
                break
    assert [(s.step, s.loss, s.epoch) for s in taken] == [(s.step, s.loss, s.epoch) for s in whole]


def test_every_text_once_an_epoch_and_in_another_order(tmp_path: Path) -> None:
    feed = trainer_of(small("lstm"), tmp_path, data=data_of(50)).feed
    orders = [
        np.concatenate([feed.rows(epoch, n) for n in range(feed.batches(epoch))]) for epoch in (0, 1, 0)
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(50))
    assert list(orders[0]) == list(orders[2]) != list(orders[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0.0},
        {"epochs": math.inf},
        {"accumulate": 0},
        {"batch_texts": 0},
        {"checks_per_epoch": 0},
        {"log_every": 0},
        {"patience": -1},
        {"ema_decay": 1.0},
        {"max_steps": 0},
        {"max_seconds": -1.0},
        {"save_seconds": -1.0},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_options_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(Problem, match=f"training.{next(iter(wrong))}"):
        TrainingConfig(**wrong)
