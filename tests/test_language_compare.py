"""Comparing language models: trained ones end to end, and invented answers for what cannot be trained in a
test."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.program import refused, textladder
from tests.test_language_estimator import lines
from textladder.compare import compare_rungs
from textladder.comparing import plain, read_blocks, side_by_side, statistic_of, summarise
from textladder.errors import Problem
from textladder.inspection.blocks import find_blocks
from textladder.inspection.page import write_page
from textladder.loading import load_model
from textladder.measuring import measure_stream
from textladder.preparing import Part
from textladder.recipe import task_of
from textladder.streams import part_starts
from textladder.text.corpus import Corpus
from textladder.text.documents import GivenDocuments, open_documents
from textladder.text.reading import DataConfig

TINY = """rung = "{name}"
[data]
dev_share = 0.05
test_share = 0.05
[tokenizer]
units = "character"
max_length = 32
unicode = "none"
lowercase = false
html = false
[encoder]
name = "gru"
embedding_dim = 16
hidden_dim = 16
pooling = "last"
[task]
name = "language"
[training]
epochs = 1
precision = "float32"
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """ngram with three kinds of units and a small net."""
    folder = tmp_path_factory.mktemp("compared")
    tiny = folder / "tiny.toml"
    tiny.write_text(TINY.format(name="tiny"), encoding="utf-8")
    text = lines(folder / "a.txt", 1200)
    out = folder / "out"
    found = compare_rungs(
        str(text), out, task="language", rungs=["ngram", str(tiny)], units=["character", "word", "bpe"]
    )
    return out, found


def test_rungs_of_different_units_stand_in_one_table(compared: tuple[Path, dict[str, Any]]) -> None:
    out, found = compared
    rows = {row["rung"]: row for row in found["rows"]}
    assert set(rows) == {
        f"{rung}-{unit}" for rung in ("ngram", "tiny") for unit in ("character", "word", "bpe")
    }
    assert (found["metric"], found["higher_is_better"]) == ("bits_per_character", False)
    assert found["best"] == min(rows, key=lambda name: rows[name]["dev"])
    for row in rows.values():
        low, high = row["interval"]
        assert low <= row["score"] <= high
        assert row["latency_p50_ms"] > 0
        assert row["throughput"] > 0
        assert row["texts"] == rows["ngram-word"]["texts"] > 1
        assert row["difference"] is None or row["difference"] == pytest.approx(
            row["score"] - rows[found["best"]]["score"], abs=1e-6
        )
    # The numbers of the table are those of the runs.
    for rung, (run,) in found["runs"].items():
        scores = json.loads((out / run["folder"] / "scores.json").read_text(encoding="utf-8"))
        assert rows[rung]["score"] == scores["test"]["score"]
        assert rows[rung]["interval"] == pytest.approx(scores["test"]["interval"], abs=1e-4)
        assert scores["training_characters"] > 0
        assert scores["training_units_per_second"] > 0
    assert "characters/s" in plain(found)
    assert "test blocks" in found["pick"]["reason"]
    assert load_model(out).recipe.rung == found["pick"]["rung"]


def test_the_page_tells_of_blocks_not_of_labels(compared: tuple[Path, dict[str, Any]]) -> None:
    page = (compared[0] / "index.html").read_text(encoding="utf-8")
    anchors = re.findall(r'<section id="([a-z-]+)"', page)
    assert {"answer", "table", "measures", "hardest", "disagreement"} <= set(anchors)
    assert not {"confusion", "calibration"} & set(anchors)
    assert "perplexity per word" in page
    assert "textladder generate" in page
    assert "textladder predict" not in page


def test_a_compare_of_another_task_or_of_two_equal_names_is_refused(tmp_path: Path) -> None:
    text = str(lines(tmp_path / "a.txt", 300))
    paths = [tmp_path / "one.toml", tmp_path / "two.toml"]
    for path in paths:
        path.write_text(TINY.format(name="same"), encoding="utf-8")
    with pytest.raises(Problem, match="called 'same' too"):
        compare_rungs(text, tmp_path / "out", task="language", rungs=list(map(str, paths)))
    with pytest.raises(Problem, match="for the task language, not classify"):
        compare_rungs(text, tmp_path / "out", task="classify", rungs=[str(paths[0])])
    refused(textladder("compare", text, "--out", tmp_path / "out", "--units", "character,wrod"), "wrod")


