"""`textladder compare` on labelled texts as a person and a program use it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.program import textladder, write_csv


def test_a_compare_prints_its_table_its_reason_and_where_things_are(reviews: Path, tmp_path: Path) -> None:
    """With most of its options at once; then as JSON, and the pick is used from the folder."""
    out, dev, test = (tmp_path / name for name in ("out", "dev.csv", "test.csv"))
    asked = ["compare", reviews, "--dev", write_csv(dev, 40, seed=1), "--test", write_csv(test, 60, seed=2)]
    asked += ["--rungs", "bow, ngrams", "--seeds", 2, "--budget", "5m", "--out", out]
    ended = textladder(*asked)
    assert ended.code == 0, ended.err
    assert "Text: column 'text'" in ended.err
    table = [line for line in ended.out.splitlines() if line.startswith("│")]
    assert [line.split("│")[2].strip() for line in table] == ["bow", "ngrams"]
    assert all(" ± " in line for line in table)  # of two seeds
    assert "test accuracy [95 %]" in ended.out
    assert "➤ the pick   ★ best on dev" in ended.out

    finished = {path: path.stat().st_mtime_ns for path in out.glob("runs/*/scores.json")}
    assert len(finished) == 2 * 2
    said = textladder(*asked, "--json")
    assert said.code == 0, said.err
    comparison = json.loads(said.out)
    assert len(said.out.splitlines()) == 1
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert comparison == json.loads((out / "compare.json").read_text(encoding="utf-8"))
    pick = comparison["pick"]
    assert pick["reason"] in ended.out
    assert ended.out.endswith(f"The page: {out / 'index.html'}   The model: {out / pick['model']}\n")
    assert (out / "index.html").is_file()
    assert comparison["data"].items() >= {"train": 120, "dev": 40, "test": 60}.items()
    for rung in ("bow", "ngrams"):
        assert [run["seed"] for run in comparison["runs"][rung]] == [1, 2]

    texts = "A lovely film.\nA dull plot.\n"
    predicted = textladder("predict", out, stdin=texts)
    assert [line.split("\t")[0] for line in predicted.out.splitlines()] == ["good", "bad"]
    assert predicted == textladder("predict", out / pick["model"], stdin=texts)
