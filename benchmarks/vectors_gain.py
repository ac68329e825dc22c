"""What word vectors bring to a classifier: `python -m benchmarks.vectors_gain`; a table of docs/vectors.md.

    python -m benchmarks.vectors_gain [--seeds 5] [--rungs cnn,bilstm] [--sets sst2,trec] [--quick]

Skip-gram vectors are trained once on the corpus of `benchmarks.vectors`; then every rung is trained with and
without them, same recipe, same width, same seeds. --quick: a few words, one epoch, nothing into docs/.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, table, today
from benchmarks.records import write_between
from benchmarks.sets import SETS
from benchmarks.vectors_jobs import made

DOCUMENT = ROOT / "docs" / "vectors.md"
BEGIN, END = "<!-- gain: begin -->", "<!-- gain: end -->"
DIM = 100


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vectors_gain", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rungs", default="cnn,bilstm")
    parser.add_argument("--sets", default="sst2,trec")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args(arguments)
    seeds = range(1, 2 if options.quick else options.seeds + 1)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        vectors = trained(Path(folder), options.quick)
        rows = [
            measure(rung, name, seeds, vectors, Path(folder) / "run", options.quick)
            for name in options.sets.split(",")
            for rung in options.rungs.split(",")
        ]
    header = ["set", "rung", "without", "with", "gain", "words with a vector"]
    written = table(header, rows)
    print(written)
    if options.quick:
        return
    said = (
        f"Test accuracy in percent, mean and standard deviation of {len(seeds)} seeds, {today()}, by "
        f"`python -m benchmarks.vectors_gain`. Embeddings are {DIM} wide in both columns; the "
        "vectors are those of our skip-gram on the corpus below (which holds the texts of IMDB, and so the "
        "language of SST-2)."
    )
    write_between(DOCUMENT, BEGIN, END, f"{said}\n\n{written}")


def trained(folder: Path, quick: bool) -> Path:
    """Skip-gram vectors as a text file."""
    corpus = made("corpus", quick=quick)["file"]
    more = ["--epochs", "1"] if quick else []
    textladder(
        "vectors", "train", corpus, "--units", "whitespace", "--dim", DIM, "--out", folder / "v", *more
    )
    textladder("vectors", "convert", folder / "v", folder / "v.txt", "--to", "word2vec-text")
    return folder / "v.txt"


def measure(rung: str, name: str, seeds: range, vectors: Path, out: Path, quick: bool) -> list[str]:
    asked: list[Any] = ["train", *SETS[name].arguments(rung), "--out", out, "--overwrite"]
    asked += ["--set", f"encoder.embedding_dim={DIM}"] + (["--set", "training.epochs=1"] if quick else [])
    found: dict[str, list[float]] = {"without": [], "with": []}
    coverage = ""
    for seed in seeds:
        for kind, more in (("without", []), ("with", ["--vectors", vectors])):
            told, said = textladder(*asked, "--seed", seed, *more)
            found[kind].append(100 * told["test"]["scores"].get("accuracy", told["test"]["score"]))
            coverage = next((line for line in said.splitlines() if "vectors for" in line), coverage)
    shutil.rmtree(out, ignore_errors=True)
    gain = statistics.mean(found["with"]) - statistics.mean(found["without"])
    share = coverage.partition("vectors for ")[2].partition(";")[0]
    return [name, rung, _spread(found["without"]), _spread(found["with"]), f"{gain:+.1f}", share]


def textladder(*arguments: object) -> tuple[dict[str, Any], str]:
    """What a command says with --json, and what it says on stderr."""
    command = [sys.executable, "-m", "textladder", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), done.stderr


def _spread(values: list[float]) -> str:
    middle = f"{statistics.mean(values):.1f}"
    return f"{middle} ± {statistics.stdev(values):.1f}" if len(values) > 1 else middle


if __name__ == "__main__":
    main()
