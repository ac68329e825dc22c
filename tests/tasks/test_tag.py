"""What a tagger makes of rows and outcomes, beside what the contract suite asks of every task."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from tests.contracts.samples import SAMPLES, Mean, batch_of, perfect
from tests.tasks.test_span import DIM, MODELS, TOKENIZERS, UNITS, tokenizer_of
from tests.text.test_alignment import alone
from textladder.batch import Example
from textladder.tasks.tag import Said, Tag
from textladder.text.schemes import spans_of
from textladder.text.tokenizing import UNKNOWN
from textladder.text.tokens import cut

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


IN_WINDOWS = {units: tokenizer_of(units, max_length=8) for units in UNITS}


def task_of(scheme="BIO", **options):
    """Two labels of spans; the head as it is drawn."""
    torch.manual_seed(1)
    labels = {"kind": "spans", "labels": ["X", "Y"], "scheme": scheme, "cut": "word"}
    return Tag(Tag.Config(scheme=scheme, **options), DIM, labels).eval()


def first_unit(tokenizer, text, tokens, number):
    """That of a token which is read by itself (bpe: with the space before it)."""
    begin, end = tokens[number]
    spaced = tokenizer.config.units == "bpe" and number and text[tokens[number - 1][1] : begin]
    return (alone(tokenizer, (" " if spaced else "") + text[begin:end]) or [UNKNOWN])[0]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(UNITS), st.text(max_size=40), st.booleans())
def test_spans_are_places_of_the_user_s_text(units, text, long):
    """Of random Unicode, in windows or not: a model that looks at one unit alone tags each token by its own
    first unit, and the spans of these tags are where the tokens stand in the text as it was given."""
    text = text.encode("utf-8", "replace").decode()
    tokenizer, model, task = (IN_WINDOWS if long else TOKENIZERS)[units], MODELS[units], task_of()
    rows = task.rows([text], tokenizer)
    assert long or len(rows.owner) == 1
    (said,) = task.merged(task.predict(model, task.collate(rows.columns)), rows.owner, 1)
    tokens = cut(text, "word")
    firsts = [first_unit(tokenizer, text, tokens, number) for number in range(len(tokens))]
    with torch.no_grad():
        best = task.head(model.table(torch.tensor(firsts, dtype=torch.int64))).argmax(-1).tolist()
    tags = [task.tags.names[tag] for tag in best]
    wanted = [(tokens[a][0], tokens[b - 1][1], label) for a, b, label in spans_of(tags)]
    assert [span[:3] for span in task.spans_of(said, tokens)] == wanted
    (record,) = task.present([said], [text])
    assert record["tags"] == tags
    assert [span["text"] for span in record["spans"]] == [text[a:b] for a, b, _ in wanted]


@pytest.mark.parametrize("output", ["softmax", "crf"])
@pytest.mark.parametrize("scheme", ["BIO", "IOB1", "BIOES"])
def test_a_long_sentence_is_trained_on_in_legal_parts(scheme, output):
    """A span that crosses from one window to the next is written in both as a span of its own; what is
    illegal would cost a CRF an infinite loss."""
    bounds, count = [(0, 1), (1, 4), (4, 6), (6, 7), (7, 18), (19, 21), (21, 30)], 33
    spans = [(a, b, kind) for (a, b), kind in zip(bounds, "XXXYYXX", strict=True)]
    text, tokens = "a " * count, tuple((2 * n, 2 * n + 1) for n in range(count))
    target = tuple((tokens[a][0], tokens[b - 1][1], label) for a, b, label in spans)
    task, tokenizer = task_of(scheme, output=output), IN_WINDOWS["whitespace"]
    rows = task.rows([Example((text,), target, "a.conll:1", tokens=tokens)], tokenizer)
    tags = rows.columns["label"]
    borders = np.cumsum(tags.lengths).tolist()
    assert borders[-1] == count
    assert any(a < border < b for border in borders for a, b, _ in spans)
    follows, starts, ends = task.tags.legal()
    for row, (begin, end) in enumerate(pairwise([0, *borders])):
        path = tags[row].tolist()
        inside = [(max(a, begin) - begin, min(b, end) - begin, kind) for a, b, kind in spans]
        assert spans_of([task.tags.names[tag] for tag in path]) == [s for s in inside if s[0] < s[1]]
        assert starts[path[0]]
        assert ends[path[-1]]
        assert all(follows[a, b] for a, b in pairwise(path))
    loss = task.loss(MODELS["whitespace"], task.collate(rows.columns))
    assert loss.count == count
    assert torch.isfinite(loss.total)
