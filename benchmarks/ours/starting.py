"""How long the command line takes to answer and packages to import, and what each command imports."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child

HEAVY = (
    "torch",
    "numba",
    "sklearn",
    "scipy",
    "pyarrow",
    "pandas",
    "plotly",
    "babel",
    "tokenizers",
    "pydantic",
)
HEAVY += ("numpy", "rich")
COMMAND_CALLS = 3  # of which the first may wait for the disk, or compile
QUICKLY = ["--rung", "bow", "--set", "training.epochs=1"]
IMPORT = "import time; b = time.perf_counter(); import {0}; print(time.perf_counter() - b)"
RUN = """
import contextlib, io, json, sys
arguments = json.loads(sys.argv[1])
from textladder.cli import app
with contextlib.redirect_stdout(io.StringIO()):
    app(arguments, standalone_mode=False)
print(json.dumps([name for name in {heavy} if name in sys.modules]))
"""


def seconds_of(command: list[str]) -> tuple[float, str]:
    """Of a whole process, and what it said last."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.strip().splitlines()
    return time.perf_counter() - began, lines[-1] if lines else ""


def commands(folder: Path) -> dict[str, list[str]]:
    """Each command with arguments that leave it little to do."""
    file, run = folder / "some.csv", str(folder / "run")
    words = {"good": "yes", "bad": "no", "fine": "yes", "poor": "no"}
    rows = [f"{word} number {i},{label}" for i in range(40) for word, label in words.items()]
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return {
        "--help": ["--help"],
        "rungs": ["rungs"],
        "data": ["data"],
        "steps": ["steps", "The sneaky foxes jumped"],
        "look": ["look", str(file)],
        "train": ["train", str(file), "--out", run, "--overwrite", *QUICKLY],
        "predict": ["predict", run, str(file)],
        "evaluate": ["evaluate", run, str(file)],
        "compare": ["compare", str(file), "--rungs", "bow", "--out", str(folder / "compare"), "--overwrite"],
    }


def job(repeats: int = 5) -> dict[str, Any]:
    python = sys.executable
    found: dict[str, Any] = {}
    helps = [seconds_of([python, "-m", "textladder", "--help"])[0] for _ in range(repeats)]
    found["help_seconds"] = statistics.median(helps)
    for name in ("textladder", "textladder.cli", "textladder.run", "textladder.compare", "torch"):
        times = [float(seconds_of([python, "-c", IMPORT.format(name)])[1]) for _ in range(repeats)]
        found[f"import {name}"] = statistics.median(times)
    listed, calls = {}, min(repeats, COMMAND_CALLS)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        for name, arguments in commands(Path(folder)).items():
            ask = [python, "-c", RUN.format(heavy=HEAVY), json.dumps(arguments)]
            times, said = zip(*(seconds_of(ask) for _ in range(calls)), strict=True)
            listed[name] = {
                "seconds": statistics.median(times),
                "calls": calls,
                "imports": json.loads(said[-1]),
            }
    return found | {"commands": listed}


if __name__ == "__main__":
    child.run(job)
