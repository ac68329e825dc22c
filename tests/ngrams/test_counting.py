"""The tree of n-grams against counting with a dictionary."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.ngrams.helpers import chunks, drawn
from tests.ngrams.reference import count as count_slowly
from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.ngrams import trie as trees
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.counting import count
from textladder.ngrams.trie import Trie, link_all

SIZE = 30


def grams(trie: Trie) -> list[dict[tuple[int, ...], int]]:
    """Every level as a dictionary, in the order of the nodes."""
    names: list[tuple[int, ...]] = [(unit,) for unit in range(int(trie.starts[1]))]
    for node in range(int(trie.starts[-2])):
        for below in range(trie.first[node], trie.first[node + 1]):
            assert below == len(names)
            names.append((*names[node], int(trie.ids[below])))
    return [
        {names[node]: int(trie.counts[node]) for node in range(trie.starts[k], trie.starts[k + 1])}
        for k in range(trie.order)
    ]


@pytest.mark.parametrize("order", range(1, 8))
def test_counts_are_those_of_a_dictionary(order: int, tmp_path: Path) -> None:
    texts = drawn(200, SIZE)
    trie, corpus = count(chunks(texts), SIZE, NgramConfig(order=order), tmp_path)
    found, expected = grams(trie), count_slowly(texts, order)
    assert found[0] == {(unit,): expected[0][(unit,)] for unit in range(SIZE)}
    assert found[1:] == [dict(level) for level in expected[1:]]
    assert all(list(level) == sorted(level) for level in found)
    assert (corpus.texts, corpus.units) == (200, sum(map(len, texts)))


@pytest.mark.parametrize("order", [1, 2, 4, 7])
def test_runs_on_disk_give_the_same_tree_as_memory(order: int, tmp_path: Path) -> None:
    texts = drawn(1500, SIZE)  # 12,000 units: a dozen runs, cut anywhere in a text
    whole, _ = count(chunks(texts), SIZE, NgramConfig(order=order), tmp_path / "whole")
    parts, _ = count(chunks(texts, 400), SIZE, NgramConfig(order=order, run_units=1024), tmp_path / "parts")
    assert parts.folder.name != "run-1"
    for name in ("starts", "ids", "first", "counts"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [parts.folder.name]


def test_one_long_text_over_many_runs(tmp_path: Path) -> None:
    text = [unit for part in drawn(800, SIZE) for unit in part]
    trie, _ = count(chunks([text]), SIZE, NgramConfig(order=3, run_units=1024), tmp_path)
    assert grams(trie)[1:] == [dict(level) for level in count_slowly([text], 3)[1:]]


def test_suffix_is_the_n_gram_without_its_first_unit(tmp_path: Path) -> None:
    trie, _ = count(chunks(drawn(300, SIZE)), SIZE, NgramConfig(order=4), tmp_path)
    suffix = np.empty(len(trie.ids), np.int32)
    link_all(trie.starts, trie.ids, trie.first, suffix, 1)
    names = [name for level in grams(trie) for name in level]
    assert (suffix[:SIZE] == trees.ROOT).all()
    assert all(names[suffix[node]] == names[node][1:] for node in range(SIZE, len(names)))


def test_child_finds_every_child_among_many_and_no_other(tmp_path: Path) -> None:
    text = [unit for other in range(5, 200) for unit in (4, other) if other % 3]
    trie, _ = count(chunks([text]), 200, NgramConfig(order=2), tmp_path)
    followers = Counter(text[i + 1] for i in range(len(text) - 1) if text[i] == 4)
    for unit in range(200):
        below = trees.child(trie.ids, trie.first, 4, unit)
        assert (below >= 0) == (unit in followers)
        assert below < 0 or trie.ids[below] == unit


def test_wrong_corpora(tmp_path: Path) -> None:
    def counted(texts: list[list[int]], order: int = 3) -> None:
        count(chunks(texts), SIZE, NgramConfig(order=order), tmp_path)

    with pytest.raises(Problem, match="no text"):
        counted([])
    with pytest.raises(Problem, match=r"longest text has 2 units(.|\n)*Choose order 4 or lower"):
        counted([[4, 5], []], order=5)
    with pytest.raises(Problem, match="the id 30 is not one of"):
        counted([[4, 30]])
    with pytest.raises(Problem, match="the id -1 is not one of"):
        counted([[-1]])
    with pytest.raises(Problem, match=r"the id 2 is <s>(.|\n)*ends=False"):
        counted([[2, 4, 3]])


def test_views_of_larger_rows_are_counted_as_they_are(tmp_path: Path) -> None:
    texts = drawn(60, SIZE)
    view = Ragged.of(texts, np.int64).slice(20, 40)
    trie, _ = count([view], SIZE, NgramConfig(order=2), tmp_path)
    assert grams(trie)[1] == dict(count_slowly(texts[20:40], 2)[1])
