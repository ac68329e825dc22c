"""Joining pairs of words: against counting and joining in plain Python."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from textladder.errors import Problem
from textladder.vectors import phrases
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus, build

CONFIG = VectorsConfig(min_count=3, phrases=1, phrase_threshold=4.0)


def some_texts(number: int = 400) -> list[str]:
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in range(30)]
    texts = []
    for _ in range(number):
        chosen = [words[n] for n in rng.integers(0, 30, 6)]
        chosen.insert(
            int(rng.integers(0, 6)), str(rng.choice(["new york", "new york city", "rare1x bird", ", ."]))
        )
        texts.append(" ".join(chosen))
    return texts


def sentences(corpus: VectorCorpus) -> list[list[str]]:
    part = corpus.read(0, len(corpus.offsets) - 1)
    return [[corpus.words[i] for i in part[row]] for row in range(len(part))]


def joined(texts: list[list[str | None]], config: VectorsConfig) -> list[list[str | None]]:
    """One pass in plain Python; None is a word that is not kept."""
    single = Counter(word for text in texts for word in text if word)
    pairs = Counter(
        (a, b) for text in texts for a, b in pairwise(text) if a and b and a[0].isalnum() and b[0].isalnum()
    )
    good = {
        pair
        for pair, n in pairs.items()
        if (n - config.min_count) * single.total() / (single[pair[0]] * single[pair[1]])
        > config.phrase_threshold
    }
    done = []
    for text in texts:
        out: list[str | None] = []
        i = 0
        while i < len(text):
            if i + 1 < len(text) and (text[i], text[i + 1]) in good:
                out.append(f"{text[i]}_{text[i + 1]}")
                i += 2
            else:
                out.append(text[i])
                i += 1
        done.append(out)
    return done


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("rows", [7, 1 << 16])
def test_phrases_equal_plain_python(
    tmp_path: Path, passes: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phrases, "ROWS_AT_ONCE", rows)
    texts = some_texts()
    config = VectorsConfig(min_count=3, phrases=passes, phrase_threshold=4.0, units="whitespace")
    counts = Counter(word for text in texts for word in text.split())
    expected: list[list[str | None]] = [
        [word if counts[word] >= 3 else None for word in text.split()] for text in texts
    ]
    for _ in range(passes):
        expected = joined(expected, config)
    final = Counter(word for text in expected for word in text if word)
    corpus = build(texts, config, tmp_path)
    assert sentences(corpus) == [[w for w in text if w and final[w] >= 3] for text in expected]
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True)) == {
        word: n for word, n in final.items() if n >= 3
    }
    assert "new_york" in corpus.words
    assert ("new_york_city" in corpus.words) == (passes == 2)
    assert ",_." not in corpus.words
    assert [path.name for path in tmp_path.iterdir()] == ["ids"]
    assert "new_york" in " ".join(corpus.notes)


def test_words_that_are_kept_and_the_largest_vocabulary(tmp_path: Path) -> None:
    texts = ["san jose lies there", "san jose", "san jose is far", "where is it", "it is there"] * 20
    config = VectorsConfig(min_count=3, phrases=1, phrase_threshold=3.0, max_vocabulary=4)
    corpus = build(texts, config, tmp_path, keep=["san", "unseen", "san_jose"])
    assert set(corpus.words) >= {"san", "unseen", "san_jose"}
    assert len(corpus.words) == 4
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True))["san_jose"] == 60


def test_no_pairs_at_all(tmp_path: Path) -> None:
    corpus = build(["a", "b", "a"], VectorsConfig(min_count=1, phrases=3), tmp_path)
    assert corpus.words == ["a", "b"]
    with pytest.raises(Problem):
        build([""], VectorsConfig(phrases=1), tmp_path / "none")


def test_too_many_pairs_are_forgotten_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phrases, "ROWS_AT_ONCE", 20)
    monkeypatch.setattr(phrases, "MOST_PAIRS", 50)
    corpus = build(some_texts(), CONFIG, tmp_path)
    assert "new_york" in corpus.words
    assert any("too many pairs" in note for note in corpus.notes)
