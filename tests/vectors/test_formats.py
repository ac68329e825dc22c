"""Files of word vectors: bytes that other programs wrote or read, there and back, every defect by its
place."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vectors.test_subwords import MODEL
from textladder.errors import Problem
from textladder.vectors import formats
from textladder.vectors.formats import text as text_format
from textladder.vectors.formats.table import Asked, Table
from textladder.vectors.subwords import Subwords

WORDS = ["king", "queen", "naïve", "日本語"]
MATRIX = np.array(
    [[1, -0.5, 2.25, 1e-3], [0.1, 0.2, 0.3, 0.4], [3.14159274, -1e-10, 5e8, 7], [0, 1, 2, 3]], np.float32
)
# What gensim 4.4's save_word2vec_format wrote of these.
GENSIM_TEXT = """4 4
king 1.0 -0.5 2.25 0.001
queen 0.1 0.2 0.3 0.4
naïve 3.1415927 -1e-10 5e+08 7.0
日本語 0.0 1.0 2.0 3.0
"""
GENSIM_BINARY = bytes.fromhex(
    "3420340a6b696e67200000803f000000bf000010406f12833a717565656e20cdcccc3dcdcc4c3e9a99993ecdcccc3e6e61c3af76"
    "6520db0f4940ffe6dbae286bee4d0000e040e697a5e69cace8aa9e20000000000000803f0000004000004040"
)


def of(words: int, dim: int, seed: int = 0, subwords: bool = False) -> Table:
    rng = np.random.default_rng(seed)
    names = [f"w{i}" for i in range(words)]
    if not subwords:
        return Table(names, rng.normal(size=(words, dim)).astype(np.float32))
    rows, own = (rng.normal(size=(n, dim)).astype(np.float32) for n in (50, words))
    grams, output = Subwords(rows, (2, 4)), rng.normal(size=(words, dim)).astype(np.float32)
    return Table(names, grams.compose(names, own)[0], np.arange(words, 0, -1), grams, own, output)


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "form"),
    [
        (GENSIM_TEXT, "word2vec-text"),
        (GENSIM_TEXT.partition("\n")[2], "glove"),
        (GENSIM_TEXT.replace("\n", " \n"), "word2vec-text"),  # as fastText's .vec has it
        (GENSIM_TEXT.replace("\n", "\r\n").replace(" ", "\t"), "word2vec-text"),
        ("\ufeff" + GENSIM_TEXT, "glove"),
        (GENSIM_TEXT.rstrip("\n"), "word2vec-text"),
        (GENSIM_BINARY, "word2vec-binary"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_others_write(content: str | bytes, form: str, packed: bool, tmp_path: Path) -> None:
    data = content.encode() if isinstance(content, str) else content
    path = write(tmp_path / ("v.gz" if packed else "v"), gzip.compress(data) if packed else data)
    if not (isinstance(content, str) and content.startswith("\ufeff")):
        assert formats.detect(path) == form
    table = formats.read(path)
    assert table.words == WORDS
    np.testing.assert_array_equal(table.matrix, MATRIX)
    assert table.matrix.dtype == np.float32


@pytest.mark.parametrize(
    ("form", "ending"),
    [
        (form, end)
        for form in formats.FORMATS
        for end in ("", ".gz", ".zst")
        if not (form == "safetensors" and end)
    ],
)
@pytest.mark.parametrize("subwords", [False, True])
def test_there_and_back(form: str, ending: str, subwords: bool, tmp_path: Path) -> None:
    table, path = of(300, 7, subwords=subwords), tmp_path / f"v{ending}"
    formats.write(table, path, form)
    assert formats.detect(path) == form
    again = formats.read(path)
    assert again.words == table.words
    np.testing.assert_array_equal(again.matrix, table.matrix)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if subwords and form in {"fasttext", "safetensors"}:
        assert again.subwords is not None
        assert again.subwords.orders == (2, 4)
        np.testing.assert_array_equal(again.subwords.rows, table.subwords.rows)  # type: ignore[union-attr]
        for name in ("counts", "own", "output"):
            np.testing.assert_array_equal(getattr(again, name), getattr(table, name))
    with pytest.raises(Problem, match="limit"):
        formats.read(path, Asked(0))


@pytest.mark.parametrize("form", formats.FORMATS)
def test_a_part_only(form: str, tmp_path: Path) -> None:
    table = of(300, 7, subwords=True)
    formats.write(table, tmp_path / "v", form)
    first = formats.read(tmp_path / "v", Asked(limit=10))
    assert first.words == table.words[:10]
    np.testing.assert_array_equal(first.matrix, table.matrix[:10])
    some = formats.read(tmp_path / "v", Asked(wanted={"w299", "w7", "unheard"}))
    assert some.words == ["w7", "w299"]
    np.testing.assert_array_equal(some.matrix, table.matrix[[7, 299]])
    assert formats.read(tmp_path / "v", Asked(wanted={"unheard"})).matrix.shape == (0, 7)


def test_bytes_of_binary_and_fasttext(tmp_path: Path) -> None:
    """Byte for byte what the word2vec program writes, and what fastText's program has read."""
    table = Table(["a", "é"], np.array([[1], [2]], np.float32))
    formats.write(table, tmp_path / "v", "word2vec-binary")
    assert (tmp_path / "v").read_bytes() == b"2 1\na \x00\x00\x80?\n\xc3\xa9 \x00\x00\x00@\n"
    write(tmp_path / "m.bin", MODEL)
    formats.write(formats.read(tmp_path / "m.bin"), tmp_path / "again.bin", "fasttext")
    assert (tmp_path / "again.bin").read_bytes() == MODEL


