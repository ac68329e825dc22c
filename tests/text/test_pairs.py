"""Rows of two texts: read from every format, kept, split and compared as one thing."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.real import real
from textladder.errors import Problem
from textladder.parts import Part
from textladder.preparing import read_data
from textladder.ragged import Example, Pairs
from textladder.text.corpus import Corpus
from textladder.text.leakage import THRESHOLD, find_copies, find_leakage, text_keys
from textladder.text.reading import DataConfig, open_source
from textladder.text.scores import are_scores, number_of
from textladder.text.splitting import split

ROWS = [
    ("a man sleeps", "somebody rests", "entailment"),
    ("a dog runs äöü", "a cat\truns, slowly", "contradiction"),
    ('he said "no"', "he spoke", "neutral"),
    ("two women talk", "women are talking", "entailment"),
]


def write_csv(path: Path, head: str, rows: list[tuple[str, ...]], separator: str = ",") -> Path:
    quoted = [separator.join('"' + field.replace('"', '""') + '"' for field in row) for row in rows]
    path.write_text("\n".join([head.replace(",", separator), *quoted]) + "\n", encoding="utf-8")
    return path


def write_jsonl(path: Path, names: tuple[str, ...], rows: list[tuple[str, ...]]) -> Path:
    lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def written(format: str, folder: Path) -> Path:
    path = folder / f"pairs.{format}"
    if format == "jsonl":
        return write_jsonl(path, ("premise", "hypothesis", "label"), ROWS)
    if format == "parquet":
        import pyarrow
        import pyarrow.parquet

        columns = dict(
            zip(("premise", "hypothesis", "label"), map(list, zip(*ROWS, strict=True)), strict=True)
        )
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
        return path
    return write_csv(path, "premise,hypothesis,label", ROWS, "\t" if format == "tsv" else ",")


@pytest.mark.parametrize("format", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_both_texts(format: str, tmp_path: Path) -> None:
    path = written(format, tmp_path)
    source = open_source(path, pairs=True)
    assert (source.text_column, source.second_column, source.label_column) == (
        "premise",
        "hypothesis",
        "label",
    )
    assert any("'premise' and 'hypothesis', by their names" in note for note in source.notes)
    begin = {"csv": 2, "tsv": 2, "jsonl": 1, "parquet": 1}[format]
    unit = "row " if format == "parquet" else ""
    expected = [
        Example((a, b), (label,), f"{path.name}:{unit}{line}")
        for line, (a, b, label) in enumerate(ROWS, begin)
    ]
    assert list(source) == expected
    corpus = Corpus.read(source, tmp_path / "corpus")
    assert list(corpus.examples()) == expected
    assert (corpus.rows_are, corpus.text_columns) == ("pairs", ["text", "second"])
    (inputs,) = Part(corpus, np.array([2, 0])).inputs()
    assert isinstance(inputs, Pairs)
    assert [(inputs.first.string(i), inputs.second.string(i)) for i in range(len(inputs))] == [
        ROWS[2][:2],
        ROWS[0][:2],
    ]
    together = list(Part(corpus, np.array([1, 3])).texts())
    assert [t.string(i) for t in together for i in range(2)] == [ROWS[n][k] for k in (0, 1) for n in (1, 3)]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("id", "Sentence1", "Sentence2", "gold_label"), ("Sentence1", "Sentence2", "gold_label")),
        (("id", "question1", "question2", "is_duplicate"), ("question1", "question2", "is_duplicate")),
        (("id", "text", "second", "label"), ("text", "second", "label")),
        (("id", "sentence_A", "sentence_B", "score"), ("sentence_A", "sentence_B", "score")),
        (("no", "what", "other", "rated"), ("what", "other", "rated")),
    ],
)
def test_columns_are_found_by_name_and_by_content(
    names: tuple[str, ...], chosen: tuple[str, ...], tmp_path: Path
) -> None:
    rows = [(str(n), f"the first text number {n}", f"and the second one {n}", "ab"[n % 2]) for n in range(20)]
    source = open_source(write_csv(tmp_path / "p.csv", ",".join(names), rows), pairs=True)
    assert (source.text_column, source.second_column, source.label_column) == chosen
    assert source.resolved.second == chosen[1]
    by = "by their names" if names[0] == "id" else "by their content"
    assert any(by in note for note in source.notes)


def test_columns_may_be_named(tmp_path: Path) -> None:
    rows = [
        (f"a long first text {n}", f"another text {n}", f"a third text {n}", "ab"[n % 2]) for n in range(9)
    ]
    path = write_csv(tmp_path / "p.csv", "one,two,three,label", rows)
    with pytest.raises(Problem, match="several columns may be the two texts: one, two, three") as caught:
        open_source(path, pairs=True)
    assert "--text COLUMN --second COLUMN" in caught.value.next_step
    source = open_source(path, DataConfig(text="three", second="one"), pairs=True)
    assert next(iter(source)).texts == ("a third text 0", "a long first text 0")
    with pytest.raises(Problem, match="'one' is given as text and as second text"):
        open_source(path, DataConfig(text="one", second="one"), pairs=True)
    with pytest.raises(Problem, match="no column 'four'"):
        open_source(path, DataConfig(text="one", second="four"), pairs=True)
    with pytest.raises(Problem, match="one text is read of each row"):
        open_source(path, DataConfig(text="one", second="two"))


def test_a_file_of_one_text_a_row_is_no_file_of_pairs(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(Problem, match="a pair needs two texts"):
        open_source(path, pairs=True)
    with pytest.raises(Problem, match="no two columns are plainly the texts"):
        open_source(write_csv(tmp_path / "c.csv", "text,label", [("a b c", "x"), ("d e", "y")]), pairs=True)


def test_an_empty_side_is_named_counted_left_out_or_kept(tmp_path: Path) -> None:
    rows = [*ROWS, ("only one", " ", "neutral"), ("", "only the other", "neutral")]
    path = write_csv(tmp_path / "p.csv", "premise,hypothesis,label", rows)
    with pytest.raises(Problem) as caught:
        list(open_source(path, pairs=True))
    assert caught.value.where == f"{path}, line 6"
    assert caught.value.what == "'hypothesis' is empty. 2 of 6 rows have an empty text (line 6, 7)."
    assert caught.value.next_step.endswith("--set data.empty=drop")
    dropping = open_source(path, DataConfig(empty="drop"), pairs=True)
    assert len(list(dropping)) == len(ROWS)
    assert dropping.report() == ["2 rows with an empty text were left out (line 6, 7)."]
    assert len(list(open_source(path, DataConfig(empty="keep"), pairs=True))) == len(rows)


def test_a_missing_side_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(
        '{"text_a": "a", "text_b": "b", "label": "x"}\n{"text_a": "a", "label": "y"}\n', encoding="utf-8"
    )
    with pytest.raises(Problem, match="'text_b' is missing") as caught:
        list(open_source(path, pairs=True))
    assert caught.value.where == f"{path}, line 2"


def test_in_memory() -> None:
    corpus = Corpus.of(["a", "b"], [("x",), ("y",)], seconds=["c", "d"])
    assert [e.texts for e in corpus.examples()] == [("a", "c"), ("b", "d")]
    with pytest.raises(Problem, match="2 texts, but 1 second texts"):
        Corpus.of(["a", "b"], seconds=["c"])
    with pytest.raises(Problem, match="text 2"):
        Corpus.of(["a", "b"], seconds=["c", "\ud800"])
    with pytest.raises(Problem, match="it is int, not str"):
        Corpus.of(["a", "b"], seconds=["c", 4])  # type: ignore[list-item]


def test_copies_are_rows_with_both_texts_the_same() -> None:
    corpus = Corpus.of(["A b", "a  b", "a b", "a"], seconds=["c", "C", "d", "b c"])
    keys = text_keys(corpus)
    assert keys[0] == keys[1]
    assert len(set(keys.tolist())) == 3  # "a b" + "c" is not "a" + "b c"
    first = text_keys(corpus, names=["text"])
    assert first[0] == first[1] == first[2] != first[3]
    assert find_copies(corpus, near=False).exact_rows.tolist() == [1]


def test_leakage_of_pairs() -> None:
    long = "the quick brown fox jumps over the lazy dog and runs away into the forest"
    train = Corpus.of([long, "x"], [("a",), ("b",)], seconds=["a second text of some length", "y"])
    test = Corpus.of(
        [long.upper(), long, "x"], [("b",), ("a",), ("b",)],
        seconds=["a second text of some length", "a second text of some lengths", "something else"],
    )  # fmt: skip
    found = find_leakage(train, test)
    assert (found.exact, found.near, found.contradicting) == (1, 1, 1)
    assert found.lines()[0] == "1 of 3 pairs of test stand in train too; 1 of them with another label."
    assert found.examples[1].similarity >= THRESHOLD
    assert found.examples[0].train_text == f"{long}\na second text of some length"


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.sampled_from("pqr"), st.sampled_from("xy")
        ),
        min_size=30,
        max_size=80,
    ),
    st.integers(0, 3),
)
def test_pairs_with_the_same_first_text_stay_together(rows: list[tuple[str, str, str]], seed: int) -> None:
    rows = [*rows, *((f"{n}", "p", "xy"[n % 2]) for n in range(400))]
    texts, seconds, labels = (list(column) for column in zip(*rows, strict=True))
    corpus = Corpus.of(texts, [(label,) for label in labels], seconds=seconds)
    parts = split(corpus, 0.2, 0.2, seed)
    firsts = [{texts[i] for i in part} for part in (parts.train, parts.dev, parts.test)]
    assert all(firsts)
    assert sum(map(len, firsts)) == len(set(texts))
    assert sorted(np.concatenate([parts.train, parts.dev, parts.test]).tolist()) == list(range(len(rows)))


def test_a_first_text_of_most_pairs_is_in_several_parts() -> None:
    corpus = Corpus.of(["one query"] * 60, [("x",), ("y",)] * 30, seconds=[f"text {n}" for n in range(60)])
    parts = split(corpus, 0.1, 0.2, 0)
    assert parts.sizes == {"train": 42, "dev": 6, "test": 12}
    assert parts.notes == ["One first text stands in 60 of 60 pairs: parts may share first texts."]


def test_numbers_as_labels() -> None:
    assert number_of(" 4.5 ") == 4.5
    assert number_of("nan") is number_of("inf") is number_of("high") is None
    assert not are_scores({"0", "1"})
    assert not are_scores({"1.0", "2.0", "3.0"})
    assert are_scores({"1.5", "2"})
    assert are_scores({"1.5", "2", "2.25", "high"})
    assert are_scores(set(map(str, range(101))))
    assert not are_scores({"1.5", "yes", "no"})
    assert not are_scores(())


def test_scores_are_split_at_random(tmp_path: Path) -> None:
    """Stratified, every score that one pair has would be trained on."""
    rows = [(f"one {n}", f"two {n}", f"{n / 100}") for n in range(100)]
    path = write_jsonl(tmp_path / "s.jsonl", ("sentence1", "sentence2", "score"), rows)
    data = read_data(DataConfig(), tmp_path / "work", str(path), reads="pairs")
    assert {name: len(part) for name, part in data.parts().items()} == {"train": 70, "dev": 10, "test": 20}
    assert data.notes[-1] == "pairs: 70 train, 10 dev, 20 test"
    assert data.test is not None
    scores = [float(e.target[0]) for e in data.test.examples()]
    assert min(scores) < 0.3
    assert max(scores) > 0.7


def test_built_in_data_holds_no_pairs(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="one text a row"):
        read_data(DataConfig(), tmp_path, "languages", reads="pairs")


def test_real_pairs(tmp_path: Path) -> None:
    folder = real("snli_small")
    data = read_data(
        DataConfig(), tmp_path, str(folder / "train.jsonl"), folder / "dev.jsonl", folder / "test.jsonl",
        reads="pairs",
    )  # fmt: skip
    assert [len(part) for part in data.parts().values()] == [8862, 974, 9824]
    assert data.train.corpus.label_counts().keys() == {"contradiction", "entailment", "neutral"}
    bounds = [part.offsets for part in data.train.texts()]
    assert all((np.diff(b) > 0).all() for b in bounds)
    assert all(len(a) > 0 for a in bounds)
    assert list(pairwise(sorted({e.where for e in data.dev.examples()})))
