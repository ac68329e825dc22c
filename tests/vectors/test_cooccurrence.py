"""Counted neighbours against a brute-force count, in one run and merged from many."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textladder.errors import Problem
from textladder.vectors import cooccurrence
from textladder.vectors.cooccurrence import Cooccurrences, count


def zipf_corpus(seed: int, words: int, lengths: list[int]) -> tuple[Any, Any]:
    """Ids drawn as words are, most frequent first, and the offsets of sentences of these lengths."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, words + 1)
    ids = rng.choice(words, sum(lengths), p=shares / shares.sum()).astype(np.int32)
    return ids, np.cumsum([0, *lengths]).astype(np.int64)


def brute_force(ids: Any, offsets: Any, words: int, window: int) -> Any:
    """The whole symmetric matrix [V, V], a pair of tokens at a time."""
    matrix = np.zeros((words, words))
    for s in range(len(offsets) - 1):
        for i in range(offsets[s], offsets[s + 1]):
            for j in range(i + 1, min(i + window + 1, offsets[s + 1])):
                matrix[ids[i], ids[j]] += 1 / (j - i)
                matrix[ids[j], ids[i]] += 1 / (j - i)
    return matrix


def dense(counts: Cooccurrences, words: int) -> Any:
    matrix = np.zeros((words, words))
    for row in range(words):
        place = slice(counts.starts[row], counts.starts[row + 1])
        columns = counts.columns[place]
        assert (np.diff(columns) > 0).all()
        assert (columns <= row).all()
        matrix[row, columns] = matrix[columns, row] = counts.values[place]
    return matrix


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("memory", [1 << 20, 4000, 1])  # one run, some, one per few dozens of tokens
@pytest.mark.parametrize("window", [1, 4])
def test_counts_equal_a_brute_force_count(tmp_path: Path, window: int, memory: int, threads: int) -> None:
    lengths = [5, 0, 1, 700, 3, 0, 0, 90, 2, 400, 1, 0]  # long ones are cut between runs
    ids, offsets = zipf_corpus(1, 130, lengths)
    told: list[int] = []
    counts = count(
        ids, offsets, 130, window, tmp_path / "x", memory=memory, threads=threads, report=told.append
    )
    assert told == sorted(told)
    assert told[-1] == len(ids)
    assert (len(told) > 1) == (memory < 1 << 20)
    np.testing.assert_allclose(dense(counts, 130), brute_force(ids, offsets, 130, window), rtol=1e-6)


def test_threads_change_nothing(tmp_path: Path) -> None:
    ids, offsets = zipf_corpus(2, 5000, [40] * 200)
    one = count(ids, offsets, 5000, 5, tmp_path / "1", memory=30_000)
    two = count(ids, offsets, 5000, 5, tmp_path / "2", memory=30_000, threads=2)
    for name in ("starts", "columns", "values"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_words_without_neighbours(tmp_path: Path) -> None:
    counts = count(np.arange(3, dtype=np.int32), np.arange(4), 3, 5, tmp_path / "x")
    assert len(counts) == 0
    assert counts.starts.tolist() == [0, 0, 0, 0]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cooccurrence._Part, "write", refuse)
    ids, offsets = zipf_corpus(3, 50, [30] * 10)
    with pytest.raises(Problem, match="the disk is full"):
        count(ids, offsets, 50, 5, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
