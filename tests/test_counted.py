"""Counted models: streams are counted and scored as rows are, labels begin texts, steps agree with both."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.ngrams.helpers import chunks, drawn, fitted, tokenised, vocabulary
from textladder import counted
from textladder import recipe as recipes
from textladder.counted import CountedModel, count, stretches
from textladder.errors import Problem
from textladder.loading import load_model
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.evaluating import perplexity
from textladder.ngrams.model import NgramModel
from textladder.ragged import Ragged
from textladder.tasks.judging import Block, Judging
from textladder.text.store import Store
from textladder.text.tokenizing import BEGIN, END, Tokenizer

SIZE = 12
TEXTS = drawn(120, SIZE)
ESTIMATORS = ("kneser-ney", "interpolation", "stupid-backoff", "add-k")
Ids = NDArray[np.int32]


def stream(texts: list[list[int]], begins: list[int] | None = None) -> Ids:
    """Texts end to end, each from <s>, or its unit of `begins`, to </s>."""
    firsts = begins or [BEGIN] * len(texts)
    rows = [[first, *text, END] for first, text in zip(firsts, texts, strict=True)]
    return np.concatenate([np.array(row, np.int32) for row in rows])


def cut(flat: Ids, size: int) -> list[Ids]:
    return [flat[begin : begin + size] for begin in range(0, len(flat), size)]


def blocks(flat: Ids, size: int, **more: Any) -> Store:
    """A judged store of a stream, in rows of `size` units; one row is empty."""
    bounds = np.unique(np.append(np.arange(0, len(flat), size), len(flat)))
    offsets = np.insert(bounds, 1, bounds[1])
    rows = len(offsets) - 1
    each = np.arange(rows + 1)
    columns = {"text": Ragged(flat, offsets)}
    columns |= {name: Ragged(np.full(rows, 3.0), each) for name in ("characters", "words")}
    columns |= {name: Ragged(np.zeros(rows), each) for name in ("unknown", "spelling")}
    return Store.of(columns | more)


def model_of(
    texts: list[list[int]], folder: Path, labels: tuple[str, ...] = (), **config: Any
) -> CountedModel:
    """Of invented units; text b has the label b modulo their number, if there are any."""
    tokenizer = Tokenizer.of_vocabulary(vocabulary(SIZE), recipes.rung("ngram", "language").tokenizer)
    chosen = recipes.rung("ngram", "language")
    chosen = replace(chosen, encoder=NgramConfig(**{"order": 3, **config}))
    known = {"units": SIZE, "labels": list(labels), "spelling": {}}
    begins = [SIZE + b % len(labels) for b in range(len(texts))] if labels else None
    flat = stream(texts, begins)
    store = Store.of({"text": Ragged(flat, np.array([0, len(flat)]))})
    return count(chosen, tokenizer, known, {"train": store, "dev": store}, folder)[0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("run_units", [1024, 1 << 22])
def test_a_stream_is_counted_as_its_texts_are(tmp_path: Path, estimator: Any, run_units: int) -> None:
    config = NgramConfig(order=4, estimator=estimator, run_units=run_units)
    rows = fitted(TEXTS * 3, SIZE, tmp_path / "rows", config, held_out=chunks(TEXTS))
    flat = stream(TEXTS * 3)
    one = NgramModel.fit(
        cut(flat, 97), vocabulary(SIZE), config, tmp_path / "stream", held_out=cut(stream(TEXTS), 31)
    )
    assert len(flat) > 1024
    assert one.about == rows.about
    for first, second in zip(one.arrays, rows.arrays, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("flat", "said"),
    [
        ([4, 5, END], "the id 4 cannot stand there"),
        ([BEGIN, 4, BEGIN, 5, END], "text 1: the id 2 cannot"),
        ([BEGIN, 4, END, END], "the id 3 cannot"),
        ([BEGIN, 4, 12, END], "the id 12 cannot"),
        ([BEGIN, 0, END], "the id 0 cannot"),
        ([BEGIN, 4, END, BEGIN, 5, 6], "its last text has no end"),
    ],
)
def test_what_is_no_stream(tmp_path: Path, flat: list[int], said: str) -> None:
    with pytest.raises(Problem, match=said):
        NgramModel.fit([np.array(flat, np.int32)], vocabulary(SIZE), NgramConfig(order=2), tmp_path)


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("order", [1, 2, 4])
def test_any_part_of_a_stream_has_the_scores_of_the_whole(tmp_path: Path, estimator: Any, order: int) -> None:
    config = NgramConfig(order=order, estimator=estimator)
    model = fitted(TEXTS, SIZE, tmp_path, config, held_out=chunks(TEXTS))
    others = drawn(60, SIZE, seed=1)
    flat = stream(others)
    whole = model.log_probs_of_stream(flat)
    expected = np.concatenate([np.append(0, row) for row in _rows(model.log_probs(Ragged.of(others)))])
    if estimator != "stupid-backoff":  # whose scores are no probabilities
        np.testing.assert_array_equal(whole, expected)
    for begin, end in ((0, 1), (5, 9), (17, 300), (299, len(flat)), (40, 40)):
        np.testing.assert_array_equal(model.log_probs_of_stream(flat, begin, end), whole[begin:end])
    with pytest.raises(Problem, match="ids outside"):
        model.log_probs_of_stream(np.array([BEGIN, SIZE, END], np.int32))


def _rows(ragged: Ragged) -> list[NDArray[Any]]:
    return [ragged[i] for i in range(len(ragged))]


def test_threads_share_a_long_stream(tmp_path: Path) -> None:
    model = fitted(TEXTS, SIZE, tmp_path, NgramConfig(order=4, threads=2))
    flat = np.tile(stream(drawn(50, SIZE, seed=1)), 600)
    assert len(flat) > 3 << 16
    found = model.log_probs_of_stream(flat)
    np.testing.assert_array_equal(
        found.reshape(600, -1), np.broadcast_to(found[: len(flat) // 600], (600, len(flat) // 600))
    )


@pytest.mark.parametrize("units", ["word", "character"])
def test_blocks_cost_what_perplexity_counts(tmp_path: Path, units: str) -> None:
    ids, known = tokenised("frankenstein/frankenstein.txt", units, 400)
    model = NgramModel.fit([ids], known, NgramConfig(order=4), tmp_path)
    texts = [list(row) for row in _rows(ids)[:150]]
    flat = stream(texts)
    chosen = recipes.rung("ngram", "language")
    labels = {"units": len(known), "labels": [], "spelling": {}}
    tokenizer = Tokenizer.of_vocabulary(known, chosen.tokenizer)
    found = CountedModel(chosen, tokenizer, labels, model).block_outcomes(blocks(flat, 57))
    expected = perplexity(model, [Ragged.of(texts)])
    assert found[:, Block.NATS].sum() == pytest.approx(expected.nats, rel=1e-12)
    assert found[:, Block.UNITS].sum() == expected.units + expected.ends
    assert found[1].tolist() == [0, 0, 3, 3, 0, 0]  # the empty one


@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("order", [1, 4])
def test_a_stream_has_the_probabilities_of_steps(tmp_path: Path, estimator: Any, order: int) -> None:
    """Those of stupid backoff, too, which has no others."""
    model = model_of(TEXTS[:40], tmp_path, estimator=estimator, order=order)
    (text,) = drawn(1, SIZE, seed=5, longest=60)
    flat = stream([text])
    assert len(flat) > 20
    found = model.ngrams.log_probs_of_stream(flat)
    step, start = model.stepper()
    state = start(1)
    for place in range(1, len(flat)):
        scores, state = step(torch.from_numpy(flat[place - 1 : place]), state)
        assert float(scores.exp().sum()) == pytest.approx(1, abs=1e-5)
        assert found[place] == pytest.approx(float(scores[0, flat[place]]), rel=1e-4)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_labels_begin_texts_and_are_never_predicted(tmp_path: Path, estimator: Any) -> None:
    model = model_of(TEXTS, tmp_path, ("a", "b"), estimator=estimator)
    assert model.ngrams.vocabulary[SIZE:] == ["<label:a>", "<label:b>"]
    step, start = model.stepper()
    state = start(3)
    for last in ([SIZE, SIZE + 1, BEGIN], [4, 5, 6], [7, 8, 9]):
        scores, state = step(torch.tensor(last), state)
        assert scores.dtype == torch.float32
        never = scores[:, [0, BEGIN, SIZE, SIZE + 1]]
        assert bool((never == -torch.inf).all())
        assert scores.exp().sum(1).tolist() == pytest.approx([1, 1, 1], abs=1e-5)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_label_is_another_beginning_of_texts(tmp_path: Path, estimator: Any) -> None:
    plain = model_of(TEXTS, tmp_path / "plain", estimator=estimator)
    labelled = model_of(TEXTS, tmp_path / "labelled", ("a",), estimator=estimator)
    others = drawn(40, SIZE, seed=2)
    one = plain.ngrams.log_probs_of_stream(stream(others))
    two = labelled.ngrams.log_probs_of_stream(stream(others, [SIZE] * 40))
    np.testing.assert_allclose(one, two, rtol=1e-6)
    for store in (blocks(stream(others), 20), blocks(stream(others, [SIZE] * 40), 20)):
        units = (
            plain.block_outcomes(store)
            if store.columns["text"].flat[0] == BEGIN
            else labelled.block_outcomes(store)
        )
        assert units[:, Block.UNITS].sum() == sum(map(len, others)) + 40


def test_labels_tell_texts_apart(tmp_path: Path) -> None:
    texts = [[4, 5, 6], [7, 8, 9]] * 20
    model = model_of(texts, tmp_path, ("a", "b"), order=2)
    step, start = model.stepper()
    scores, _ = step(torch.tensor([SIZE, SIZE + 1]), start(2))
    assert scores.argmax(1).tolist() == [4, 7]


def test_steps_give_what_the_model_says_of_each_context(tmp_path: Path) -> None:
    model = model_of(TEXTS, tmp_path, order=4)
    step, start = model.stepper()
    state = start(2)
    text = [[4, 9, 4, 11, 6, 5], [BEGIN + 2, 10, 11, 5, 5, 8]]
    scores, state = step(torch.tensor([BEGIN, BEGIN]), state)
    for n, last in enumerate(zip(*text, strict=True), 1):
        scores, after = step(torch.tensor(last), state)
        for b in range(2):
            np.testing.assert_allclose(scores[b], model.ngrams.next(text[b][:n]), rtol=1e-5)
        # States can be chosen and repeated, and those that were are not changed by the step.
        again, _ = step(torch.tensor(last)[[1, 1]], tuple(part[[1, 1]] for part in state))  # type: ignore[arg-type]
        assert torch.equal(again[0], scores[1])
        assert torch.equal(again[1], scores[1])
        state = after


def test_kept_and_loaded(tmp_path: Path) -> None:
    model = model_of(TEXTS, tmp_path / "arrays", ("a",))
    shutil.rmtree(tmp_path / "arrays")  # the model holds what it needs
    model.save(tmp_path / "kept", "# A card\n")
    model.save(tmp_path / "kept", "# A card\n")  # over itself
    loaded = load_model(tmp_path / "kept")
    assert isinstance(loaded, CountedModel)
    assert loaded.recipe.tables(every=True) == model.recipe.tables(every=True)
    assert (loaded.labels, loaded.tokenizer.vocabulary) == (model.labels, model.tokenizer.vocabulary)
    assert loaded.parameter_count == model.parameter_count == sum(model.ngrams.counts)
    flat = stream(drawn(20, SIZE, seed=3), [SIZE] * 20)
    np.testing.assert_array_equal(
        loaded.ngrams.log_probs_of_stream(flat), model.ngrams.log_probs_of_stream(flat)
    )
    assert (tmp_path / "kept" / "README.md").read_text() == "# A card\n"


def test_damage_is_named(tmp_path: Path) -> None:
    model_of(TEXTS, tmp_path / "one").save(tmp_path / "kept")
    model_of(TEXTS[:50], tmp_path / "two").save(tmp_path / "other")
    shutil.copytree(tmp_path / "kept", tmp_path / "mixed")
    shutil.rmtree(tmp_path / "mixed" / "ngrams")
    with pytest.raises(Problem, match="no finished n-gram model here"):
        load_model(tmp_path / "mixed")
    shutil.copytree(tmp_path / "other" / "ngrams", tmp_path / "mixed" / "ngrams")
    with pytest.raises(Problem, match="n-grams of another model"):
        load_model(tmp_path / "mixed")
    (tmp_path / "kept" / "labels.json").write_text("{}")
    with pytest.raises(Problem, match=r"labels\.json: this file"):
        load_model(tmp_path / "kept")
    (tmp_path / "other" / "mine.txt").write_text("")
    with pytest.raises(Problem, match="holds other things"):
        load_model(tmp_path / "other").save(tmp_path / "other")
    header = json.loads((tmp_path / "other" / "model.json").read_text())
    (tmp_path / "other" / "model.json").write_text(json.dumps(header | {"format_version": 99}))
    with pytest.raises(Problem, match="Install a newer textladder"):
        load_model(tmp_path / "other")


def test_a_stream_is_read_in_stretches_and_may_be_stopped() -> None:
    flat = np.arange(10, dtype=np.int32)
    store = Store.of({"text": Ragged(flat, np.array([0, 4, 10]))})
    assert np.concatenate(list(stretches(store))).tolist() == flat.tolist()
    assert np.concatenate(list(stretches(store, most=7))).tolist() == flat[:7].tolist()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(stretches(store, stop))


def test_judging_needs_no_output_layer(tmp_path: Path) -> None:
    model = model_of(TEXTS, tmp_path, ("a", "b"))
    task = model.task
    assert (task.tokens, task.names, task.index) == (SIZE, ["a", "b"], {"a": SIZE, "b": SIZE + 1})
    outcomes = model.block_outcomes(blocks(stream(TEXTS[:30]), 20))
    scores = task.score(outcomes, [])
    assert isinstance(task, Judging)
    sums = outcomes.sum(axis=0)
    bits = sums[Block.NATS] / np.log(2) / sums[Block.CHARACTERS]
    assert scores.headline == pytest.approx(bits)
    assert task.statistic(outcomes, []).value == pytest.approx(bits)


def test_held_out_text_is_bounded_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counted, "HELD_OUT_UNITS", 100)
    chosen = recipes.rung("ngram", "language")
    flat = stream(TEXTS)
    store = Store.of({"text": Ragged(flat, np.array([0, len(flat)]))})
    tokenizer = Tokenizer.of_vocabulary(vocabulary(SIZE), chosen.tokenizer)
    known = {"units": SIZE, "labels": [], "spelling": {}}
    for estimator, expected in (("interpolation", True), ("kneser-ney", False)):
        config = NgramConfig(order=2, estimator=estimator)  # type: ignore[arg-type]
        one = replace(chosen, encoder=config)
        made = count(one, tokenizer, known, {"train": store, "dev": store}, tmp_path / estimator)
        said = f"the weights were learnt on the first 100 of {len(flat):,} units of dev"
        assert (said in made.notes) == expected
        facts = made.model.facts()["estimated"]
        assert not expected or 80 < facts["held_out_units"] < 100