def test_the_task_is_that_of_the_rungs(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(TINY.format(name="mine"), encoding="utf-8")
    assert task_of([], "classify") == "classify"
    assert task_of(["bow"], "classify") == "classify"
    assert task_of(["lstm"], "classify") == "classify"  # there is one for both
    assert task_of(["gpt"], "classify") == "language"
    assert task_of(["lstm", "gpt", str(mine)], "classify") == "language"
    assert task_of(["nothing"], "classify") == "classify"  # the rung is what is wrong
    text = lines(tmp_path / "a.txt", 30)
    refused(textladder("train", text, "--out", tmp_path / "run"), "--task language")


def test_a_share_of_text_is_its_end_or_whole_documents(tmp_path: Path) -> None:
    one = Corpus.read(open_documents(lines(tmp_path / "a.txt", 300), DataConfig()), tmp_path / "one")
    whole = Part(one, np.arange(len(one)))
    assert whole.first(0.3, 1).rows.tolist() == list(range(len(one)))[-round(0.3 * len(one)) :]
    texts = ["a long story. " * 200 for _ in range(20)]
    many = Corpus.read(GivenDocuments(texts), tmp_path / "many")
    whole = Part(many, np.arange(len(many)))
    small, large = whole.first(0.2, 1), whole.first(0.5, 1)
    assert set(small.rows) < set(large.rows) < set(whole.rows)
    for part, documents in ((small, 4), (large, 10)):
        assert part_starts(part).sum() == documents
        assert len(part) == documents * len(whole) // 20


def test_cost_is_measured_of_a_text_of_one_block(compared: tuple[Path, dict[str, Any]]) -> None:
    out, found = compared
    short = Corpus.of(["the king"])
    for (run,) in found["runs"].values():
        cost = measure_stream(load_model(out / run["folder"]), Part(short, np.arange(1)))
        assert 0 < cost["latency_ms"]["p50"] <= cost["latency_ms"]["p95"]
        assert cost["throughput"] > 0


# --- with invented answers ---


def invented(folder: Path, bits: dict[str, float], seeds: int = 2, blocks: int = 40) -> dict[str, Any]:
    """Runs of rungs with these mean bits per character, of all and of a third of the text."""
    draw = np.random.default_rng(0)
    sizes = draw.integers(400, 1000, blocks)
    hard = draw.normal(0, 0.2, blocks)
    runs = []
    for rung, mean in bits.items():
        for seed in range(1, seeds + 1):
            for share in (0.3, 1.0):
                cost = sizes * (mean + 0.3 * (1 - share) + hard + draw.normal(0, 0.05, blocks))
                name = f"runs/{rung}-seed{seed}-{share}"
                runs.append((name, share, _run(folder / name, rung, seed, share, sizes, cost)))
    return summarise(
        runs, folder=folder, stopped={}, command="compare", data={"file": "a.txt"}, environment={}
    )


def _run(folder: Path, rung: str, seed: int, share: float, sizes: Any, cost: Any) -> dict[str, Any]:
    folder.mkdir(parents=True)
    score = float(cost.sum() / sizes.sum())
    part = {"score": score, "interval": [score - 0.1, score + 0.1], "count": len(sizes)}
    scores = {
        "task": "language", "rung": rung, "seed": seed, "units": "character", "metric": "bits_per_character",
        "higher_is_better": False, "dev": part, "training_texts": 100,
        "training_characters": int(1e6 * share), "training_seconds": 10 * len(rung),
        "size_mb": len(rung), "latency_ms": {"p50": len(rung), "p95": 9},
        "tokenizer": {"vocabulary": 60},
        "test": {**part, "scores": {"bits_per_character": score, "perplexity": None}, "details": {}},
    }  # fmt: skip
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for i, (size, bits) in enumerate(zip(sizes.tolist(), cost.tolist(), strict=True)):
            line = {"where": f"a.txt:{i}", "text": f"<b>{i}</b>" * 60, "bits": bits, "characters": size}
            file.write(json.dumps(line) + "\n")
    return scores


def test_fewer_bits_are_better_and_a_cheaper_rung_is_picked_if_it_is_not_worse(tmp_path: Path) -> None:
    found = invented(tmp_path, {"n": 2.01, "lstm": 2.0, "gru": 2.6})
    rows = {row["rung"]: row for row in found["rows"]}
    assert found["best"] == min(rows, key=lambda name: rows[name]["dev"])
    assert rows["gru"]["difference"] > 0.5
    assert rows["gru"]["p"] < 0.05
    assert found["pick"]["rung"] == "n"
    assert rows["n"]["seeds"] == [1, 2]
    curve = found["learning_curve"]["lstm"]
    assert [point["texts"] for point in curve["points"]] == [300_000, 1_000_000]
    assert "from 300,000 to 1,000,000 characters" in curve["verdict"]
    assert curve["verdict"].startswith("More data would probably help")
    write_page(tmp_path, found)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "tested once on 40 blocks" in page
    assert "&lt;b&gt;3&lt;/b&gt;" in page
    assert "<b>3</b>" not in page


def test_the_score_of_a_rung_is_all_bits_over_all_characters(tmp_path: Path) -> None:
    invented(tmp_path, {"a": 2.0}, seeds=1)
    path = tmp_path / "runs" / "a-seed1-1.0" / "predictions.jsonl"
    said = list(read_blocks(path))
    whole = sum(block.bits for block in said) / sum(block.characters for block in said)
    assert statistic_of([path], "bits_per_character", []).value == pytest.approx(whole)
    path.write_text('{"where": "a", "text": "t", "label": "x", "predicted": "x"}\n', encoding="utf-8")
    with pytest.raises(Problem, match="no prediction"):
        list(read_blocks(path))


def test_the_hardest_blocks_and_those_on_which_rungs_differ(tmp_path: Path) -> None:
    invented(tmp_path, {"a": 2.0, "b": 2.2}, seeds=1)
    files = {rung: tmp_path / "runs" / f"{rung}-seed1-1.0" / "predictions.jsonl" for rung in ("a", "b")}
    rows = list(side_by_side(files, read_blocks))
    found = find_blocks(rows, files, examples=5)
    assert found.texts == len(rows) == 40
    mean = sorted(rows, key=lambda row: -(row["a"].bits + row["b"].bits) / row["a"].characters)
    assert [one.where for one in found.hardest] == [row["a"].where for row in mean[:5]]
    apart = sorted(rows, key=lambda row: -abs(row["a"].bits_per_character - row["b"].bits_per_character))
    assert [one.where for one in found.between] == [row["a"].where for row in apart[:5]]
    assert found.wins[0][1] + found.wins[1][0] == 40
    assert found.wins[0][1] > found.wins[1][0]
