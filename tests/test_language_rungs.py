"""Every rung of language models through the program: trained a few steps, stopped and resumed, scored, asked
for text."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import SMALL, settings
from tests.program import textladder
from tests.test_language_estimator import lines
from tests.training.test_resuming import stop_after
from textladder import measuring, recipe

COUNTED = "ngram"
TRAINED = [rung for rung in recipe.rungs("language") if rung != COUNTED]
SHORT: dict[str, Any] = {
    "tokenizer.max_length": 16,
    "training.batch_texts": 4,
    "training.epochs": 1,
    "training.max_steps": 4,
    "training.log_every": 1,
    "training.save_seconds": 0,
    "training.precision": '"float32"',
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lines(tmp_path_factory.mktemp("text") / "text.txt", 60)


@pytest.fixture(autouse=True)
def hardly_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MANY_SECONDS", 0.0)
    monkeypatch.setattr(measuring, "ONE_TEXTS", 1)


def command(text: Path, rung: str, out: Path, *more: str) -> list[object]:
    config, values = recipe.rung(rung, "language").encoder, dict[str, Any]()
    if rung != COUNTED:
        here = {field.name for field in fields(config)} & set(SMALL)  # type: ignore[arg-type]
        values = {f"encoder.{name}": SMALL[name] for name in here} | SHORT
    words = ("train", text, "--task", "language", "--rung", rung, "--units", "character", "--out", out)
    return [*words, *settings(values), *more]


def assert_scores_and_writes(folder: Path, text: Path) -> None:
    scored = textladder("score", folder, text, "--json")
    assert scored.code == 0, scored.err
    found = json.loads(scored.out)
    assert found["units_predicted"] == len(text.read_text(encoding="utf-8")) + 1
    assert 0.1 < found["bits_per_character"] < 6  # there are 24 characters: 4.6 bits where nothing is learned
    asked = ("generate", folder, "--prompt", "the ", "--length", 20, "--ignore-end", "--seed", 1)
    written = [textladder(*asked) for _ in range(2)]
    assert [ended.code for ended in written] == [0, 0], written[0].err
    assert written[0].out == written[1].out
    assert written[0].out.startswith("the ")
    assert len(written[0].out) == 25  # and the end of the line


@pytest.mark.parametrize(
    ("rung", "more"),
    [*((rung, ()) for rung in TRAINED), ("neural-ngram", ("--set", "encoder.direct=true"))],
    ids=[*TRAINED, "neural-ngram direct"],
)
def test_a_rung_trains_stops_resumes_scores_and_writes(
    rung: str, more: tuple[str, ...], text: Path, tmp_path: Path
) -> None:
    whole = textladder(*command(text, rung, tmp_path / "whole", *more))
    assert whole.code == 0, whole.err
    parts = command(text, rung, tmp_path / "parts", "--resume", *more)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(2, patch, lambda: os.kill(os.getpid(), signal.SIGTERM))
        assert textladder(*parts).code == 128 + signal.SIGTERM
    ended = textladder(*parts)
    assert ended.code == 0, ended.err
    assert "continuing at step 2" in ended.err
    one, other = (tmp_path / name / "model" / "weights.safetensors" for name in ("whole", "parts"))
    assert one.read_bytes() == other.read_bytes()
    assert_scores_and_writes(tmp_path / "parts", text)


def test_the_counted_rung_scores_and_writes(text: Path, tmp_path: Path) -> None:
    ended = textladder(*command(text, COUNTED, tmp_path / "run"))
    assert ended.code == 0, ended.err
    assert_scores_and_writes(tmp_path / "run", text)