def test_own_rows_are_found_again(tmp_path: Path) -> None:
    """Vectors that were learned here keep no own rows: they follow from the composed ones."""
    table = of(100, 5, subwords=True)
    formats.write(Table(table.words, table.matrix, table.counts, table.subwords), tmp_path / "v", "fasttext")
    again = formats.read(tmp_path / "v")
    np.testing.assert_allclose(again.matrix, table.matrix, atol=1e-5)
    np.testing.assert_allclose(again.own, table.own, atol=1e-4)  # type: ignore[arg-type]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_any_number_comes_back(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("numbers") / "v"
    table = Table(["w"], np.array([values], np.float32))
    formats.write(table, path, "word2vec-text")
    np.testing.assert_array_equal(formats.read(path).matrix, table.matrix)


NUMBERS = [
    "1",
    "-1",
    "+1.5",
    ".5",
    "5.",
    "1e5",
    "1E-5",
    "-2.5e+3",
    "0.1234567890123456789012",
    "1e-30",
    "3e38",
]
NUMBERS += [
    "123456789012345678",
    "99999999999999999999",
    "1.17549435e-38",
    "1e-50",
    "0.000000000000000000001",
]
NUMBERS += ["16777217", "0.1", "9007199254740993", "3.4028235e38", "-0", "00012", "1e0000001"]


def test_numbers_are_what_python_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "v", "".join(f"w{i} {number}\n" for i, number in enumerate(NUMBERS)))
    expected = np.array([float(number) for number in NUMBERS]).astype(np.float32)
    np.testing.assert_array_equal(formats.read(path).matrix[:, 0], expected)


