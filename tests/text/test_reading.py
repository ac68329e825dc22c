"""What is read: every format, every compression, what is inferred, and the real files."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.real import real
from textladder.errors import Problem
from textladder.text import labelled
from textladder.text.reading import DataConfig, Rows, Source, open_source

ROWS = [
    ("a great film", "pos"),
    ('he said "no",\nthen left', "neg"),
    ("", "neg"),
    ("naïve 👩‍👩‍👧 עברית", "pos"),
]


def pairs(source: Source) -> list[tuple[str, tuple[str, ...]]]:
    return [(example.texts[0], example.target) for example in source]


def written(rows: list[tuple[str, str]], delimiter: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([("text", "label"), *rows])
    return out.getvalue().encode()


def rows_of(part: Any) -> list[tuple[str, tuple[str, ...], int]]:
    """(text, labels, line) of each row of a part of a source, whichever way it was read."""
    if isinstance(part, Rows):
        return list(zip(part.texts, part.targets, part.lines, strict=True))
    return [
        (part.texts.string(row), (part.names[number],), part.line + row)
        for row, number in enumerate(part.numbers.tolist())
    ]


def as_format(name: str, rows: list[tuple[str, str]], folder: Path) -> Path:
    path = folder / f"rows.{name}"
    match name:
        case "csv" | "tsv":
            path.write_bytes(written(rows, {"csv": ",", "tsv": "\t"}[name]))
        case "jsonl":
            lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
            path.write_text("\n".join(lines), encoding="utf-8")
        case "parquet":
            import pyarrow
            import pyarrow.parquet

            texts, labels = zip(*rows, strict=True)
            pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels}), path)
    return path


def compressed(path: Path, ending: str) -> Path:
    packed = path.with_name(path.name + ending)
    if ending == ".gz":
        packed.write_bytes(gzip.compress(path.read_bytes()))
    else:
        import pyarrow

        with pyarrow.CompressedOutputStream(str(packed), "zstd") as out:
            out.write(path.read_bytes())
    return packed


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "parquet"])
def test_a_format_gives_back_what_was_written(name: str, tmp_path: Path) -> None:
    source = open_source(as_format(name, ROWS, tmp_path))
    expected = [(text, (label,)) for text, label in ROWS]
    assert pairs(source) == expected
    assert pairs(source) == expected, "a source can be read again"
    assert source.format == name
    assert (source.text_column, source.label_column) == ("text", "label")


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "parquet"])
def test_compressed_files(name: str, ending: str, tmp_path: Path) -> None:
    source = open_source(compressed(as_format(name, ROWS, tmp_path), ending))
    assert pairs(source) == [(text, (label,)) for text, label in ROWS]
    assert pairs(source) == pairs(source), "a source can be read again"
    assert source.format == name


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_compressed_plain_text(ending: str, tmp_path: Path) -> None:
    path = tmp_path / "texts.txt"
    path.write_text("one\n\nnaïve\n", encoding="utf-8")
    source = open_source(compressed(path, ending), need_label=False)
    assert source.format == "text"
    assert pairs(source) == [("one", ()), ("", ()), ("naïve", ())]


@pytest.mark.parametrize("ending", [".gz", ".zst"])
@pytest.mark.parametrize("compiled", [False, True])
def test_compressed_fasttext_lines_by_both_ways(compiled: bool, ending: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    rows = [(f"naïve text {n}", ("ab"[n % 2],), n) for n in range(1, 3001)]
    path.write_text("".join(f"__label__{label} {text}\n" for text, (label,), _ in rows), encoding="utf-8")
    source = open_source(compressed(path, ending))
    assert source.format == "fasttext"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textladder.text.formats.WARM_UP_BYTES", 0 if compiled else 1 << 30)
        parts = list(source.parts(1000))
    assert {isinstance(part, Rows) for part in parts} == {not compiled}
    assert [row for part in parts for row in rows_of(part)] == rows


def test_a_place_is_the_line_where_the_row_begins(tmp_path: Path) -> None:
    source = open_source(as_format("csv", ROWS, tmp_path))
    assert [e.where for e in source] == ["rows.csv:2", "rows.csv:3", "rows.csv:5", "rows.csv:6"]
    source = open_source(as_format("parquet", ROWS, tmp_path))
    assert [e.where for e in source][:2] == ["rows.parquet:row 1", "rows.parquet:row 2"]


def test_fasttext_and_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text("__label__a __label__b one text\n__label__a another\n", encoding="utf-8")
    source = open_source(path)
    assert source.format == "fasttext"
    assert pairs(source) == [("one text", ("a", "b")), ("another", ("a",))]
    path.write_text("one\r\n\ntwo , three", encoding="utf-8")
    source = open_source(path, need_label=False)
    assert source.format == "text"
    assert pairs(source) == [("one", ()), ("", ()), ("two , three", ())]


def test_json_labels_keep_their_spelling(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    labels = ["1", "1.50", "true", '"x"', '["x", 2, "x"]', "[]"]
    path.write_text("\n".join(f'{{"text": "t", "label": {label}}}' for label in labels), encoding="utf-8")
    targets = [target for _, target in pairs(open_source(path))]
    assert targets == [("1",), ("1.50",), ("true",), ("x",), ("x", "2"), ()]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separator_of_a_csv_is_found(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + written(ROWS, delimiter))
    assert pairs(open_source(path)) == [(text, (label,)) for text, label in ROWS]


def test_a_tsv_with_quotes_as_ordinary_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('text\tlabel\n"Great" film\tpos\n"The end\tneg\n', encoding="utf-8")
    source = open_source(path)
    assert pairs(source) == [('"Great" film', ("pos",)), ('"The end', ("neg",))]
    assert any("Quotes" in note for note in source.notes)


def test_a_file_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("good film,pos\nbad film,neg\nworse film,neg\nbest film,pos\n", encoding="utf-8")
    source = open_source(path)
    assert pairs(source)[0] == ("good film", ("pos",))
    assert next(e.where for e in source) == "a.csv:1"
    assert any("no header" in note for note in source.notes)


def infer(tmp_path: Path, content: str, **config: str) -> Source:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    return open_source(path, DataConfig(**config))  # type: ignore[arg-type]


def test_columns_by_name(tmp_path: Path) -> None:
    source = infer(tmp_path, "id,Review Text,Sentiment\n1,fine,p\n2,bad,n\n")
    assert (source.text_column, source.label_column) == ("Review Text", "Sentiment")
    assert "Not used: id." in source.notes
    source = infer(tmp_path, "title,text,label,category\nt,fine,p,x\nt,bad,n,y\n")
    assert (source.text_column, source.label_column) == ("text", "label")


def test_columns_by_content(tmp_path: Path) -> None:
    rows = "".join(f"{i},some words that are number {i * 7},{'ab'[i % 2]}\n" for i in range(10))
    source = infer(tmp_path, "n,what,mood\n" + rows)
    assert (source.text_column, source.label_column) == ("what", "mood")
    assert any("'mood', by its content" in note for note in source.notes)


def test_ambiguous_columns_are_a_question(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"several columns may be the text: review, title"):
        infer(tmp_path, "review,title,label\na,b,x\nc,d,y\n")
    rows = "".join(f"the text {i},{i % 2},{i % 3}\n" for i in range(12))
    with pytest.raises(Problem, match=r"several columns may be the label: mood, tone") as problem:
        infer(tmp_path, "text,mood,tone\n" + rows)
    assert "--label" in problem.value.next_step
    assert infer(tmp_path, "text,mood,tone\n" + rows, label="tone").label_column == "tone"


def test_several_labels(tmp_path: Path) -> None:
    rows = "a,x|y\nb,x\nc,y|z\nd,z\n"
    assert [t for _, t in pairs(infer(tmp_path, "text,labels\n" + rows))] == [
        ("x", "y"),
        ("x",),
        ("y", "z"),
        ("z",),
    ]
    assert pairs(infer(tmp_path, "text,labels\n" + rows, label_separator=""))[0][1] == ("x|y",)
    single = infer(tmp_path, "text,label\n" + rows)
    assert pairs(single)[0][1] == ("x|y",)
    assert any("data.label_separator" in note for note in single.notes)
    assert pairs(infer(tmp_path, "text,label\n" + rows, label_separator="|"))[0][1] == ("x", "y")


def test_the_columns_found_open_the_files_of_the_same_data(tmp_path: Path) -> None:
    source = infer(tmp_path, "text,labels\na,x|y\nb,x\nc,y\n")
    other = tmp_path / "test.jsonl"
    other.write_text('{"text": "d", "labels": "x|y"}\n', encoding="utf-8")
    assert pairs(open_source(other, source.resolved)) == [("d", ("x", "y"))]


def test_texts_to_predict_need_no_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n1,one\n2,two\n", encoding="utf-8")
    assert pairs(open_source(path, need_label=False)) == [("one", ()), ("two", ())]
    path.write_text("text,label\none,x\ntwo,\n", encoding="utf-8")
    assert pairs(open_source(path, need_label=False)) == [("one", ("x",)), ("two", ())]


# Anything that is Unicode, NUL aside; combining marks, right-to-left and emoji sequences among it.
texts = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
) | st.sampled_from(
    [
        "e\u0302\u0303",
        "\u05e9\u05b8\u05dc\u05d5\u05dd \u200f",
        "\U0001f469\U0001f3fd\u200d\U0001f680",
        "\r",
        "\r\n",
        "\u2028",
        "\x0b\x1c\x85",
        '"',
        '""',
        "\ufeff",
        " ",
    ]
)
labels = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=5)
relaxed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", ["csv", "tsv", "jsonl", "parquet"])
@relaxed
@given(rows=st.lists(st.tuples(texts, labels), min_size=1, max_size=6))
def test_any_unicode_comes_back_exactly(name: str, tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    path = as_format(name, rows, tmp_path)
    source = open_source(path, DataConfig(quotes=True, label_separator=""))
    assert pairs(source) == [(text, (label,)) for text, label in rows]


@relaxed
@given(rows=st.lists(texts.filter(lambda t: "\n" not in t and not t.endswith("\r")), min_size=1, max_size=6))
def test_any_line_of_plain_text_comes_back_exactly(tmp_path: Path, rows: list[str]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "".join(f"{row}\n" for row in rows).encode())
    source = open_source(path, DataConfig(format="text"), need_label=False)
    assert [text for text, _ in pairs(source)] == rows


@pytest.mark.parametrize(
    "ending",
    [".csv", ".tsv", ".jsonl", ".parquet", ".txt", ".ft", "", ".csv.gz", ".jsonl.zst", ".parquet.gz"],
)
@relaxed
@given(
    content=st.binary(max_size=80)
    | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass"))
    | st.text('a"\n\r,;\t{}[]:\\ud80', max_size=60).map(str.encode)
    | st.sampled_from([b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1", b"__label__", b'{"text":']).flatmap(
        lambda magic: st.binary(max_size=40).map(lambda rest: magic + rest)
    )
)
def test_any_bytes_are_read_or_refused(ending: str, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    for need_label in (True, False):
        found = read_or_problem(path, need_label)
        if isinstance(found, Problem):
            assert str(path) in found.where + found.what
            assert found.next_step
        else:
            assert all(text.encode().decode() == text for text in found)


def read_or_problem(path: Path, need_label: bool) -> list[str] | Problem:
    try:
        return [example.texts[0] for example in open_source(path, need_label=need_label)]
    except Problem as problem:
        return problem


@pytest.mark.parametrize(
    ("file", "rows", "labels", "several"),
    [
        ("rt_polarity/train.csv", 8528, 2, False),
        ("imdb/test.csv.gz", 25000, 2, False),
        ("goemotions/test.csv", 5427, 28, True),
        ("bbc_news/train.jsonl.gz", 1656, 5, False),
        ("trec/train.csv", 5452, 6, False),
    ],
)
def test_real_files(file: str, rows: int, labels: int, several: bool) -> None:
    examples = list(open_source(real(file)))
    assert len(examples) == rows
    assert len({label for e in examples for label in e.target}) == labels
    assert any(len(e.target) > 1 for e in examples) == several


def test_the_lines_of_a_real_file_are_exact() -> None:
    source = open_source(real("imdb/test.csv.gz"))
    wheres = [e.where for e in source]
    with gzip.open(real("imdb/test.csv.gz"), "rt", encoding="utf-8", newline="\n") as file:
        number_of_lines = sum(1 for _ in file)
    assert wheres[0] == "test.csv.gz:2"
    assert int(wheres[-1].rsplit(":", 1)[1]) <= number_of_lines
    fine = open_source(real("trec/train.csv"), DataConfig(label="label_fine"))
    assert next(iter(fine)).target == ("DESC:manner",)


@given(
    st.lists(
        st.one_of(
            st.from_regex(
                r"(__label__[ab]{0,2}[ \t]{0,2}){0,2}[ab_\u00a0\u3000\u00e9\r\x1f]{0,4}", fullmatch=True
            ),
            st.sampled_from(["__label__a one text", "__label__b another", "__label__a  __label__b both", ""]),
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_compiled_reading_of_labelled_lines_changes_nothing(
    tmp_path: Path, rows: list[str], end: str, last: bool
) -> None:
    path = tmp_path / "rows.txt"
    lines = ["__label__a first", *rows]
    path.write_bytes((end.join(lines) + end * last).encode("utf-8"))
    source = open_source(path, DataConfig(unlabelled="drop", format="fasttext"))
    expected = [list(zip(r.texts, r.targets, r.lines, strict=True)) for r in source.batches(4)]
    left_out = source.dropped, source.blank_lines
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("textladder.text.formats.WARM_UP_BYTES", 0)
        parts = [rows_of(part) for part in source.parts(4)]
    assert max(map(len, parts)) <= 4
    found = [row for part in parts for row in part]
    assert found == [row for batch in expected for row in batch]
    assert (source.dropped, source.blank_lines) == left_out


def test_two_labels_with_one_hash_are_two_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    block = b"__label__a x\n__label__b y\n"
    monkeypatch.setattr(labelled, "_find", _without_hashes(labelled._find))
    first, at = labelled.plain_lines(block, 0, 7, 10)
    second, end = labelled.plain_lines(block, at, 8, 10)
    assert first is not None
    assert second is not None
    assert (first.names, second.names, first.line, second.line, end) == (["a"], ["b"], 7, 8, len(block))
    assert (first.texts.string(0), second.texts.string(0)) == ("x", "y")


def _without_hashes(find: Any) -> Any:
    def found(*arguments: Any) -> int:
        count: int = find(*arguments)
        arguments[-1][:] = 0
        return count

    return found
