"""Text that runs on as documents and blocks: nothing is lost or invented, and what is skipped is said."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from textladder.errors import Problem
from textladder.text import opening
from textladder.text.corpus import Corpus
from textladder.text.cutting import Piece, blocks_of
from textladder.text.documents import DocumentSource, GivenDocuments, open_documents
from textladder.text.reading import DataConfig

# What breaks readers: line ends of all kinds, marks, characters of four bytes, white space of Unicode.
TEXTS = st.text(st.one_of(st.sampled_from(" \n\r\tab\u0301\u2028\x0b\x85é語\U0001f600\u200d"), st.characters(
    exclude_categories=["Cs"], exclude_characters="\0"
)))  # fmt: skip


def documents_of(source: DocumentSource, size: int = 7) -> list[str]:
    """The texts of the documents, from their blocks."""
    made: list[str] = []
    for rows in source.batches(size):
        assert rows.starts is not None
        for text, starts in zip(rows.texts, rows.starts, strict=True):
            assert text
            if starts:
                made.append("")
            made[-1] += text
    return made


def read(path: Path | list[Path], **values: str) -> DocumentSource:
    return open_documents(path, DataConfig(**values))  # type: ignore[arg-type]


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@given(st.lists(st.tuples(TEXTS, st.booleans())), st.integers(1, 12))
def test_blocks_are_the_document_wherever_pieces_end(parts: list[tuple[str, bool]], size: int) -> None:
    pieces = [Piece(text, 1, starts or n == 0) for n, (text, starts) in enumerate(parts)]
    wanted: list[str] = []
    for piece in pieces:
        if piece.starts:
            wanted.append("")
        wanted[-1] += piece.text
    made: list[str] = []
    for block in blocks_of(pieces, size):
        assert 0 < len(block.text) <= size
        made = [*made, block.text] if block.starts else [*made[:-1], made[-1] + block.text]
    assert made == [text for text in wanted if text]


@given(TEXTS, st.integers(2, 12))
def test_blocks_depend_on_the_text_alone(text: str, size: int) -> None:
    whole = [b.text for b in blocks_of([Piece(text, 1, True)], size)]
    letters = [Piece(char, 1, n == 0) for n, char in enumerate(text)]
    assert [b.text for b in blocks_of(letters, size)] == whole


def test_blocks_end_with_lines_then_words_then_characters() -> None:
    def cut(text: str, size: int) -> list[str]:
        return [b.text for b in blocks_of([Piece(text, 1, True)], size)]

    assert cut("one two\nthree four", 12) == ["one two\n", "three four"]
    assert cut("a\nthree four five", 12) == [
        "a\nthree four"[:7],
        " four five",
    ]  # a line end in the first half
    assert cut("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert cut("abce\u0301fgh", 4) == ["abc", "e\u0301fg", "h"]
    assert cut("abc\r\ndef", 4) == ["abc", "\r\n", "def"]


@settings(max_examples=60)
@given(TEXTS)
def test_a_file_is_its_blocks(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = written(tmp_path_factory.mktemp("text") / "a.txt", text)
    if not text.removeprefix("\ufeff").strip():
        with pytest.raises(Problem, match=r"empty|white space"):
            documents_of(read(path))
    else:
        assert documents_of(read(path)) == [text.removeprefix("\ufeff")]


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["a", "b c", "", " ", "é\u2028x", "\t", "x" * 50])), st.booleans(), st.booleans()
)
def test_lines_and_blank_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], windows: bool, ended: bool
) -> None:
    """Against the plainest possible reading, with reads so small that every line is cut somewhere."""
    end = "\r\n" if windows else "\n"
    text = end.join(lines) + (end if ended else "")
    if not text.strip():
        return
    path = written(tmp_path_factory.mktemp("text") / "a.txt", text)
    existing = lines if ended or lines[-1] else lines[:-1]
    groups: list[list[str]] = [[]]
    for line in lines:
        groups = [*groups, []] if not line.strip() else [*groups[:-1], [*groups[-1], line]]
    for size in (3, 8, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "BLOCK_BYTES", size)
            by_line, between = read(path, documents="line"), read(path, documents="blank-line")
            assert documents_of(by_line) == [line for line in lines if line.strip()]
            assert by_line.blank_lines == sum(not line.strip() for line in existing)
            assert [d.replace(end, "\n") for d in documents_of(between)] == [
                "\n".join(group) for group in groups if group
            ]


def test_compressed_files_are_read_as_they_are(tmp_path: Path) -> None:
    text = "To be, or not to be:\n" * 200_000  # over several reads
    plain = written(tmp_path / "a.txt", text)
    packed, standard = tmp_path / "a.txt.gz", tmp_path / "a.txt.zst"
    packed.write_bytes(gzip.compress(text.encode(), 1))
    standard.write_bytes(zstandard.compress(text.encode(), 1))
    wanted = [rows.texts for rows in read(plain).batches()]
    assert [rows.texts for rows in read(packed).batches()] == wanted
    assert [rows.texts for rows in read(standard).batches()] == wanted


def test_a_text_on_one_line(tmp_path: Path) -> None:
    text = "é" + "one two " * 400_000  # text8 is 100 MB without a line end
    assert documents_of(read(written(tmp_path / "a.txt", text))) == [text]
    assert documents_of(read(tmp_path / "a.txt", documents="line")) == [text]


def test_places_are_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "\n".join(f"line {n}" for n in range(1, 2000)))
    corpus = Corpus.read(read(path), tmp_path / "corpus")
    for example in corpus.examples():
        line = int(example.where.removeprefix("a.txt:"))
        assert example.texts[0].startswith(f"line {line}\n") or line == 1999
    assert len(corpus) == 19


def test_a_folder_and_several_files(tmp_path: Path) -> None:
    folder = tmp_path / "books"
    (folder / "more").mkdir(parents=True)
    (folder / ".git").mkdir()
    written(folder / "b.txt", "beta, and\tmore\n")
    written(folder / "a", "alpha, a file without an ending")
    written(folder / "empty.txt", "")
    written(folder / "more" / "c.txt", " \n\n")
    written(folder / "more" / "d.txt", "delta")
    written(folder / ".git" / "HEAD", "hidden")
    source = read(folder)
    assert documents_of(source) == ["alpha, a file without an ending", "beta, and\tmore\n", "delta"]
    assert source.report() == ["Files without text were skipped: empty.txt, more/c.txt."]
    assert source.notes == ["Each of 5 files is read as one document (data.documents)."]
    assert not source.in_order
    corpus = Corpus.read(source, tmp_path / "corpus")
    assert [example.where for example in corpus.examples()] == ["a:1", "b.txt:1", "more/d.txt:1"]
    assert documents_of(read([folder / "b.txt", folder / "more"])) == ["beta, and\tmore\n", "delta"]


def test_a_corpus_is_read_again_when_one_of_its_files_changed(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    written(tmp_path / "books" / "a.txt", "alpha")
    second = written(tmp_path / "books" / "b.txt", "beta")
    assert Corpus.read(read(tmp_path / "books"), tmp_path / "c")[1].texts == ("beta",)
    written(second, "better")
    assert Corpus.read(read(tmp_path / "books"), tmp_path / "c")[1].texts == ("better",)


def test_rows_are_documents_with_labels(tmp_path: Path) -> None:
    long = "word " * 500
    rows = f"text,label\nWang,Chinese\n,Czech\n{long},Czech\nSmith,\n"
    source = read(written(tmp_path / "names.csv", rows))
    assert documents_of(source) == ["Wang", long, "Smith"]
    (made,) = source.batches()
    assert made.targets == [("Chinese",), ("Czech",), ("Czech",), ("Czech",), ()]
    assert made.lines == [2, 4, 4, 4, 5]
    assert source.report() == ["1 texts that are empty, or white space only, were skipped."]
    assert "texts can be generated for a label" in source.notes[-1]


def test_texts_in_memory(tmp_path: Path) -> None:
    def texts() -> Iterable[str]:
        yield "first"
        yield " "
        yield "x" * 2500

    corpus = Corpus.read(GivenDocuments(texts(), [["a"], ["b"], ["c"]]), tmp_path / "c")
    assert [e.where for e in corpus.examples()] == ["texts:text 1", *["texts:text 3"] * 3]
    assert [e.target for e in corpus.examples()] == [("a",), *[("c",)] * 3]
    assert Corpus.read(GivenDocuments(["other"]), tmp_path / "c")[0].texts == ("other",)


WRONG_FILES = {
    "empty": (b"", "the file is empty"),
    "white space": (b" \n\t\n", "no text in it but white space"),
    "latin-1": ("ab\ncaf\u00e9\n".encode("latin-1"), "line 2: byte 4 of the line, 0xe9, is not UTF-8"),
    "NUL": (b"ab\nc\0d\n", "line 2: there is a NUL byte"),
    "UTF-16": ("ab".encode("utf-16"), "UTF-16"),
    "a long line": (b"a" * (3 << 20) + b"\xe9", "line 1: byte 3145729 of the line, 0xe9"),
}


@pytest.mark.parametrize("documents", ["file", "blank-line", "line"])
@pytest.mark.parametrize("kind", WRONG_FILES)
def test_wrong_files(tmp_path: Path, kind: str, documents: str) -> None:
    content, said = WRONG_FILES[kind]
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(Problem, match=said):
        Corpus.read(read(path, documents=documents), tmp_path / "corpus")
    assert not (tmp_path / "corpus").exists()


def test_wrong_paths(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no such file"):
        read(tmp_path / "none.txt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(Problem, match="no file in this folder"):
        read(tmp_path / "folder")
    with pytest.raises(Problem, match="none is given"):
        read([])
    written(tmp_path / "folder" / "a.txt", "alpha")
    written(tmp_path / "folder" / "b.csv", "text,label\nbeta,x\n")
    with pytest.raises(Problem, match=r"texts and rows together: a.txt \(text\), b.csv \(csv\)"):
        read(tmp_path / "folder")
    assert len(documents_of(read(tmp_path / "folder", format="text"))) == 2
    with pytest.raises(Problem, match="tokens"):
        read(written(tmp_path / "c.csv", "tokens,n\nbeta,1\n"), text="text")


@pytest.mark.parametrize(
    ("texts", "labels", "said"),
    [
        (["a", 1], None, "text 2: it is int, not str"),
        (["a", "b\ud800"], None, "text 2: it holds half a character"),
        (["a", "b"], [["x"]], "text 2: it has no label"),
        (["a"], [["x"], ["y"]], "1 texts, but more labels"),
        ([" ", ""], None, "no text in it but white space"),
        ([], None, "no text in it but white space"),
    ],
)
def test_wrong_texts(tmp_path: Path, texts: list[str], labels: list[list[str]] | None, said: str) -> None:
    with pytest.raises(Problem, match=said):
        Corpus.read(GivenDocuments(texts, labels), tmp_path / "corpus")
