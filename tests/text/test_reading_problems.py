"""Wrong input: each is a Problem that names the file, the line and the next step."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from textladder.errors import Problem
from textladder.text.reading import DataConfig, open_source

GOOD = b"text,label\n" + b"".join(b"some text %d,%d\n" % (i, i % 2) for i in range(2000))


def problem(path: Path, content: bytes | None = None, config: DataConfig | None = None) -> Problem:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Problem) as caught:
        list(open_source(path, config))
    assert str(path) in caught.value.where
    assert caught.value.next_step
    return caught.value


def test_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_bytes(GOOD)
    found = problem(tmp_path / "review.csv")
    assert "no such file" in found.what
    assert "reviews.csv" in found.next_step


def test_directory(tmp_path: Path) -> None:
    assert "directory" in problem(tmp_path).what


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "empty"), (b"text,label\n", "no row after the header"), (b"\n\n", "no row")]
)
def test_nothing_to_read(content: bytes, said: str, tmp_path: Path) -> None:
    assert said in problem(tmp_path / "a.csv", content).what
    assert said.removesuffix(" after the header") in problem(tmp_path / "a.tsv", content).what


def test_wrong_column_name(tmp_path: Path) -> None:
    found = problem(tmp_path / "a.csv", GOOD, DataConfig(label="labels"))
    assert "no column 'labels'" in found.what
    assert "Did you mean label" in found.next_step


def test_unlabelled_rows_are_counted_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    found = problem(path, GOOD + b"x,\ny, \nz,1\n")
    assert found.where.endswith("line 2,002")
    assert "2 of 2,003 rows have no label (line 2,002, 2,003)" in found.what
    assert "data.unlabelled=drop" in found.next_step
    source = open_source(path, DataConfig(unlabelled="drop"))
    assert len(list(source)) == 2001
    assert source.report() == ["2 rows without a label were left out (line 2,002, 2,003)."]


def test_fasttext_line_without_label(tmp_path: Path) -> None:
    found = problem(tmp_path / "a.ft", b"__label__a one\ntwo\n")
    assert found.where.endswith("line 2")


def test_unequal_columns(tmp_path: Path) -> None:
    found = problem(tmp_path / "a.csv", GOOD + b"one, two,1\n")
    assert found.where.endswith("line 2,002")
    assert "3 columns, where the header has 2" in found.what


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'text,label\na,1\n"b,1\nc,2\n', 3),
        (b'text,label\na,1\n"b\nc","2\nd,1\n', 4),
        (b'text,label\n"a""\n""b",1\n"c"d,1\n', 4),
    ],
)
def test_broken_quotes(content: bytes, line: int, tmp_path: Path) -> None:
    found = problem(tmp_path / "a.csv", content)
    assert found.where.endswith(f"line {line}")
    assert "quote" in found.what
    assert "data.quotes=false" in found.next_step


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    found = problem(tmp_path / "a.csv", GOOD + b"caf\xe9,1\n")
    assert found.where.endswith("line 2,002")
    assert "byte 4 of the line, 0xe9" in found.what
    assert "UTF-16" in problem(tmp_path / "a.csv", GOOD.decode().encode("utf-16")).what


@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt", "ft"])
def test_nul_byte(ending: str, tmp_path: Path) -> None:
    content = {"jsonl": b'{"text": "a", "label": "b"}\n\0', "ft": b"__label__a b\n\0"}.get(
        ending, b"text,label\nab,\0"
    )
    found = problem(tmp_path / f"a.{ending}", content, DataConfig(format="csv") if ending == "txt" else None)
    assert "NUL" in found.what
    assert found.where.endswith("line 2")


def test_a_field_of_50_mb(tmp_path: Path) -> None:
    long = b"x" * (50 << 20)
    found = problem(tmp_path / "a.csv", b"text,label\na,1\n" + long + b",1\n")
    assert found.where.endswith("line 3")
    assert "longer than 16 MiB" in found.what
    found = problem(tmp_path / "a.csv", b'text,label\na,1\n"' + b"x\n" * (25 << 20) + b'",1\n')
    assert found.where.endswith("line 3")
    assert "not closed within 16 MiB" in found.what


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "a", "label"', "not JSON"),
        (b"[1]", "a JSON array"),
        (b'{"text": null, "label": "x"}', "missing"),
        (b'{"label": "x"}', "missing"),
        (b'{"text": "a", "label": {"b": 1}}', "neither a string"),
        (b'{"text": "a\\ud800", "label": "x"}', "lone surrogate U+D800, character 2"),
        (b'{"text": "a", "label": "\\udfff"}', "lone surrogate U+DFFF"),
        (b'{"text": "a", "label": "x\\u001f"}', "control character"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_broken_json_lines(line: bytes, said: str, tmp_path: Path) -> None:
    found = problem(tmp_path / "a.jsonl", b'{"text": "a", "label": "b"}\n\n' + line + b"\n")
    assert said in found.what
    assert found.where.endswith("line 3")


@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_truncated_compression(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.csv{ending}"
    if ending == ".gz":
        whole = gzip.compress(GOOD)
    else:
        import pyarrow

        with pyarrow.CompressedOutputStream(str(path), "zstd") as out:
            out.write(GOOD)
        whole = path.read_bytes()
    found = problem(path, whole[: len(whole) // 2])
    assert "damaged or cut off" in found.what
    assert "not compressed" in problem(path, GOOD).what


def test_damaged_parquet(tmp_path: Path) -> None:
    assert "not a whole Parquet file" in problem(tmp_path / "a.parquet", b"PAR1" + GOOD).what


def test_unknown_format_and_bad_settings(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(GOOD)
    with pytest.raises(Problem, match="Did you mean jsonl"):
        open_source(tmp_path / "a.csv", DataConfig(format="jsonll"))
    with pytest.raises(Problem, match="one character"):
        DataConfig(delimiter="ab")
    with pytest.raises(Problem, match="nothing to train on"):
        DataConfig(dev_share=0.5, test_share=0.5)
    with pytest.raises(Problem, match="plain text has no labels"):
        open_source(tmp_path / "a.csv", DataConfig(format="text"))
