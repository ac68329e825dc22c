"""Tags and spans: read by conlleval's rule, written in three schemes, recognised."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from textladder.metrics.chunks import chunks
from textladder.text.schemes import Recognised, TagSet, marks_spans, parted, spans_of


def conlleval(tags):
    """The chunks of one sentence by conlleval's two questions (does one end, does one begin), as seqeval asks
    them, which knows S and E too."""
    return [(first, last + 1, kind) for kind, first, last in get_entities(tags)]


ANY_TAG = st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in "XY")])


@given(st.lists(ANY_TAG, max_size=12))
def test_any_sequence_is_read_as_conlleval_reads_it(tags):
    assert spans_of(tags) == conlleval(tags)


@given(st.lists(st.lists(ANY_TAG, max_size=6), max_size=5))
def test_no_chunk_goes_on_over_the_end_of_a_sentence(sentences):
    flat = [parted(tag) for tag in itertools.chain.from_iterable(sentences)]
    firsts = np.zeros(len(flat), bool)
    starts = np.cumsum([0, *map(len, sentences)])[:-1]
    firsts[starts[starts < len(flat)]] = True
    prefixes = np.array([prefix for prefix, _ in flat], int)
    found = chunks(prefixes, np.array(["XY".find(kind) for _, kind in flat], int), firsts)
    wanted = [
        (start + first, end + first, "XY".index(kind))
        for first, tags in zip(starts.tolist(), sentences, strict=True)
        for start, end, kind in conlleval(tags)
    ]
    assert [tuple(row) for row in found.tolist()] == wanted


@st.composite
def some_spans(draw):
    """(tokens, spans that do not overlap)."""
    lengths = draw(st.lists(st.tuples(st.integers(1, 4), st.sampled_from([None, 0, 1])), max_size=6))
    spans, at = [], 0
    for length, kind in lengths:
        if kind is not None:
            spans.append((at, at + length, kind))
        at += length
    return at, spans


@pytest.mark.parametrize("scheme", ["BIO", "IOB1", "BIOES"])
@given(some_spans())
def test_what_a_scheme_writes_is_read_again_and_is_legal(scheme, given_spans):
    tokens, spans = given_spans
    tag_set = TagSet(["X", "Y"], scheme)
    tags = tag_set.of_spans(spans, tokens)
    assert spans_of([tag_set.names[tag] for tag in tags]) == [(a, b, "XY"[kind]) for a, b, kind in spans]
    follows, starts, ends = tag_set.legal()
    if tokens:
        assert starts[tags[0]]
        assert ends[tags[-1]]
        assert all(follows[a, b] for a, b in itertools.pairwise(tags))


@pytest.mark.parametrize("scheme", ["BIO", "IOB1", "BIOES"])
def test_a_legal_sequence_is_the_only_one_that_writes_its_spans(scheme):
    """Of all sequences that mean the same, the constraints allow one: nothing is lost to ambiguity."""
    tag_set = TagSet(["X", "Y"], scheme)
    follows, starts, ends = tag_set.legal()
    meanings = []
    for path in itertools.product(range(len(tag_set)), repeat=3):
        if starts[path[0]] and ends[path[-1]] and all(follows[a, b] for a, b in itertools.pairwise(path)):
            meanings.append(tuple(spans_of([tag_set.names[tag] for tag in path])))
    assert len(meanings) == len(set(meanings))
    all_of_them = {
        tuple(conlleval([tag_set.names[tag] for tag in path]))
        for path in itertools.product(range(len(tag_set)), repeat=3)
    }
    assert set(meanings) == all_of_them


@pytest.mark.parametrize(
    ("sentences", "scheme", "illegal"),
    [
        ([["B-X", "I-X", "O", "B-X"]], "BIO", 0),
        ([["I-X", "I-X", "B-X", "O"]], "IOB1", 0),
        ([["I-X", "O"], ["I-Y"]], "IOB1", 0),
        ([["B-X", "O", "I-X", "O", "I-Y"]], "BIO", 2),
        ([["S-X", "B-X", "I-X", "E-X", "O"]], "BIOES", 0),
        ([["S-X", "B-X", "O", "E-X"]], "BIOES", 2),
        ([["U-X", "B-X", "L-X"]], "BIOES", 0),
    ],
)
def test_schemes_are_recognised_and_what_they_forbid_is_counted(sentences, scheme, illegal):
    seen = Recognised()
    for tags in sentences:
        seen.see(tags)
    assert (seen.scheme, seen.illegal) == (scheme, illegal)
    assert ("repaired" in seen.note("f.conll")) == bool(illegal)


def test_tags_that_are_no_scheme():
    assert marks_spans(["O", "B-X"])
    assert not marks_spans(["O", "NOUN", "B-X"])
    assert not marks_spans(["O"])
    assert not marks_spans(["-LRB-", "NN"])
    assert parted("B-") is None
    assert parted("B-a-b") == (1, "a-b")


def test_without_a_scheme_the_labels_are_the_tags():
    tag_set = TagSet(["ADJ", "NOUN"], None)
    assert tag_set.names == ["ADJ", "NOUN"]
    assert tag_set.of_spans([(0, 1, 1), (1, 2, 0)], 3).tolist() == [1, 0, -1]
    assert all(part.all() for part in tag_set.legal())
