"""ARPA files: what is written is read back, others' files are read, broken lines are named."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np
import pytest

from tests.ngrams.helpers import chunks, drawn, fitted, tokenised, vocabulary
from textladder.batch import Ragged
from textladder.errors import Problem
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.model import NgramModel

SIZE = 30
TEXTS = drawn(200, SIZE)

# As SRILM writes it: no backoff where there is none to say, <s> with -99, and a trigram ("b a b") whose
# ending ("a b") is no bigram.
SMALL = """
\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-0.7\t</s>
-99\t<s>\t-0.2
-0.6\ta\t-0.3
-0.5\tb\t-0.4
-1.0\t<unk>

\\2-grams:
-0.25\t<s> a\t-0.1
-0.3 a </s>
-0.35\tb a\t-0.15
-0.45\tb b

\\3-grams:
-0.05\t<s> a </s>
-0.06\tb a b

\\end\\
"""


def scores(model: NgramModel, texts: list[str]) -> list[list[float]]:
    """Base-10 logarithms of space-separated texts."""
    rows = [[model.unit_ids.get(word, 1) for word in text.split()] for text in texts]
    found = model.log_probs(Ragged.of(rows))
    return [(found[row] / math.log(10)).tolist() for row in range(len(rows))]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
@pytest.mark.parametrize("settings", [{"order": 1}, {"order": 2}, {"order": 4, "prune": (0, 0, 1)}])
def test_written_and_read_back(name: str, settings: dict[str, object], tmp_path: Path) -> None:
    model = fitted(TEXTS, SIZE, tmp_path / "model", NgramConfig(**settings))  # type: ignore[arg-type]
    model.arpa(tmp_path / name)
    again = NgramModel.from_arpa(tmp_path / name, tmp_path / "again")
    assert (again.vocabulary, again.about.starts) == (model.vocabulary, model.about.starts)
    for first, second in zip(again.arrays[:4], model.arrays[:4], strict=True):
        np.testing.assert_array_equal(first, second)
    for first, second in zip(again.arrays[4:6], model.arrays[4:6], strict=True):
        np.testing.assert_allclose(first, second, atol=3e-7, rtol=3e-7)
    assert NgramModel.load(tmp_path / "again").about == again.about
    again.arpa(tmp_path / "twice.arpa")
    opened = gzip.open if name.endswith(".gz") else open
    with opened(tmp_path / name, "rt", encoding="utf-8") as file:
        first_lines, second_lines = file.read().split("\n"), (tmp_path / "twice.arpa").read_text().split("\n")
    assert [line.split("\t")[1:2] for line in first_lines] == [line.split("\t")[1:2] for line in second_lines]


def test_text_of_the_file(tmp_path: Path) -> None:
    weights = (0.5, 0.5)
    config = NgramConfig(order=1, estimator="interpolation", weights=weights)
    fitted([[4, 4, 5]], 6, tmp_path / "model", config).arpa(tmp_path / "m.arpa")
    logs = [math.log10(0.5 * share + 0.5 / 4) for share in (0, 0.25, 0.5, 0.25)]
    lines = [f"{value:.7f}".rstrip("0") for value in logs]
    assert (tmp_path / "m.arpa").read_text().split("\n") == [
        *("\\data\\", "ngram 1=5", "", "\\1-grams:", f"{lines[0]}\t<unk>", "-99\t<s>"),
        *(f"{lines[1]}\t</s>", f"{lines[2]}\tw4", f"{lines[3]}\tw5", "", "\\end\\", ""),
    ]


def test_others_files_are_scored_by_the_rules_of_backing_off(tmp_path: Path) -> None:
    model = NgramModel.from_arpa(written(tmp_path / "small.arpa", SMALL), tmp_path / "model")
    assert model.vocabulary == ["<pad>", "<unk>", "<s>", "</s>", "a", "b"]
    found = scores(model, ["a", "b a b", "a b", "zzz a"])
    expected = [
        [-0.25, -0.05],
        [-0.2 - 0.5, -0.35, -0.06, -0.4 - 0.7],
        [-0.25, -0.1 - 0.3 - 0.5, -0.4 - 0.7],
        [-0.2 - 1.0, -0.6, -0.3],
    ]
    for row, wanted in zip(found, expected, strict=True):
        assert row == pytest.approx(wanted, abs=1e-6)


def test_missing_special_units_are_added_and_reported(tmp_path: Path) -> None:
    text = SMALL.replace("ngram 1=5", "ngram 1=4").replace("-1.0\t<unk>\n", "")
    model = NgramModel.from_arpa(written(tmp_path / "small.arpa", text), tmp_path / "model")
    assert model.about.notes == ("the ARPA file has no <unk>; it was added with a probability of 0",)
    assert scores(model, ["zzz"])[0][0] == -math.inf
    upper = SMALL.replace("<unk>", "<UNK>")
    model = NgramModel.from_arpa(written(tmp_path / "upper.arpa", upper), tmp_path / "model")
    assert model.vocabulary[:5] == ["<pad>", "<unk>", "<s>", "</s>", "a"]
    assert scores(model, ["zzz"])[0][0] == pytest.approx(-1.2)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("\\data\\", "\\date\\", 2, "does not begin with"),
        ("ngram 2=4", "ngram 3=4", 4, "stands where ngram 2=NUMBER should"),
        ("ngram 2=4", "ngram 2=0", 7, "at least one of each"),
        ("\\1-grams:", "\\2-grams:", 7, "stands where"),
        ("-0.7\t</s>", "-0.7", 8, "is not a logarithm"),
        ("-0.7\t</s>", "0.7\t</s>", 8, "above 0"),
        ("-0.7\t</s>", "nan\t</s>", 8, "not finite"),
        ("-0.7\t</s>", "-0.7\ta", 10, "'a' comes twice"),
        ("ngram 1=5", "ngram 1=6", 14, "is not a logarithm"),
        ("ngram 1=5", "ngram 1=4", 12, "stands where"),
        ("-0.35\tb a", "-0.35\tb c", 17, "not among the 1-grams"),
        ("-0.35\tb a", "-0.3x\tb a", 17, "numbers"),
        ("-0.35\tb a", "0.35\tb a", 17, "above 0"),
        ("-0.35\tb a\t-0.15", "-0.35\tb", 17, "too few fields"),
        ("-0.35\tb a\t-0.15", "-0.35\tb a\t-0.15 3", 17, "too few fields or too many"),
        ("-0.35\tb a\t-0.15", "-0.35\tb a\tx", 17, "numbers"),
        ("-0.35\tb a", "-0.35\tb b", 18, "comes twice"),
        ("ngram 2=4", "ngram 2=5", 19, "ends after 4 of 5 2-grams"),
        ("ngram 2=4", "ngram 2=3", 18, "stands where"),
        ("-0.06\tb a b", "-0.06\tb a b\t-0.1", 22, "too many"),
        ("-0.06\tb a b", "-0.06\ta b b", 22, "its first 2 units are not among the 2-grams"),
        ("\\end\\", "\\fin\\", 24, "stands where"),
    ],
)
def test_broken_lines_are_named(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "small.arpa", SMALL.replace(old, new, 1))
    with pytest.raises(Problem) as caught:
        NgramModel.from_arpa(path, tmp_path / "model")
    assert caught.value.where == f"{path}, line {line}"
    assert said in caught.value.what
    assert not (tmp_path / "model").exists()


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = len(SMALL.rstrip())
    for size in range(1, whole):
        path = written(tmp_path / "small.arpa", SMALL[:size])
        with pytest.raises(Problem):
            NgramModel.from_arpa(path, tmp_path / "model")


def test_windows_line_ends_and_exponents(tmp_path: Path) -> None:
    text = SMALL.replace("-0.05\t", "-5e-2\t").replace("\n", "\r\n")
    model = NgramModel.from_arpa(written(tmp_path / "small.arpa", text), tmp_path / "model")
    assert scores(model, ["a"])[0] == pytest.approx([-0.25, -0.05])


def test_units_of_white_space_are_escaped(tmp_path: Path) -> None:
    ids, pieces = tokenised("tiny_shakespeare/input.txt", "character", 500)
    assert " " in pieces
    model = NgramModel.fit([ids], pieces, NgramConfig(order=3), tmp_path / "model")
    model.arpa(tmp_path / "m.arpa")
    assert "<U+0020>" in (tmp_path / "m.arpa").read_text(encoding="utf-8")
    again = NgramModel.from_arpa(tmp_path / "m.arpa", tmp_path / "again")
    assert again.vocabulary == pieces
    np.testing.assert_allclose(again.log_probs(ids).flat, model.log_probs(ids).flat, atol=1e-5)


def test_what_the_format_cannot_say_is_refused(tmp_path: Path) -> None:
    for name in ("stupid-backoff", "add-k"):
        model = fitted(TEXTS, SIZE, tmp_path / name, NgramConfig(order=2, estimator=name))  # type: ignore[arg-type]
        with pytest.raises(Problem, match=f"cannot say what {name} gives"):
            model.arpa(tmp_path / "m.arpa")
    for unit in ("", "<U+0020>"):
        words = [*vocabulary(6), unit]
        odd = NgramModel.fit(chunks([[4, 5, 6]]), words, NgramConfig(order=1), tmp_path / "odd")
        with pytest.raises(Problem, match="cannot be told from another"):
            odd.arpa(tmp_path / "m.arpa")
    assert not (tmp_path / "m.arpa").exists()
