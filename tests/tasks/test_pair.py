"""The task of pairs: what it learns from labels, what it refuses, and its losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.contracts.samples import PAIRS, SAMPLES, Mean, Words, batch_of
from textladder.batch import Example
from textladder.errors import Problem
from textladder.ragged import Pairs, Ragged
from textladder.tasks.pair import Pair
from textladder.text.tokenizing import Tokenizer, TokenizerConfig


def examples(*labels):
    rows = enumerate(zip(PAIRS, labels, strict=False), start=2)
    return [
        Example(texts, () if label is None else (label,), f"p.csv:{line}") for line, (texts, label) in rows
    ]


def learned(*labels, times=None, **options):
    return Pair.learn(examples(*labels), Pair.Config(**options), times)


def test_labels_or_numbers():
    assert learned("0", "1", "0")["kind"] == "single"
    assert learned("1.5", "2", "4")["kind"] == "score"
    assert learned("1", "2", "4", kind="score")["kind"] == "score"
    assert learned("1.5", "2", "4", kind="labels")["labels"] == ["1.5", "2", "4"]


def test_the_scale_is_that_of_the_training_labels():
    found = learned("1.0", "2.0", "4.5", times=[1, 2, 1], kind="score")
    values = np.array([1.0, 2.0, 2.0, 4.5])
    assert (found["low"], found["high"], found["texts"]) == (1.0, 4.5, 4)
    assert found["mean"] == pytest.approx(values.mean())
    assert found["deviation"] == pytest.approx(values.std())


@pytest.mark.parametrize(
    ("labels", "options", "where", "said"),
    [
        (("1.5", "high", "3"), {}, "p.csv:3", "the label 'high' is not a number.*1 of 3 labels"),
        (("1", "nan"), {"kind": "score"}, "p.csv:3", "'nan' is not a number"),
        (("1.5", None), {"kind": "score"}, "p.csv:3", "there is no label"),
        (("2.5", "2.50"), {}, "p.csv", "every score is the same"),
        (("a", "a"), {}, "p.csv", "the only label is 'a'"),
    ],
)
def test_labels_that_cannot_be_learned(labels, options, where, said):
    with pytest.raises(Problem, match=said) as caught:
        learned(*labels, **options)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (("a", "b"), {"loss": "l2"}, "l2 is no loss of labels that are classes"),
        (("1.5", "2"), {"loss": "focal"}, "focal is no loss of labels that are numbers"),
        (("1.5", "2"), {"loss": "cosine", "matching": "esim"}, "two vectors that do not see each other"),
        (("1.5", "2"), {"loss": "cosine", "overlap": True}, "knows of nothing beside them"),
        (("1.5", "2"), {"metric": "accuracy"}, "accuracy is not defined for numbers"),
        (("a", "b"), {"metric": "pearson"}, "pearson is not defined"),
    ],
)
def test_options_that_do_not_go_together(labels, options, said):
    with pytest.raises(Problem, match=said):
        Pair(Pair.Config(**options), 4, learned(*labels))


@pytest.mark.parametrize(
    ("loss", "formula"),
    [("l1", F.l1_loss), ("l2", F.mse_loss), ("auto", F.mse_loss), ("huber", F.huber_loss)],
)
def test_losses_of_numbers(loss, formula):
    found = examples("1.0", "2.5", "4.0")
    labels = Pair.learn(found, Pair.Config())
    task, encoder = Pair(Pair.Config(loss=loss), 16, labels).eval(), Mean()
    batch = batch_of(task, found)
    gold = (torch.tensor([1.0, 2.5, 4.0]) - labels["mean"]) / labels["deviation"]
    said = task.answer.head(task.vectors(encoder, batch))[:, 0]
    expected = formula(said, gold, reduction="sum")
    assert task.loss(encoder, batch).total.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_cosine_is_the_score():
    found = examples("1.0", "3.0", "5.0")
    labels = Pair.learn(found, Pair.Config(kind="score"))
    task, encoder = Pair(Pair.Config(loss="cosine"), 16, labels), Mean()
    batch = batch_of(task, found)
    vectors = encoder(batch.inputs[0]).pooled.detach()
    cosines = F.cosine_similarity(vectors[0::2], vectors[1::2])
    expected = ((cosines - torch.tensor([0.0, 0.5, 1.0])) ** 2).sum()
    assert task.loss(encoder, batch).total.item() == pytest.approx(expected.item(), rel=1e-5)
    assert task.predict(encoder, batch) == pytest.approx((1 + 4 * cosines).clamp(1, 5).numpy(), rel=1e-5)
    assert list(task.parameters()) == []


def test_the_encoder_is_asked_once_for_both_texts_of_all_pairs():
    sample = SAMPLES["pair towers"]
    task = sample.build()
    batch = batch_of(task, sample.examples)
    (tokens,) = batch.inputs
    rows = [tokens.flat[a:b].tolist() for a, b in zip(tokens.offsets[:-1], tokens.offsets[1:], strict=True)]
    each = [Words().encode(list(texts)) for texts in PAIRS]
    assert rows == [ids[side].tolist() for ids in each for side in (0, 1)]
    assert batch.count == len(PAIRS)


def test_each_text_is_shortened_by_itself():
    tokenizer = Tokenizer.of_vocabulary(["a", "b", "c"], TokenizerConfig(units="whitespace", max_length=2))
    task = SAMPLES["pair towers"].build()
    made = task.rows([("a b c", "c"), ("b", "c b a b")], tokenizer)
    text, lengths = made.columns["text"], made.columns["lengths"]
    ids = tokenizer.encode(["a b", "c", "b", "c b"])
    assert [text[n].tolist() for n in range(2)] == [
        [*ids[0].tolist(), *ids[1].tolist()],
        [*ids[2].tolist(), *ids[3].tolist()],
    ]
    assert lengths.flat.tolist() == [2, 1, 1, 2]
    assert (made.cut.texts_cut, made.cut.units_cut, made.cut.total) == (2, 3, 4)
    windows = TokenizerConfig(units="whitespace", max_length=2, overlong="window")
    with pytest.raises(Problem, match="pairs have no windows"):
        task.rows([("a b c", "c")], Tokenizer.of_vocabulary(["a", "b", "c"], windows))


def test_what_is_read_as_pairs():
    task = SAMPLES["pair towers"].build()
    given = Pairs(Ragged.of_strings(["a"]), Ragged.of_strings(["b"]))
    assert task.read(given) is given
    found = task.read([("a", "ü"), Example(("c", "d"))])
    assert [(found.first.string(i), found.second.string(i)) for i in range(2)] == [("a", "ü"), ("c", "d")]
    for wrong in ("ab", ("a", "b", "c"), ("a",)):
        with pytest.raises(Problem, match="not two texts"):
            task.read([("a", "b"), wrong])
