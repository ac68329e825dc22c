"""Ten times the text takes no more memory: texts and units are on disk, and read a little at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import environment
from tests.test_language_estimator import lines, sentences

VALUES = {
    "tokenizer.units": "character",
    "tokenizer.max_length": 64,
    "training.batch_texts": 16,
    "training.max_steps": 4,
    "training.precision": "float32",
}
NET = {"encoder.embedding_dim": 8, "encoder.hidden_dim": 8}
ONE = 1_000_000  # characters
# Trains on one file after the other, and says the peak after each; judged by a small text.
CHILD = """
import json, sys
from pathlib import Path
from textladder import measuring, recipe, run
from textladder.preparing import read_data
measuring.MANY_SECONDS, measuring.ONE_TEXTS = 0.0, 1
rung, values, rest, *files = sys.argv[1:]
chosen = recipe.rung(rung, "language").with_values(json.loads(values))
for file in files:
    out, held_out = Path(file + "-run"), Path(rest)
    data = read_data(chosen.data, out / "data", file, held_out, held_out, reads="documents")
    run.train(chosen, data, out / "run", device="cpu")
    print(measuring.peak_memory_mb(), flush=True)
"""


@pytest.mark.parametrize("rung", ["lstm"])
def test_ten_times_the_text_takes_no_more_memory(rung: str, tmp_path: Path) -> None:
    text = "".join(sentences(ONE // 40))
    lines(tmp_path / "rest.txt", 50)
    files = [tmp_path / "one.txt", tmp_path / "ten.txt"]
    for path, times in zip(files, (1, 10), strict=True):
        path.write_text(text * times, encoding="utf-8")
    values = json.dumps(VALUES | NET)
    done = subprocess.run(
        [sys.executable, "-c", CHILD, rung, values, str(tmp_path / "rest.txt"), *map(str, files)],
        capture_output=True, text=True, env=environment(), timeout=250, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    one, ten = map(float, done.stdout.split())
    more = (files[1].stat().st_size - files[0].stat().st_size) / 1e6
    print(one, ten, more)
    assert ten - one < more / 2, "a tenth of the units would be as much"