def test_blocks_and_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same from blocks of some bytes, which cut every line."""
    table = of(200, 3)
    formats.write(table, tmp_path / "v", "word2vec-text")
    monkeypatch.setattr(text_format, "BLOCK_BYTES", 37)
    again = formats.read(tmp_path / "v")
    assert again.words == table.words
    np.testing.assert_array_equal(again.matrix, table.matrix)
    write(tmp_path / "v", (tmp_path / "v").read_text().replace("w150 ", "w149 "))
    with pytest.raises(Problem, match=r"line 152.*w149"):
        formats.read(tmp_path / "v")


TEXT_DEFECTS = [
    ("2 2\na 1 2\n", "line 1", "promises 2 words, the file has 1"),
    ("1 2\na 1 2\nb 1 2\n", "line 1", "promises 1 words, the file has 2"),
    ("a 1 2\nb 1\n", "line 2", "1 numbers after the word, not 2"),
    ("a 1 2\nb 1 2 3\n", "line 2", "3 numbers after the word, not 2"),
    ("3 2\na 1 2\nb 1 2\na 3 4\n", "line 4", "'a' comes a second time"),
    ("a 1 2\nnew york 1 2\n", "line 2", "a blank in it"),
    ("a 1 2\nb 1 x\n", "line 2", "not a number: 'x'"),
    ("a 1 2\nb 1 1_0\n", "line 2", "not a number"),
    ("a 1 2\nb 1 2e\n", "line 2", "not a number"),
    ("a 1 2\nb 1 -\n", "line 2", "not a number"),
    ("a 1 2\nb nan 2\n", "line 2", "not finite"),
    ("a 1 2\nb 1 -inf\n", "line 2", "not finite"),
    ("a 1 2\nb 1 1e39\n", "line 2", "not finite"),
    ("a 1 2\n\nb 1 2\n", "line 2", "empty"),
    (b"a 1 2\nb\xff 1 2\n", "line 2", "0xff, is not UTF-8"),
    ("a\n", "line 1", "no vector"),
    ("0 4\n", "v", "no word vector"),
    ("5 0\n", "line 1", "no vector"),
    ("", "v", "empty"),
]


@pytest.mark.parametrize(("content", "where", "what"), TEXT_DEFECTS)
def test_defects_of_text(content: str | bytes, where: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        formats.read(write(tmp_path / "v", content))
    assert caught.value.where.endswith(where)
    assert what in caught.value.what
    assert caught.value.next_step


BINARY_DEFECTS = [
    (GENSIM_BINARY[:-1], "byte 95", "the file ends here; 16 bytes should follow byte 80"),
    (GENSIM_BINARY[:72], "byte 70", "ends within the word that begins here"),
    (GENSIM_BINARY + b"more", "byte 96", "goes on after the 4 words"),
    (GENSIM_BINARY.replace(b"queen", b"king"), "byte 25", "'king' comes a second time"),
    (GENSIM_BINARY.replace(b"queen", b"qu\xffen"), "byte 25", "not UTF-8"),
    (GENSIM_BINARY.replace(b"queen", b"q\tuen"), "byte 25", "a blank in it"),
    (GENSIM_BINARY.replace(struct.pack("<f", 0.1), struct.pack("<f", np.nan)), "byte 25", "not finite"),
    (b"0 4\na \0\0\0\0", "byte 0", "0 words"),
]


@pytest.mark.parametrize(("content", "where", "what"), BINARY_DEFECTS)
def test_defects_of_binary(content: bytes, where: str, what: str, tmp_path: Path) -> None:
    path = write(tmp_path / "v", content)
    with pytest.raises(Problem) as caught:
        formats.read(path)
    assert where in caught.value.where
    assert what in caught.value.what


def test_every_cut_of_a_fasttext_model_is_seen(tmp_path: Path) -> None:
    for size in range(5, len(MODEL)):
        with pytest.raises(Problem, match=r"byte [\d,]+: the file ends"):
            formats.read(write(tmp_path / "m.bin", MODEL[:size]))
    with pytest.raises(Problem, match="goes on"):
        formats.read(write(tmp_path / "m.bin", MODEL + b"x"))


def changed(offset: int, form: str, value: float) -> bytes:
    data = struct.pack("<" + form, value)
    return MODEL[:offset] + data + MODEL[offset + len(data) :]


WORDS_AT = 8 + 12 * 4 + 8  # the dictionary begins here
FLAG_AT = WORDS_AT + 28 + len("thenaïve日本".encode()) + 3 * 10


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        (changed(4, "i", 13), "byte 4", "version of this fastText model is 13"),
        (changed(8, "i", 0), "byte 8", "vectors of 0 numbers"),
        (changed(WORDS_AT, "i", 4), "byte 64", "4 entries, but 3 words and 0 labels"),
        (changed(WORDS_AT + 20, "q", 5), "m.bin", "pruned"),
        (changed(FLAG_AT, "B", 1), f"byte {FLAG_AT}", "quantised (.ftz), which is not read"),
        (changed(FLAG_AT + 1, "q", 11), f"byte {FLAG_AT + 1}", "a matrix of 11 x 2"),
        (changed(FLAG_AT + 17, "f", np.inf), f"byte {FLAG_AT + 17}", "not finite"),
        (MODEL.replace(b"the\0", b"t e\0"), "byte 92", "a blank in it"),
        (MODEL.replace(b"the\0", b"t\xffe\0"), "byte 92", "not UTF-8"),
        (MODEL.replace(b"the\0", "日本".encode() + b"\0"), "byte", "comes a second time"),
    ],
)
def test_defects_of_a_fasttext_model(content: bytes, where: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        formats.read(write(tmp_path / "m.bin", content))
    assert where in caught.value.where
    assert what in caught.value.what


def test_broken_words_are_left_out_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "v", b"a 1 2\n. . 3 4\nb\xff 5 6\na 7 8\nc 9 10\n")
    table = formats.read(path, Asked(skip_broken_words=True))
    assert table.words == ["a", "c"]
    assert table.matrix.tolist() == [[1, 2], [9, 10]]
    assert sorted(note.partition(": ")[2] for note in table.notes) == [
        "1 left out: a word came again",
        "1 left out: words that are not UTF-8",
        "1 left out: words with a blank in them",
    ]


def test_damaged_compression(tmp_path: Path) -> None:
    table, path = of(2000, 5), tmp_path / "v.gz"
    for form in ("word2vec-text", "word2vec-binary", "fasttext"):
        formats.write(table, path, form)
        write(path, path.read_bytes()[:-2000])
        with pytest.raises(Problem, match="damaged or cut off"):
            formats.read(path)


def test_a_folder_that_was_changed(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    formats.write(of(20, 3, subwords=True), folder)
    for name in ("vectors.safetensors", "training.safetensors", "words.txt"):
        before = (folder / name).read_bytes()
        for broken in (before[:-1], before[:-1] + bytes([before[-1] ^ 1])):
            write(folder / name, broken)
            with pytest.raises(Problem, match=name):
                formats.read(folder)
        write(folder / name, before)
    (folder / "training.safetensors").unlink()
    assert formats.read(folder).output is None
    header = json.loads((folder / "vectors.json").read_text())
    write(folder / "vectors.json", json.dumps(header | {"format_version": 99}))
    with pytest.raises(Problem, match="newer textladder"):
        formats.read(folder)
    with pytest.raises(Problem, match="no word vectors in this folder"):
        formats.read(tmp_path)


def test_a_folder_is_mapped_and_replaced_in_one_step(tmp_path: Path) -> None:
    folder = tmp_path / "v"
    formats.write(of(20, 3), folder)
    old = formats.read(folder)
    assert not old.matrix.flags.writeable
    before = old.matrix.copy()
    formats.write(of(30, 4, seed=1), folder)
    assert formats.read(folder).matrix.shape == (30, 4)
    np.testing.assert_array_equal(old.matrix, before)  # what was mapped is still there
    write(folder / "thesis.tex", "years of work")
    with pytest.raises(Problem, match=r"thesis\.tex"):
        formats.write(of(5, 3), folder)


@pytest.mark.parametrize("form", ["word2vec-text", "word2vec-binary", "glove", "fasttext"])
def test_words_that_a_format_cannot_hold(form: str, tmp_path: Path) -> None:
    for word in ("new york", "a\tb", "", "a\nb"):
        table = Table(["a", word], np.ones((2, 2), np.float32))
        with pytest.raises(Problem, match="word 1"):
            formats.write(table, tmp_path / "v", form)
    assert not any(tmp_path.iterdir())
    with pytest.raises(Problem, match="folder"):
        formats.write(of(2, 2), tmp_path, form)


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="Did you mean glove"):
        formats.write(of(2, 2), tmp_path / "v", "glov")


@pytest.mark.parametrize("form", ["word2vec-text", "word2vec-binary"])
def test_gensim_itself(form: str, tmp_path: Path) -> None:
    """Where gensim is installed: each reads what the other writes."""
    models = pytest.importorskip("gensim.models")
    table, binary = of(50, 9), form == "word2vec-binary"
    formats.write(table, tmp_path / "ours", form)
    read = models.KeyedVectors.load_word2vec_format(tmp_path / "ours", binary=binary)
    assert read.index_to_key == table.words
    np.testing.assert_array_equal(read.vectors, table.matrix)
    read.save_word2vec_format(tmp_path / "theirs", binary=binary)
    np.testing.assert_array_equal(formats.read(tmp_path / "theirs").matrix, table.matrix)
