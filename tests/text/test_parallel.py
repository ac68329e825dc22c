"""Two files line by line: matched, counted, and refused where they cannot match."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from textladder.errors import Problem
from textladder.preparing import read_data
from textladder.text.corpus import Corpus
from textladder.text.parallel import open_translations
from textladder.text.reading import DataConfig
from textladder.text.two_files import files_of, joined


def write(folder: Path, english: str, german: str) -> str:
    (folder / "a.en").write_text(english, encoding="utf-8")
    (folder / "a.de").write_text(german, encoding="utf-8")
    return joined(str(folder / "a.en"), str(folder / "a.de"))


def test_lines_are_pairs_whatever_is_in_them(tmp_path: Path) -> None:
    # A comma, a tab or a quote would make another format of one file.
    name = write(tmp_path, 'a dog, running\n"one\ttwo\nlast', "ein Hund, rennend\n'eins\tzwei\nletzter\n")
    corpus = Corpus.read(open_translations(name), tmp_path / "corpus")
    assert [example.texts for example in corpus.examples()] == [
        ("a dog, running", "ein Hund, rennend"),
        ('"one\ttwo', "'eins\tzwei"),
        ("last", "letzter"),
    ]
    assert corpus[1].where == "a.en:2"
    assert corpus.rows_are == "pairs"
    assert any("a.en and a.de are read line by line" in note for note in corpus.notes)


def test_a_file_that_is_called_like_two_is_one(tmp_path: Path) -> None:
    (tmp_path / "a + b.tsv").write_text("source\ttarget\nx y\tz\nv\tw u\n", encoding="utf-8")
    assert files_of(tmp_path / "a + b.tsv") is None
    corpus = Corpus.read(open_translations(tmp_path / "a + b.tsv"), tmp_path / "corpus")
    assert corpus[0].texts == ("x y", "z")


def test_packed_files(tmp_path: Path) -> None:
    for name, text in (("t.en.gz", "one\ntwo\n"), ("t.de.gz", "eins\nzwei\n")):
        (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    corpus = Corpus.read(
        open_translations(joined(str(tmp_path / "t.en.gz"), str(tmp_path / "t.de.gz"))), tmp_path / "corpus"
    )
    assert [example.texts[1] for example in corpus.examples()] == ["eins", "zwei"]


@pytest.mark.parametrize("longer", ["a.en", "a.de"])
def test_unequal_lengths_show_the_first_line_without_a_match(tmp_path: Path, longer: str) -> None:
    long, short = "one\ntwo\nthree\nfour\n", "eins\nzwei\n"
    name = write(tmp_path, *((long, short) if longer == "a.en" else (short, long)))
    with pytest.raises(Problem) as caught:
        list(open_translations(name).batches())
    assert longer in caught.value.where
    assert caught.value.where.endswith("line 3")
    assert "ends after 2" in caught.value.what
    assert "'three'" in caught.value.what


@pytest.mark.parametrize(
    ("english", "german", "what"),
    [("one\n\nthree\n", "eins\nzwei\ndrei\n", "the source"), ("a\nb\nc\n", "x\n  \nz\n", "the target")],
)
def test_empty_lines_by_policy(tmp_path: Path, english: str, german: str, what: str) -> None:
    name = write(tmp_path, english, german)
    with pytest.raises(Problem, match=f"{what} is empty. 1 of 3 rows") as caught:
        list(open_translations(name).batches())
    assert "data.empty=drop" in caught.value.next_step
    source = open_translations(name, DataConfig(empty="drop"))
    (rows,) = source.batches()
    assert rows.lines == [1, 3]
    assert source.report() == ["1 rows with an empty text were left out (line 2)."]
    (rows,) = open_translations(name, DataConfig(empty="keep")).batches()
    assert rows.lines == [1, 2, 3]


def test_pairs_of_very_unequal_length_are_left_out_where_that_is_asked(tmp_path: Path) -> None:
    name = write(tmp_path, "ab\n  abc\nabcdef\na\n\n", "ab\nabcdefghi  \nab\nabcd\nabc\n")
    source = open_translations(name, DataConfig(max_ratio=3.0, empty="keep"))
    (rows,) = source.batches()
    assert rows.lines == [1, 2, 3, 5], "3 is not above 3; of an empty side there is no ratio"
    longer = (
        "1 rows whose longer text has more than 3 times the characters of the other were left out (line 4)."
    )
    assert source.report() == [longer]
    (rows,) = open_translations(name, DataConfig(empty="keep")).batches()
    assert len(rows.lines) == 5, "nothing is left out unasked"
    table = tmp_path / "p.tsv"
    table.write_text("source\ttarget\nx y\tz\nv\tw u\n", encoding="utf-8")
    of_table = open_translations(table, DataConfig(max_ratio=2.5))
    assert list(of_table.batches()) == []
    assert of_table.report()[0].startswith("2 rows whose longer text has more than 2.5 times")
    for wrong in (0.5, -1.0, float("nan")):
        with pytest.raises(Problem, match="no ratio of the longer text"):
            DataConfig(max_ratio=wrong)


def test_cleaning_is_of_the_training_file_alone(tmp_path: Path) -> None:
    train = write(tmp_path, "ab\nabcdef\nab\nAB\ncd\n", "xy\nx\nxy\nxy\nzz\n")
    (tmp_path / "dev.tsv").write_text("source\ttarget\nx y\tz\nx y\tz\nv\tw u\n", encoding="utf-8")
    config = DataConfig(max_ratio=2.0, duplicates="drop", dev_share=0.0, test_share=0.0)
    dev = tmp_path / "dev.tsv"
    data = read_data(config, tmp_path / "work", train, dev, dev, reads="translations")
    assert [len(part) for part in data.parts().values()] == [2, 3, 3]
    assert "2 repeated pairs were left out (a.en:3, a.en:4)." in data.notes
    assert any("were left out (line 2)" in note for note in data.notes)


def test_a_table_of_pairs_needs_no_label(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("source\tlabel\ttarget\nx y\tA\tz\nv\tB\tw u\n", encoding="utf-8")
    source = open_translations(tmp_path / "p.tsv")
    assert (source.text_column, source.second_column, source.label_column) == ("source", "target", None)
    assert "Not used: label." in source.notes


def test_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\n", encoding="utf-8")
    with pytest.raises(Problem, match="no such file"):
        open_translations(joined(str(tmp_path / "a.en"), str(tmp_path / "b.de")))
