"""A language model of ours: `textladder train --task language` in this process, its figures read from the run
folder that it leaves."""

from __future__ import annotations

import contextlib
import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child, held_out

PROBE_SECONDS = 20.0


def job(
    rung: str,
    train: str,
    valid: str,
    units: str,
    settings: tuple[str, ...] = (),
    target: float | None = None,
    seconds: float | None = None,
) -> dict[str, Any]:
    """valid: the text that is judged; it chooses the best weights too, which for peers are the last.

    target: held-out nats per character; "seconds_to_target" is of training, without scoring. seconds: of
    training, which the learning rate falls over; how many epochs they are is tried before.
    """
    given = list(settings)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        if seconds is not None:
            short = [*given, "training.epochs=1000", f"training.max_seconds={min(PROBE_SECONDS, seconds)}"]
            run(rung, train, valid, units, [*short, "training.log_every=2"], folder / "probe")
            epochs = seconds * epochs_per_second(folder / "probe" / "log.jsonl")
            given += [f"training.epochs={epochs:.6f}", f"training.max_seconds={seconds}"]
        began = time.perf_counter()
        scores = run(rung, train, valid, units, given, folder / "run")
        whole = time.perf_counter() - began
        memory = child.peak_memory_mb()  # before units are counted, which takes more for a larger file
        checks = checks_of(folder / "run" / "log.jsonl")
        many = count(folder / "run" / "model" / "tokenizer.json", train)
    test, took = scores["test"]["scores"], scores["training_seconds"]
    found = {
        "seconds": took,
        "whole_seconds": whole,
        "units_per_second": many * scores["epochs"] / took if took else None,
        "nats": test["bits_per_unit"] * math.log(2),
        "bits_per_character": test["bits_per_character"],
        "interval": scores["test"]["interval"],
        "epochs": scores["epochs"],
        "parameters": scores.get("parameters"),
        "vocabulary": scores["tokenizer"]["vocabulary"],
        "precision": scores.get("precision"),
        "size_mb": scores["size_mb"],
        "training_peak_memory_mb": memory,
        "checks": checks,
    }
    return found | ({} if target is None else {"seconds_to_target": held_out.crossing(checks, target)})


def run(
    rung: str, train: str, valid: str, units: str, settings: list[str], out: Path, *more: str
) -> dict[str, Any]:
    """`textladder train`; what its scores.json holds."""
    from textladder.cli import app

    command = ["train", train, "--task", "language", "--rung", rung, "--units", units, "--out", str(out)]
    command += ["--dev", valid, "--test", valid, *more]
    for setting in settings:
        command += ["--set", setting]
    with contextlib.redirect_stdout(sys.stderr):
        app(command, standalone_mode=False)
    return json.loads((out / "scores.json").read_text(encoding="utf-8"))


def checks_of(log: Path) -> list[held_out.Check]:
    """(seconds, nats per character)"""
    return [(event["seconds"], event["dev_score"] * math.log(2)) for event in events(log, "check")]


def epochs_per_second(log: Path) -> float:
    """Without the first steps, which are slower than all that follow."""
    steps = events(log, "step")
    first, last = (steps[1], steps[-1]) if len(steps) > 2 else ({"epoch": 0.0, "seconds": 0.0}, steps[-1])
    return (last["epoch"] - first["epoch"]) / max(last["seconds"] - first["seconds"], 1e-3)


def events(log: Path, kind: str) -> list[dict[str, Any]]:
    """Lines of a kind; counted models have no log."""
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return [event for event in map(json.loads, lines) if event["event"] == kind]


def count(tokenizer: Path, train: str) -> int:
    """Units of the training text, as the tokenizers library cuts it."""
    from tokenizers import Tokenizer

    library, total = Tokenizer.from_file(str(tokenizer)), 0
    with Path(train).open(encoding="utf-8", newline="") as file:
        while lines := file.readlines(1 << 22):
            total += sum(len(one.ids) for one in library.encode_batch(lines, add_special_tokens=False))
    return total


if __name__ == "__main__":
    child.run(job)
