"""What every entry of TASKS that reads text which runs on promises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from textladder import recipe
from textladder.batch import Batch, Ragged
from textladder.encoders.recurrent import Lstm
from textladder.metrics.intervals import bootstrap
from textladder.tasks import TASKS, task_class
from textladder.tasks.judging import Block
from textladder.text.tokenizing import BEGIN, END, SPECIAL

UNITS = [*SPECIAL, *"abcdefg"]
TEXTS = ["abcdefg", "gfedcba", "aabbccd", "fade"]
LABELS = {"units": len(UNITS), "labels": ["up", "down"], "spelling": {}, "ranked": True}
each_task = pytest.mark.parametrize("name", [name for name in TASKS if task_class(name).streams])


def built(name: str, labels: dict[str, Any] = LABELS, **values: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    kind = task_class(name)
    config = Lstm.Config(embedding_dim=16, hidden_dim=16, embedding_dropout=0, word_dropout=0, dropout=0)
    encoder = Lstm(config, kind.units(UNITS, labels))
    task = kind(kind.Config(**values), encoder.dim, labels)
    task.tie(encoder.embedding)
    return task, encoder


def batch_of(task: Any, texts: list[str], first: int = BEGIN) -> Batch:
    rows = [[first, *(UNITS.index(letter) for letter in text), END] for text in texts]
    return task.collate(
        {"text": Ragged.of([r[:-1] for r in rows]), "target": Ragged.of([r[1:] for r in rows])}
    )


def trained(name: str, steps: int = 250) -> tuple[Any, Any, list[float]]:
    task, encoder = built(name)
    batch, losses = batch_of(task, TEXTS), []
    optimizer = torch.optim.Adam([*task.parameters(), *encoder.parameters()], lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = task.loss(encoder, batch)
        loss.total.backward()
        optimizer.step()
        losses.append(loss.total.item() / loss.count)
    return task.eval(), encoder.eval(), losses


@each_task
def test_a_few_lines_can_be_learned_by_heart(name: str) -> None:
    _, _, losses = trained(name)
    # What stands after <s> is left to chance: one of four texts, and then where they part.
    assert losses[0] > 2
    assert losses[-1] < 2 * math.log(len(TEXTS)) / np.mean([len(text) + 1 for text in TEXTS])


@each_task
def test_a_batch_equals_one_by_one(name: str) -> None:
    task, encoder = built(name)
    together = task.loss(encoder, batch_of(task, TEXTS))
    apart = [task.loss(encoder, batch_of(task, [text])) for text in TEXTS]
    assert together.count == sum(loss.count for loss in apart) == sum(len(text) + 1 for text in TEXTS)
    assert together.total.item() == pytest.approx(sum(loss.total.item() for loss in apart), rel=1e-5)
    nats = task.predict(encoder, batch_of(task, TEXTS))
    assert nats.sum() == pytest.approx(together.total.item(), rel=1e-5)
    one_by_one = [task.predict(encoder, batch_of(task, [text])) for text in TEXTS]
    assert nats == pytest.approx(np.concatenate(one_by_one), abs=1e-5)


@pytest.mark.parametrize(("size", "change"), [(2.0, 0.0), (0.0, 0.5), (2.0, 0.5)])
def test_large_states_and_large_steps_of_them_cost(size: float, change: float) -> None:
    """Merity et al. 2018: means over the units of all texts, and over their steps."""
    plain, encoder = built("language")
    task, _ = built("language", activation_regularization=size, temporal_regularization=change)
    batch = batch_of(plain, ["abcdefg", "fade"])
    states = encoder(batch.inputs[0]).states.detach().numpy()
    rows = [states[0, :8], states[1, :5]]  # a beginning and the letters
    squares = np.concatenate([row**2 for row in rows]).mean()
    steps = np.concatenate([np.diff(row, axis=0) ** 2 for row in rows]).mean()
    without, loss = plain.loss(encoder, batch), task.loss(encoder, batch)
    assert loss.count == without.count == 13
    wanted = 13 * (size * squares + change * steps)
    assert loss.total.item() - without.total.item() == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("rung", ["rnn", "gru", "lstm"])
def test_recipes_for_words_hold_the_states_small(rung: str) -> None:
    config: Any = recipe.rung(rung, "language").task
    assert config.activation_regularization > 0
    assert config.temporal_regularization > 0


@each_task
def test_probabilities_of_all_units_sum_to_one(name: str) -> None:
    task, encoder = trained(name, steps=5)[:2]
    with torch.no_grad():
        shares = task.output.log_probs(encoder(batch_of(task, TEXTS).inputs[0]).states[:, 0]).exp()
    assert shares.shape == (len(TEXTS), len(UNITS) + 2)
    assert shares.sum(-1).tolist() == pytest.approx([1.0] * len(TEXTS), abs=1e-5)
    assert shares[:, [0, BEGIN, len(UNITS), len(UNITS) + 1]].max() == 0, "what no text writes"


@each_task
def test_saved_and_loaded_it_says_the_same(name: str) -> None:
    task, encoder, _ = trained(name, steps=20)
    again, other = built(name)
    again.load_state_dict(load(save(task.state_dict())))
    other.load_state_dict(load(save(encoder.state_dict())))
    again.eval(), other.eval()
    batch = batch_of(task, TEXTS)
    assert again.predict(other, batch).tolist() == task.predict(encoder, batch).tolist()


@each_task
def test_scores_are_what_the_sums_say(name: str) -> None:
    task, _ = built(name)
    outcomes = np.zeros((3, len(Block)))
    outcomes[:, Block.CHARACTERS], outcomes[:, Block.UNITS], outcomes[:, Block.WORDS] = [8, 4, 4], 5, 2
    assert task.score(outcomes, []).headline == 0, "a certain model needs no bits"
    outcomes[:, Block.NATS] = math.log(2) * np.array([8, 4, 4])
    outcomes[0, Block.SPELLING] = math.log(2) * 16
    scores = task.score(outcomes, [])
    assert scores.headline == pytest.approx(2.0)
    assert scores.values["perplexity"] == pytest.approx(2 ** (16 / 15))
    assert scores.values["perplexity_per_word"] == pytest.approx(2 ** (32 / 6))
    assert scores.metric == task.headline
    assert not scores.higher_is_better
    assert bootstrap(task.statistic(outcomes, [])).value == pytest.approx(2.0)
    assert task.item_losses(outcomes, []) == pytest.approx([3.0, 1.0, 1.0])
