"""The benchmarks of word vectors: how figures become tables. Nothing is timed here."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import harness, vectors, vectors_jobs
from benchmarks.jobs import Line
from benchmarks.ours import vectors_data

FILES = {"file": "corpus.txt", "words": 10, "text": "v.txt", "binary": "v.bin", "queries": ["a"]}


@pytest.fixture(autouse=True)
def no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vectors_jobs, "made", lambda make, **_: FILES)
    monkeypatch.setattr(vectors_jobs, "SAVED", tmp_path)


def quality(value: float) -> dict[str, Any]:
    one = {"spearman": value, "interval": [value - 0.1, value + 0.1], "coverage": 0.9, "pairs": 1000}
    section = {
        "cosadd": value,
        "cosmul": None,
        "cosadd_interval": [0.0, 1.0],
        "coverage": 0.5,
        "questions": 20,
    }
    return {"similarity": value, "sets": {"WS": one}, "analogies": {"total": section}}


@pytest.mark.parametrize("name", vectors_jobs.JOBS)
def test_every_line_names_systems_that_are_measured(name: str) -> None:
    job = vectors_jobs.JOBS[name](True, 1)
    systems = {system.name for system in job.systems}
    for line in job.lines:
        assert line.ours in systems
        assert line.peer in systems
    assert json.dumps([system.arguments for system in job.systems])


def test_what_the_issue_asks_is_asked() -> None:
    asked = {
        (line.what, line.peer): line.reach
        for job in vectors_jobs.JOBS.values()
        for line in job(True, 1).lines
        if line.reach is not None
    }
    assert asked[("skip-gram: training", "gensim skip-gram")] == 4
    assert asked[("CBOW: training", "gensim CBOW")] == 2
    assert asked[("subwords 3-6: training", "fastText 3-6")] == 4
    assert asked[("skip-gram: peak memory", "gensim skip-gram")] == 1.5
    assert asked[("loading 400,000 x 300, text", "gensim loading, text")] == 1 / 3
    assert asked[("skipgram: 2 threads over 1", "skipgram, 1 thread")] == 1.8


def test_saved_vectors_are_judged_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, folder = tmp_path / "peer.bin", tmp_path / "ours"
    file.write_text("")
    folder.mkdir()
    (folder / "words.txt").write_text("")
    monkeypatch.setattr(
        vectors, "run_once", lambda system, threads: {p: quality(0.3) for p in system.arguments["paths"]}
    )
    runs: dict[str, list[harness.Result]] = {
        "ours": [{"seconds": 1, "vectors": str(folder)}],
        "peer": [{"seconds": 2, "vectors": str(file)}, {"error": "killed"}],
    }
    vectors.judge(runs, 1)
    assert not list(tmp_path.iterdir())
    assert runs["ours"][0]["accuracy"] == runs["peer"][0]["analogies"] == 0.3
    assert runs["peer"][1] == {"error": "killed"}


def test_tables() -> None:
    runs = {
        "ours": [
            {"seconds": 1.0, "accuracy": 0.3, "analogies": 0.2, "quality": quality(0.3)},
            {"seconds": 3.0, "accuracy": 0.5, "analogies": 0.2, "quality": quality(0.5)},
        ],
        "peer": [{"error": "killed"}],
    }
    job = vectors.completed({"cbow": {"runs": runs, "lines": [], "apart": []}})["cbow"]
    told = vectors.quality_table({"job": job})
    assert "WS (90% of 1,000) | 50.0 [40, 60] |" in told
    assert "analogies, total, 3CosMul (50% of 20) |  |" in told
    assert "| 0.400 (0.300 to 0.500) | 0.200 (0.200 to 0.200) |" in vectors.systems_table({"job": job})
    assert vectors.quality_table({}) == ""


def test_a_system_that_is_judged_apart_has_the_quality_of_its_full_run() -> None:
    line = Line("speed", "ours", "rate", "words/s", "higher", 4.0, "peer", quality=True)
    timed = {"ours": [{"rate": 8.0, "accuracy": 0.1}], "peer": [{"rate": 1.0, "accuracy": 0.2}]}
    cbow = {"runs": timed, "lines": [asdict(line)], "apart": ["ours", "peer"]}
    full = {
        name: {"accuracy": value, "quality": quality(value)} for name, value in (("ours", 0.5), ("peer", 0.4))
    }
    row = vectors.completed({"cbow": cbow, "full": {"ours": full["ours"]}})["cbow"]["rows"][0]
    assert row["met"] is None  # of the peer nothing is known yet
    jobs = vectors.completed({"cbow": cbow, "full": full})
    row = jobs["cbow"]["rows"][0]
    assert (row["met"], row["quality"], row["ratio"]) == (True, [0.5, 0.4], 8)
    assert "| 50.0 [40, 60] | 40.0 [30, 50] |" in vectors.quality_table(jobs)


def test_the_corpus_is_cut_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors_data, "OUT", tmp_path)
    monkeypatch.setattr(vectors_data, "texts", lambda: iter(["The Cat sat.", "", "A dog"]))
    once, thrice = vectors_data.corpus(True), vectors_data.corpus(True, 3)
    assert Path(once["file"]).read_text() == "the cat sat\na dog\n"
    assert (once["words"], thrice["words"]) == (5, 15)
    assert Path(thrice["file"]).read_text() == Path(once["file"]).read_text() * 3


def test_made_up_vectors_are_the_same_in_text_and_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    monkeypatch.setattr(vectors_data, "OUT", tmp_path)
    made = vectors_data.made_up(True)
    lines = Path(made["text"]).read_text().splitlines()
    packed = Path(made["binary"]).read_bytes()
    assert lines[0] == "2000 20"
    start = packed.index(b" ", packed.index(b"\n")) + 1
    first = np.frombuffer(packed[start : start + 80], np.float32)
    assert np.allclose(first, np.array(lines[1].split()[1:], np.float32))
    assert len(lines) == 2001
