"""What look says of pairs: each side, one beside the other, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.program import refused, textladder
from textladder.looking import look_at

ENGLISH = ["a dog runs", "", "a dog runs", "two cats", "Berlin", "no", "A  dog runs", "yes"]
GERMAN = ["ein Hund", "leer", "ein Hund", "zwei", "Berlin", "n" * 20, "ein hund", " "]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "a.en", tmp_path / "a.de"
    for path, lines in zip(made, (ENGLISH, GERMAN), strict=True):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return made


def test_counted_by_hand(files: tuple[Path, Path]) -> None:
    ended = textladder("look", *files, "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["rows"] == 8
    sides = found["sides"]
    assert sides["characters"] == {"first": [2, 8, 10, 11], "second": [4, 8, 8, 20]}
    assert sides["words"]["first"] == [1, 2, 3, 3]
    assert sides["empty"] == {
        "first": {"count": 1, "first": ["a.en:2"]},
        "second": {"count": 1, "first": ["a.en:8"]},
    }
    assert sides["same"] == {"count": 1, "first": ["a.en:5"]}
    assert sides["repeated"] == {"count": 2, "first": ["a.en:3", "a.en:7"]}
    assert sides["apart"] == {"2": 1, "3": 1, "5": 1, "9": 1}
    assert sides["farthest"] == {"count": 1, "first": ["a.en:6"]}
    assert sides["ratio"][-1] == 10
    assert not any("without a label" in line for line in found["warnings"])
    said = textladder("look", *files).out
    for part in (
        "a.en: 8 pairs", "empty first: 1 (a.en:2) (data.empty)", "repeated pairs: 2 (a.en:3, a.en:7)",
        "both texts the same: 1 (a.en:5)", "the farthest apart: a.en:6", "2 pairs repeating an earlier one",
    ):  # fmt: skip
        assert part in said


def test_a_table_and_built_in_pairs(tmp_path: Path) -> None:
    table = tmp_path / "p.tsv"
    rows = zip(ENGLISH, GERMAN, strict=True)
    table.write_text("source\ttarget\n" + "".join(f"{a}\t{b}\n" for a, b in rows), encoding="utf-8")
    found = look_at(str(table), None, None, [], "translate").sides
    assert found is not None
    assert found.repeated.first == ["p.tsv:4", "p.tsv:8"]
    labelled = tmp_path / "l.csv"
    labelled.write_text("premise,hypothesis,label\na b,a,x\nc,d e,y\n", encoding="utf-8")
    found = look_at(str(labelled), None, None, [], "pair").sides
    assert found is not None
    assert found.words["second"] == [1, 1, 1, 2]


def test_files_of_unequal_length(files: tuple[Path, Path]) -> None:
    files[1].write_text("\n".join(GERMAN[:5]), encoding="utf-8")
    refused(textladder("look", *files), "a.en, line 6", "a.de has no such line: it ends after 5", "'no'")
