"""Counting, cutting down the vocabulary, encoding: against counted truth, for every kind of source."""

from __future__ import annotations

import errno
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from tests.real import real
from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.store import StoreWriter
from textladder.text.tokenizing import Tokenizer
from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus, build
from textladder.vectors.counting import count, tokenizing

CONFIG = VectorsConfig(min_count=2, threads=2)
TEXTS = [
    "The cat sat on the mat, the mat!",
    "",
    "A cat's mat: naïve CAFÉ, café.",
    "你好 你好 世界",
    "<s> the dog </s> <pad> <unk>",
    "e\u0301t\u00e9 été 🙂 🙂 &amp; the dog<br>sat",
]


def sentences(corpus: VectorCorpus) -> list[list[str]]:
    part = corpus.read(0, len(corpus.offsets) - 1)
    return [[corpus.words[i] for i in part[row]] for row in range(len(part))]


def expected(texts: list[str], config: VectorsConfig = CONFIG) -> tuple[list[list[str]], Counter[str]]:
    cutter = Tokenizer.of_vocabulary([], tokenizing(config))
    cut = [cutter.cut(text) for text in texts]
    counts = Counter(word for words in cut for word in words)
    kept = Counter({word: n for word, n in counts.items() if n >= config.min_count})
    return [[word for word in words if word in kept] for words in cut], kept


def check(corpus: VectorCorpus, texts: list[str] = TEXTS, config: VectorsConfig = CONFIG) -> None:
    found, counts = expected(texts, config)
    assert sentences(corpus) == found
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True)) == dict(counts)
    assert corpus.words == sorted(counts, key=lambda word: (-counts[word], word))
    np.testing.assert_array_equal(np.bincount(corpus.ids, minlength=len(corpus.words)), corpus.counts)


def written(folder: Path, kind: str) -> Path:
    path = folder / f"texts.{kind}"
    if kind == "txt":
        path.write_text("\n".join(TEXTS) + "\n")
    elif kind == "txt.gz":
        with gzip.open(path, "wt") as file:
            file.write("\r\n".join(TEXTS))
    elif kind == "txt.zst":
        with pyarrow.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write("\n".join(TEXTS).encode())
    elif kind == "csv":
        quoted = ['"' + text.replace('"', '""') + '"' for text in TEXTS]
        path.write_text("text,label\n" + "".join(f"{text},x\n" for text in quoted))
    elif kind == "jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    else:
        pyarrow.parquet.write_table(pyarrow.table({"text": TEXTS}), path)
    return path


@pytest.mark.parametrize("kind", ["txt", "txt.gz", "txt.zst", "csv", "jsonl", "parquet"])
def test_files_of_every_format(tmp_path: Path, kind: str) -> None:
    check(build(written(tmp_path, kind), CONFIG, tmp_path / "out"))


def test_many_files_are_one_corpus(tmp_path: Path) -> None:
    files = [written(tmp_path, kind) for kind in ("txt", "jsonl", "txt.gz")]
    corpus = build(files, CONFIG, tmp_path / "out")
    check(corpus, TEXTS * 3)
    assert sum("is read as" in note for note in corpus.notes) == 3
    check(build(str(files[0]), CONFIG, tmp_path / "one"))


@pytest.mark.parametrize("many", [1, 1000])
@pytest.mark.parametrize("once", [False, True])
def test_texts_in_memory(tmp_path: Path, once: bool, many: int) -> None:
    texts = TEXTS * many
    corpus = build(iter(texts) if once else texts, CONFIG, tmp_path / "out")
    check(corpus, texts)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ids"], "what was spooled is gone"


