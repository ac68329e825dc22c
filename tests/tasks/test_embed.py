"""The task of sentence vectors: what labels mean, what is refused, batches, what is taken out."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from tests.contracts.samples import FOUND, SAMPLES, Mean, Words, batch_of
from textladder.batch import Example, Ragged
from textladder.errors import Problem
from textladder.ragged import Pairs
from textladder.tasks.embed import Embed, groups
from textladder.text.tokenizing import Tokenizer, TokenizerConfig


def examples(*labels):
    rows = enumerate(zip(FOUND, labels, strict=False), start=2)
    return [
        Example(texts, () if label is None else (label,), f"p.csv:{line}") for line, (texts, label) in rows
    ]


def learned(*labels, times=None, **options):
    return Embed.learn(examples(*labels), Embed.Config(**options), times)


def test_what_labels_mean():
    assert learned(None, None) == {"kind": "none", "labels": [], "texts": 2}
    found = learned("neutral", "Entailment", "neutral", times=[1, 2, 3])
    assert (found["kind"], found["close"], found["texts"]) == ("labels", "Entailment", 6)
    assert learned("0", "1")["close"] == "1"
    assert learned("near", "far", close="near")["close"] == "near"
    assert learned("near", "far", kind="none")["kind"] == "none"
    assert learned("1.5", "4")["kind"] == "score"


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        (("near", "far"), {}, "not plain which label says that two texts belong together"),
        (("1", "true"), {}, "not plain which label"),
        (("near", "far"), {"close": "nea"}, "no pair has the label 'nea'.*near"),
        ((None,), {}, "one pair only"),
        (("1.5", "high", "3"), {}, "the label 'high' is not a number.*1 of 3"),
        (("2.5", "2.50"), {}, "every score is the same"),
    ],
)
def test_labels_that_cannot_be_learned(labels, options, said):
    with pytest.raises(Problem) as caught:
        learned(*labels, **options)
    assert re.search(said, f"{caught.value.what} {caught.value.next_step}")


@pytest.mark.parametrize(
    ("labels", "options", "said"),
    [
        ((None, None), {"loss": "cosine"}, "all texts get one vector"),
        ((None, None), {"metric": "pearson"}, "pearson is of scores"),
        (("0", "1"), {"metric": "spearman"}, "spearman is of scores"),
        ((None, None), {"temperature": 0.0}, "out of its range"),
        ((None, None), {"margin": -1.0}, "out of its range"),
        ((None, None), {"remove_components": 16}, "leave nothing"),
    ],
)
def test_options_that_do_not_go_together(labels, options, said):
    with pytest.raises(Problem, match=said):
        Embed(Embed.Config(**options), 16, learned(*labels))


def test_targets():
    close = Embed(Embed.Config(), 4, learned("0", "1"))
    assert close.targets([("1",), ("0",)], ["", ""]).flat.tolist() == [1, 0]
    with pytest.raises(Problem, match="'2' was not in training"):
        close.targets([("1",), ("2",)], ["p:2", "p:3"])
    with pytest.raises(Problem, match="there is no label"):
        close.targets([("1",), ()], ["p:2", "p:3"])
    scored = Embed(Embed.Config(close_share=0.75), 4, learned("1", "5", kind="score"))
    assert scored.close_from == 4
    assert scored.targets([("4.5",)], [""]).flat.tolist() == [4.5]
    with pytest.raises(Problem, match="no pair has the label '1'"):
        close.check(examples("0", "0"), "dev")
    said = scored.check(examples("1.5", "2"), "dev")
    assert said == [
        "dev: no pair has a score of 4 or more, from which on texts belong together: nothing is searched for."
    ]


def test_equal_texts_have_equal_numbers():
    assert groups(Ragged.of([[1, 2], [3], [1, 2], [], [3], []])).tolist() == [0, 1, 0, 3, 1, 3]
    task = SAMPLES["embed, negatives"].build()
    batch = batch_of(task, SAMPLES["embed, negatives"].examples)
    assert (batch.count, len(batch.inputs[0]), len(batch.places)) == (6, 18, 18)
    assert batch.together
    assert not batch_of(SAMPLES["embed, scores"].build(), SAMPLES["embed, scores"].examples).together


def test_single_texts_and_pairs_have_the_same_vectors():
    task, encoder, tokenizer = SAMPLES["embed, projected, triplet"].build(), Mean(), Words()
    pairs = task.predict(encoder, batch_of(task, SAMPLES["embed, projected, triplet"].examples))
    assert pairs.shape == (6, 2, 8)
    for side in (0, 1):
        columns = {"text": tokenizer.encode([texts[side] for texts in FOUND])}
        singles = task.predict(encoder, task.collate(columns))
        assert singles == pytest.approx(pairs[:, side], abs=1e-6)
        assert np.linalg.norm(singles, axis=1) == pytest.approx(1, abs=1e-6)
        assert task.present(singles)[0]["vector"] == pytest.approx(singles[0].tolist(), abs=1e-6)
    said = task.present(pairs)[0]
    assert said["cosine"] == pytest.approx(float(pairs[0, 0] @ pairs[0, 1]), abs=1e-5)


def test_a_vector_of_zeros_stays_one_and_gives_no_gradient():
    task = SAMPLES["embed, projected, triplet"].build()
    pooled = torch.tensor([[0.0] * 16, [1.0] * 16], requires_grad=True)
    vectors = task._finished(pooled)
    vectors.sum().backward()
    assert vectors[0].tolist() == [0] * 8
    assert pooled.grad.isfinite().all()
    assert pooled.grad[0].tolist() == [0] * 16


def test_what_all_texts_share_is_taken_out():
    """The first principal component about zero, by numpy's singular value decomposition."""
    sample = SAMPLES["embed"]
    labels = Embed.learn(sample.examples, Embed.Config())
    task, encoder = Embed(Embed.Config(remove_components=1), 16, labels), Mean()
    columns = task.columns(sample.bare, Words())
    batches = [
        task.collate({name: column.slice(a, b) for name, column in columns.items()})
        for a, b in [(0, 2), (2, 6)]
    ]
    raw = encoder(task.collate(columns).inputs[0]).pooled.detach().double().numpy()
    plain = task.predict(encoder, task.collate(columns))  # nothing is taken out before
    assert plain.reshape(-1, 16) == pytest.approx(raw / np.linalg.norm(raw, axis=1, keepdims=True), abs=1e-6)
    with torch.inference_mode():
        task.settle(encoder, iter(batches))
    first = np.linalg.svd(raw)[2][0]
    left = raw - raw @ first[:, None] * first
    expected = left / np.linalg.norm(left, axis=1, keepdims=True)
    assert task.settles
    assert task.predict(encoder, task.collate(columns)).reshape(-1, 16) == pytest.approx(expected, abs=1e-5)
    assert not Embed(Embed.Config(), 16, labels).settles


