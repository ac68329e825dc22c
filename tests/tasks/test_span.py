"""Answer spans: places exact under every tokenizer, windows merged exactly, the threshold of no answer."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from textladder.batch import Encoded, Example
from textladder.errors import Problem
from textladder.metrics import squad
from textladder.tasks.answering import Found, merge
from textladder.tasks.span import Span
from textladder.text.answers import BITS, STEM, matches, tokens_of
from textladder.text.tokenizing import Tokenizer, TokenizerConfig
from textladder.text.tokens import cut

UNITS = ["whitespace", "word", "character", "byte", "bpe", "wordpiece", "unigram"]
TEXTS = [
    "Ada Lovelace lived in London, in 1843.",
    "naïve Straße ﬁn 漢字 👩🏽‍🚀 – 2 µg",
    "a b c d e f g h i j k l m",
]
DIM = 8


class Random(nn.Module):
    """A fixed random vector for each unit."""

    def __init__(self, units):
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(units, DIM)

    def forward(self, tokens):
        states = self.table(tokens.ids) * tokens.mask[..., None]
        return Encoded(states.sum(1), tokens.mask, states)


def tokenizer_of(units, **values):
    config = TokenizerConfig(units=units, vocabulary_size=300, min_count=1, overlong="window", **values)
    return Tokenizer.fit([TEXTS], config)


def task_of(answerable=True, modelling="none", **options):
    torch.manual_seed(1)
    labels = {"labels": [], "answerable": answerable, "texts": 1}
    return Span(Span.Config(modelling=modelling, modelling_dim=4, **options), DIM, labels).eval()


TOKENIZERS = {units: tokenizer_of(units) for units in UNITS}
MODELS = {units: Random(len(tokenizer)) for units, tokenizer in TOKENIZERS.items()}


def spans_of_tokens(tokens, longest):
    return [
        (tokens[i][0], tokens[j][1])
        for i in range(len(tokens))
        for j in range(i, min(i + longest, len(tokens)))
    ]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(UNITS), st.text(max_size=40), st.text(max_size=12), st.randoms(use_true_random=False))
def test_answers_are_whole_tokens_of_the_user_s_text(units, passage, question, draw):
    """Of random Unicode: all spans of tokens are found, and they are places in the text as it was given."""
    passage = passage.encode("utf-8", "replace").decode()
    question = question.encode("utf-8", "replace").decode()
    task, tokens = task_of(n_best=1000), cut(passage, "word")
    places = sorted(draw.sample(range(len(passage) + 1), 2)) if len(passage) > 1 else [0, len(passage)]
    example = Example((passage, question), (tuple(places),) if places[0] < places[1] else ())
    rows = task.rows([example], TOKENIZERS[units])
    batch = task.collate(rows.columns)
    (found,) = task.merged(task.predict(MODELS[units], batch), rows.owner, 1)
    assert sorted(map(tuple, found.spans.tolist())) == sorted(spans_of_tokens(tokens, task.config.longest))
    touched = [n for n, (a, b) in enumerate(tokens) if a < places[1] and b > places[0]]
    label = rows.columns["label"].flat.tolist()
    assert label == ([touched[0], touched[-1]] if touched and example.target else [])
    for said in task.present([found], [example])[0]["n_best"]:
        assert said["answer"] == passage[said["start"] : said["end"]]


def test_tokens_of_a_span():
    tokens = [(0, 3), (4, 7), (7, 8), (10, 12)]
    assert tokens_of((4, 7), tokens) == (1, 1)
    assert tokens_of((5, 11), tokens) == (1, 3)
    assert tokens_of((3, 4), tokens) is None
    assert tokens_of((8, 10), tokens) is None
    assert tokens_of((2, 4), tokens) == (0, 0)


def test_matches_are_those_found_word_by_word():
    draw = random.Random(0)
    words = ["the", "The", "works", "working", "worked", "x", "London", "london", "1843"]
    passages = [draw.choices(words, k=n) for n in (7, 0, 4)]
    of = np.array([0, 2, 0, 1, 2])
    questions = [draw.choices(words, k=n) for n in (3, 2, 0, 1, 5)]
    found = matches(passages, of, questions)
    assert len(found) == len(of)
    for row, (passage, question) in enumerate(zip(of, questions, strict=True)):
        mine = passages[passage]
        lower, asked = [w.lower() for w in mine], [w.lower() for w in question]
        stems = [w[:STEM] for w in asked]
        for word, small, bits in zip(mine, lower, found[row], strict=True):
            said = [word in question, small in asked, small[:STEM] in stems, lower.count(small) == 1]
            assert [bool(bits >> n & 1) for n in range(BITS)] == said


def long_example():
    draw = random.Random(3)
    words = [draw.choice(["Ada", "London", "in", "lived", "1843", "e", "f"]) for _ in range(53)]
    passage = " ".join(words)
    return Example((passage, "in London e"), ((passage.index("1843"), passage.index("1843") + 4),))


@pytest.mark.parametrize("units", ["whitespace", "bpe"])
def test_windows_are_merged_exactly(units):
    """Every span of the passage stands in one window, and the best of all are found."""
    tokenizer = tokenizer_of(units, max_length=16)
    # An LSTM tells equal words apart, so that no two spans have the same score.
    task = task_of(modelling="lstm", longest=4, n_best=10)
    model, example = Random(len(tokenizer)), long_example()
    rows = task.rows([example], tokenizer)
    assert len(rows.owner) > 3
    assert rows.cut.texts_cut == 1
    batch = task.collate(rows.columns)
    (found,) = task.merged(task.predict(model, batch), rows.owner, 1)
    pointed = task.pointed(model, batch)
    every = []
    for row in range(len(rows.owner)):
        bounds = rows.columns["token"][row].reshape(-1, 2).tolist()
        low, high = rows.columns["counted"][row]
        start, end = pointed.start[row].tolist(), pointed.end[row].tolist()
        every += [
            (start[i] + end[j], (bounds[i][0], bounds[j][1]))
            for i in range(low, high)
            for j in range(i, min(i + 4, len(bounds)))
        ]
    if units == "whitespace":  # of several units to a token, windows may end before the longest answers
        assert sorted(span for _, span in every) == sorted(spans_of_tokens(cut(example.texts[0], "word"), 4))
    assert len({span for _, span in every}) == len(every)
    every.sort(reverse=True)
    assert list(map(tuple, found.spans.tolist())) == [span for _, span in every[:10]]
    np.testing.assert_allclose(found.scores, [score for score, _ in every[:10]], rtol=1e-5)
    total = np.logaddexp.reduce([score for score, _ in every])
    assert found.log_sum[0] == pytest.approx(total, rel=1e-5)
    labels = rows.columns["label"]
    assert labels.lengths.sum() == 2  # the answer is in one of the windows
    row = int(np.argmax(labels.lengths))
    first, last = labels[row]
    tokens = rows.columns["token"][row].reshape(-1, 2)
    assert (tokens[first][0], tokens[last][1]) == example.target[0]


def test_of_windows_the_least_sure_of_no_answer_counts():
    rows = [
        Found(
            np.array([[0, 1]]),
            np.array([s], np.float32),
            np.array([s], np.float32),
            np.array([n], np.float32),
        )
        for s, n in ((1.0, 5.0), (3.0, -2.0), (2.0, 4.0))
    ]
    merged = merge(rows, 2)
    assert merged.scores.tolist() == [3.0, 2.0]
    assert merged.none.tolist() == [-2.0]
    assert merged.log_sum[0] == pytest.approx(np.log(np.exp([1, 3, 2]).sum()))


@pytest.mark.parametrize("answerable", [True, False])
def test_confidences_are_probabilities(answerable):
    task, example = task_of(answerable, n_best=1000), Example((TEXTS[0], "in London"), ())
    batch = task.collate(task.rows([example], TOKENIZERS["word"]).columns)
    (found,) = task.predict(MODELS["word"], batch)
    shares = [said.confidence for said in task.answers(found)]
    assert len(shares) == len(spans_of_tokens(cut(TEXTS[0], "word"), 20)) + (not answerable)
    assert sum(shares) == pytest.approx(1)
    assert all(a >= b for a, b in pairwise(shares))


def test_the_loss_is_the_mean_over_the_answers_of_a_question():
    task = task_of()
    text, question = TEXTS[2], "b c"
    spans = [((0, 3),), ((4, 5),), ((0, 3), (0, 3), (4, 5))]
    examples = [Example((text, question), target) for target in spans]
    first, second, both = (
        task.loss(MODELS["word"], task.collate(task.rows([e], TOKENIZERS["word"]).columns)).total.item()
        for e in examples
    )
    assert both == pytest.approx((2 * first + second) / 3, rel=1e-5)


def test_the_threshold_of_no_answer_is_the_best_of_all():
    draw = np.random.default_rng(0)
    task = task_of(answerable=False)
    passage = "one two three"
    examples, outcomes = [], []
    for _ in range(60):
        target = () if draw.random() < 0.4 else (((0, 3),) if draw.random() < 0.5 else ((0, 7),))
        spans = np.array([[0, 3], [4, 7]])[draw.permutation(2)]
        scores = -np.sort(-draw.normal(size=2)).astype(np.float32)
        none = np.array([draw.normal() + (not target)], np.float32)
        examples.append(Example((passage, "?"), target))
        outcomes.append(Found(spans, scores, scores[:1], none))

    def score(threshold):
        task.threshold.fill_(threshold)
        return task.score(outcomes, examples).headline

    margins = sorted(float(found.none[0] - found.scores[0]) for found in outcomes)
    tried = [margins[0] - 1, *(np.mean(pair) for pair in pairwise(margins)), margins[-1] + 1]
    best = max(map(score, tried))
    task.finish(outcomes, examples)
    chosen = float(task.threshold)
    assert score(chosen) == pytest.approx(best)
    assert abs(chosen) == pytest.approx(min(abs(t) for t in tried if score(t) >= best - 1e-9))


def test_what_the_options_leave_no_way_to_say_is_told():
    task = task_of(longest=2)
    golds = [Example((TEXTS[2], "?"), ((0, 9), (0, 3))), Example((TEXTS[2], "?"), ())]
    notes = task.check(golds, "dev")
    assert notes[0] == (
        "dev: 1 of 2 answers have more than 2 tokens (task.longest); so long an answer is never given."
    )
    assert notes[1].startswith("dev: 1 questions have no answer; every training question has one")
    assert task._rules(golds) == "2.0"
    with pytest.raises(Problem, match="none of 1 training questions has an answer"):
        Span.learn([Example((TEXTS[0], "?"), (), "a.json:question 1")], Span.Config())


def test_lengths_that_cannot_be_are_refused():
    example = long_example()
    with pytest.raises(Problem, match="overlap by a quarter"):
        task_of(longest=20).rows([example], tokenizer_of("whitespace", max_length=16))
    swapped = Example((example.texts[1], example.texts[0]), ())
    with pytest.raises(Problem, match="the question has 53 units"):
        task_of(longest=4).rows([swapped], tokenizer_of("whitespace", max_length=16))
    config = TokenizerConfig(units="whitespace", max_length=16, min_count=1, overlong="head")
    with pytest.raises(Problem, match="an answer may stand anywhere"):
        task_of(longest=4).rows([example], Tokenizer.fit([TEXTS], config))


def test_scores_by_either_rules():
    task = task_of()
    found = Found(
        np.array([[0, 12]]), np.zeros(1, np.float32), np.zeros(1, np.float32), np.zeros(0, np.float32)
    )
    gold = Example((TEXTS[0], "Who?"), ((0, 3),))
    assert task.score([found], [gold]).headline == pytest.approx(2 / 3)
    assert "rules=squad-1.1" in task.score([found], [gold]).signature
    none = Example((TEXTS[0], "Why?"), ())
    assert "rules=squad-2.0" in task.score([found, found], [gold, none]).signature
    assert task.statistic([found, found], [gold, none]).value == pytest.approx(1 / 3)
    assert squad.HEADLINES[0] == task.headline
