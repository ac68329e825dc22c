"""The corpus: what is read comes back by row; spooled once; nothing half-written is left."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from textladder.batch import Example
from textladder.errors import Problem
from textladder.text.corpus import Corpus
from textladder.text.reading import DataConfig, open_source
from textladder.text.store import StoreWriter

TEXTS = ["one", "", "zwei äöü", "three\nlines"]
TARGETS = [("a",), ("b",), ("a", "b"), ("a",)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text('text,labels\none,a\n"",b\nzwei äöü,a|b\n"three\nlines",a\n', encoding="utf-8")
    return path


def test_rows_come_back_as_they_were(file: Path, tmp_path: Path) -> None:
    corpus = Corpus.read(open_source(file), tmp_path / "store")
    expected = [
        Example((text,), target, f"rows.csv:{line}")
        for text, target, line in zip(TEXTS, TARGETS, [2, 3, 4, 5], strict=True)
    ]
    assert list(corpus.examples()) == expected == [corpus[i] for i in range(len(corpus))]
    assert corpus[-1] == expected[-1]
    assert list(corpus.examples(np.array([2, 0]))) == [expected[2], expected[0]]
    assert corpus.label_counts() == {"a": 3, "b": 2}
    assert corpus.label_counts(np.array([1])) == {"b": 1}
    assert corpus.multilabel
    assert [corpus.target(i) for i in range(4)] == TARGETS
    assert corpus.texts(2, 9).string(0) == TEXTS[2]
    with pytest.raises(IndexError):
        corpus[4]


@pytest.mark.parametrize("rows", [None, np.array([3, 1, 0])])
def test_chunks_are_the_rows_in_order(rows: np.ndarray | None) -> None:
    corpus = Corpus.of(TEXTS, TARGETS)
    numbers, texts, targets = [], [], []
    for number, ragged, some in corpus.chunks(rows, size=2):
        numbers += number.tolist()
        texts += [ragged.string(i) for i in range(len(ragged))]
        targets += some
    assert numbers == (list(range(4)) if rows is None else rows.tolist())
    assert texts == [TEXTS[i] for i in numbers]
    assert targets == [TARGETS[i] for i in numbers]


def test_in_memory() -> None:
    corpus = Corpus.of(TEXTS, TARGETS, name="X")
    assert [e.where for e in corpus.examples()] == ["X:1", "X:2", "X:3", "X:4"]
    assert [e.target for e in Corpus.of(TEXTS).examples()] == [()] * 4
    assert len(Corpus.of([])) == 0
    assert list(Corpus.of([]).examples()) == []


@pytest.mark.parametrize(
    ("texts", "targets", "said"),
    [
        ([1], [("a",)], "int, not str"),
        (["a"], [], "1 texts, but 0 labels"),
        (["a", "b\ud800"], [("a",), ("b",)], r"text 2: .* U\+D800"),
        (["a", "b"], [("a",), ("\udc00",)], r"text 2: .* U\+DC00"),
    ],
)
def test_wrong_texts_in_memory(texts: list, targets: list, said: str) -> None:
    with pytest.raises(Problem, match=said):
        Corpus.of(texts, targets)


def test_the_same_file_is_spooled_once(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Corpus.read(open_source(file), tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr(StoreWriter, "append", lambda *_: pytest.fail("written again"))
        again = Corpus.read(open_source(file), tmp_path / "store")
        assert list(again.examples()) == list(first.examples())
        assert (again.notes, again.multilabel) == (first.notes, first.multilabel)
    other = Corpus.read(open_source(file, DataConfig(label_separator="")), tmp_path / "store")
    assert other.label_counts() == {"a": 2, "a|b": 1, "b": 1}
    with file.open("a", encoding="utf-8") as out:
        out.write("more,b\n")
    assert len(Corpus.read(open_source(file), tmp_path / "store")) == 5


def test_a_damaged_spool_is_made_again(file: Path, tmp_path: Path) -> None:
    Corpus.read(open_source(file), tmp_path / "store")
    (tmp_path / "store" / "corpus.json").write_text("{", encoding="utf-8")
    assert len(Corpus.read(open_source(file), tmp_path / "store")) == 4


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk(
    number: int, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(StoreWriter, "append", fails)
    with pytest.raises(Problem, match="disk is full" if number == errno.ENOSPC else "cannot be written"):
        Corpus.read(open_source(file), tmp_path / "store")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.csv"]


def test_a_wrong_row_leaves_nothing_behind(file: Path, tmp_path: Path) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write("more,a,b\n")
    with pytest.raises(Problem, match="line 7"):
        list(open_source(file, DataConfig(label_separator="")))
    source_rows = tmp_path / "good.csv"
    source_rows.write_text("text,label\n" + "a,1\n" * 1500 + "b\n", encoding="utf-8")
    with pytest.raises(Problem, match="line 1,502"):
        Corpus.read(open_source(source_rows), tmp_path / "store")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["good.csv", "rows.csv"]


def test_a_spool_that_is_cut_off_while_it_is_open(file: Path, tmp_path: Path) -> None:
    corpus = Corpus.read(open_source(file), tmp_path / "store")
    os.truncate(tmp_path / "store" / "text.flat", 5)
    assert [e.texts[0] for e in corpus.examples(np.array([0]))] == ["one"]
    with pytest.raises(Problem, match="cut off"):
        list(corpus.examples(np.array([0, 3])))