def test_what_is_read():
    task = SAMPLES["embed"].build()
    assert task.read(["a", "b"]) == ["a", "b"]
    given = Ragged.of_strings(["a"])
    assert task.read(given) is given
    pairs = task.read([("a", "b", "c"), Example(("d", "e", "f"))])
    assert isinstance(pairs, Pairs)
    assert [pairs.negative.string(i) for i in range(2)] == ["c", "f"]
    with pytest.raises(Problem, match="not two texts"):
        task.read([("a", "b"), "c"])
    windows = TokenizerConfig(units="whitespace", max_length=2, overlong="window")
    with pytest.raises(Problem, match="no windows"):
        task.rows(["a b c"], Tokenizer.of_vocabulary(["a", "b", "c"], windows))


def test_only_texts_that_belong_together_are_pulled():
    """A pair that is not close adds no loss of its own, but its second text is a negative of the others."""
    found = examples("1", "0", "1")
    task, encoder = Embed(Embed.Config(symmetric=False, temperature=1.0), 16, learned("1", "0", "1")), Mean()
    batch = batch_of(task, found)
    vectors = nn.functional.normalize(encoder(batch.inputs[0]).pooled.double(), dim=1)
    scores = vectors[0::2] @ vectors[1::2].T / task.config.temperature
    expected = sum(scores[i].logsumexp(0) - scores[i, i] for i in (0, 2))
    loss = task.loss(encoder, batch)
    assert (loss.total.item(), loss.count) == (pytest.approx(expected.item(), rel=1e-4), 3)