def test_real_text_in_parallel(tmp_path: Path) -> None:
    path = real("sst2/train.csv")
    seen: list[Any] = []
    config = VectorsConfig(min_count=5)
    corpus = build(path, config, tmp_path, seen.append)
    import csv

    with path.open(newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    check(corpus, texts, config)
    cutter = Tokenizer.of_vocabulary([], tokenizing(config))
    everything = sum(len(cutter.cut(text)) for text in texts)
    assert f"{everything:,} words" in " ".join(corpus.notes)
    assert f"{everything - len(corpus.ids):,} words of text" in " ".join(corpus.notes)


@pytest.mark.parametrize("settings", [{"lowercase": False}, {"units": "whitespace"}, {"units": "character"}])
def test_other_units(tmp_path: Path, settings: dict[str, Any]) -> None:
    config = VectorsConfig(min_count=2, **settings)
    corpus = build(TEXTS, config, tmp_path)
    cutter = Tokenizer.of_vocabulary([], tokenizing(config))
    counts = Counter(word for text in TEXTS for word in cutter.cut(text))
    for special in ("<pad>", "<unk>", "<s>", "</s>"):
        counts.pop(special, None)
    assert set(corpus.words) == {word for word, n in counts.items() if n >= 2}


def test_vocabulary_of_the_most_frequent(tmp_path: Path) -> None:
    corpus = build(TEXTS, VectorsConfig(min_count=1, max_vocabulary=3), tmp_path)
    _, counts = expected(TEXTS)
    assert corpus.counts.tolist() == sorted(counts.values(), reverse=True)[:3]
    assert "3 words are kept (the 3 most frequent)" in corpus.notes[-1]


def test_words_that_are_kept_however_rare(tmp_path: Path) -> None:
    corpus = build(TEXTS, CONFIG, tmp_path, keep=["world", "on", "the"])
    assert {"world", "on", "the"} <= set(corpus.words)
    assert dict(zip(corpus.words, corpus.counts.tolist(), strict=True))["on"] == 1
    assert corpus.words[-1] == "world"
    assert corpus.counts[-1] == 0
    assert corpus.words.count("the") == 1


def test_a_text_of_one_word(tmp_path: Path) -> None:
    corpus = build(["word"], VectorsConfig(min_count=1), tmp_path)
    assert sentences(corpus) == [["word"]]


def test_huge_vocabularies_are_pruned_and_it_is_said() -> None:
    texts = [f"often w{number} sometimes{number % 7}" for number in range(60_000)]
    chunks = (Ragged.of_strings(texts[at : at + 500]) for at in range(0, len(texts), 500))
    counted = count(chunks, CONFIG, None, most_words=4000)
    counts, notes = counted.counts, counted.notes
    assert counted.size == sum(map(len, texts))
    assert counts["often"] == 60_000
    assert sum(counts[f"sometimes{n}"] for n in range(7)) == 60_000
    assert len(counts) <= 4000 + 2 * 500
    assert "more than 4,000 different words" in notes[0]


@pytest.mark.parametrize("texts", [[], [""], ["  \n ", ""]])
def test_no_word_at_all(tmp_path: Path, texts: list[str]) -> None:
    with pytest.raises(Problem, match="no word in these texts"):
        build(texts, CONFIG, tmp_path / "out")
    assert not (tmp_path / "out" / "ids").exists()


def test_an_empty_file_and_none(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(Problem, match="empty"):
        build(tmp_path / "empty.txt", CONFIG, tmp_path / "out")
    with pytest.raises(Problem, match="no such file"):
        build(tmp_path / "nothing.txt", CONFIG, tmp_path / "out")


def test_every_word_is_too_rare(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="'a', 2 times") as raised:
        build(["a b c a"], VectorsConfig(), tmp_path / "out")
    assert "--min-count 2" in raised.value.next_step
    assert "5 times" in raised.value.what


def test_a_text_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="text 2: it is int"):
        build(["fine", 3], CONFIG, tmp_path)  # type: ignore[list-item]


@pytest.mark.parametrize("once", [False, True])
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, once: bool) -> None:
    calls = 0
    plain = StoreWriter.append

    def full(self: StoreWriter, columns: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(self, columns)

    monkeypatch.setattr(StoreWriter, "append", full)
    texts = TEXTS * 5000
    with pytest.raises(Problem, match="disk is full"):
        build(iter(texts) if once else texts, CONFIG, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_cuts_are_between_sentences(tmp_path: Path) -> None:
    corpus = build(TEXTS * 50, CONFIG, tmp_path)
    cuts = corpus.cuts(60)
    assert cuts[0] == 0
    assert cuts[-1] == len(TEXTS) * 50
    sizes = np.diff(corpus.offsets[cuts])
    assert sizes.sum() == len(corpus.ids)
    assert sizes.max() < 60 + 20
    assert corpus.cuts(10**9).tolist() == [0, len(TEXTS) * 50]
