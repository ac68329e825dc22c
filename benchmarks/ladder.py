"""All rungs of language models in one table: `python -m benchmarks.ladder`. Writes it into docs/language.md.

    python -m benchmarks.ladder [--only shakespeare,wiki] [--rungs ngram,lstm] [--seconds 600] [--quick]

Runs `textladder compare --task language` on each text and reads its compare.json. A compare that was stopped
goes on where it was; one that was asked otherwise is made anew. --seconds: of training, for each rung, at
most. --quick tries it on a few characters and writes nothing into docs/.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import OUT, RECORDS, ROOT, machine, table, today
from benchmarks.language import DOCUMENT, rungs
from benchmarks.ours.language_data import beginning
from benchmarks.records import read, write_between
from benchmarks.speed import figure

RESULTS = RECORDS / "ladder.json"
FOLDER = OUT / "ladder"
BEGIN, END = "<!-- ladder: begin -->", "<!-- ladder: end -->"
RUNGS = ("ngram", "neural-ngram", "rnn", "gru", "lstm", "causal-cnn", "gpt")

ABOUT = """\
Every rung as shipped, trained on 90 % of the text, stopped by 5 % (dev), scored once on the last 5 % (test),
at most {seconds:.0f} s of training each ("max_seconds" ended it then, before its learning rate had fallen).
Bits per character of the test text, whatever the units, with the 95 % bootstrap interval over blocks of about
1,000 characters; the difference is to the best rung by dev, with its interval over the same blocks. Seconds
are those of training; the size is that of the model's folder."""


@dataclass(frozen=True)
class Ladder:
    """A text, how much of it, and what it is cut into."""

    title: str
    source: str  # in the data folder
    units: str
    characters: int = 1 << 40
    settings: tuple[str, ...] = ()


LADDERS = {
    "shakespeare": Ladder("tiny Shakespeare, characters", "tiny_shakespeare/input.txt", "character"),
    "frankenstein": Ladder("Frankenstein, characters", "frankenstein/frankenstein.txt", "character"),
    "frankenstein-words": Ladder("Frankenstein, words", "frankenstein/frankenstein.txt", "word"),
    "wiki": Ladder(
        "Wikipedia 2018, the first 3 M characters, 8,000 subwords, one epoch",
        "wiki_2018/train.txt.gz",
        "bpe",
        3_000_000,
        ("tokenizer.vocabulary_size=8000", "training.epochs=1"),
    ),
}
COLUMNS = {
    "training_seconds": "seconds",
    "ended": "ended by",
    "size_mb": "size, MB",
    "parameters": "parameters",
    "peak_memory_mb": "memory, MB",
    "latency_p50_ms": "one more unit, ms",
    "throughput": "scored units/s",
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ladder", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(LADDERS), help="texts, separated by commas")
    parser.add_argument("--rungs", default=",".join(RUNGS), help="rungs, separated by commas")
    parser.add_argument("--seconds", type=float, default=600.0, help="of training, for each rung, at most")
    parser.add_argument("--quick", action="store_true", help="a few characters: tries the program")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    unknown = set(names) - set(LADDERS)
    if unknown:
        parser.error(f"there is no text {', '.join(sorted(unknown))}; there are: {' '.join(LADDERS)}")
    known, asked = rungs(), options.rungs.split(",")
    absent = [rung for rung in asked if rung not in known]
    for rung in absent:
        print(f"there is no rung {rung}: its line will be missing", flush=True)
    here = [rung for rung in asked if rung in known]
    seconds = 1.0 if options.quick else options.seconds
    measured = read(RESULTS)
    for name in names:
        print(name, flush=True)
        found = compare(name, here, seconds, options.quick)
        threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
        stamp = {"seconds": seconds, "date": today(), "machine": machine(), "threads": int(threads or 1)}
        measured[name] = found | {"absent": absent, **stamp}
        if not options.quick:
            RESULTS.write_text(json.dumps(measured, indent=1), encoding="utf-8")
        print(section(name, measured[name]), flush=True)
    if not options.quick:
        write_between(DOCUMENT, BEGIN, END, document(measured))
        print(f"Written: {DOCUMENT.name}")


def compare(name: str, here: list[str], seconds: float, quick: bool) -> dict[str, Any]:
    """{"command", "comparison": compare.json} or {"command", "error"}."""
    ladder = LADDERS[name]
    file = beginning(ladder.source, ladder.characters, quick)
    out = FOLDER / f"{name}{'-quick' if quick else ''}"
    command = ["compare", file, "--task", "language", "--rungs", ",".join(here), "--units", ladder.units]
    # Dev is scored once an epoch; a long epoch alone may take the time that a rung has.
    settings = [*ladder.settings, f"training.max_seconds={seconds:g}"]
    for setting in settings:
        command += ["--set", setting]
    shown = shlex.join(["textladder", *command]).replace(file, Path(file).name)
    done = run([*command, "--out", str(out)])
    if done.returncode and "--overwrite" in done.stderr:  # it holds a compare that was asked otherwise
        done = run([*command, "--out", str(out), "--overwrite"])
    print(done.stderr[-2000:], file=sys.stderr, flush=True)
    if done.returncode:
        return {"command": shown, "error": done.stderr.strip()[-500:] or f"exit code {done.returncode}"}
    # Records are read elsewhere: files are named from the project's folder on.
    found = (out / "compare.json").read_text(encoding="utf-8").replace(f"{ROOT}{os.sep}", "")
    comparison = json.loads(found)
    for row in comparison["rows"]:
        scores = out / comparison["runs"][row["rung"]][0]["folder"] / "scores.json"
        row["ended"] = json.loads(scores.read_text(encoding="utf-8")).get("stopped")
    return {"command": shown, "comparison": comparison}


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "textladder", *command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "200"},
    )


def document(measured: dict[str, Any]) -> str:
    ladders = {name: measured[name] for name in LADDERS if name in measured}
    seconds = max(found["seconds"] for found in ladders.values())
    parts = [
        "## All rungs, side by side",
        "Written by `python -m benchmarks.ladder`.",
        ABOUT.format(seconds=seconds),
        *(section(name, found) for name, found in ladders.items()),
    ]
    return "\n\n".join(parts)


def section(name: str, found: dict[str, Any]) -> str:
    """Heading, command and table of one text; rungs without a figure are named with the reason."""
    stamp = f"{found['date']}, {found['machine']}, {found['threads']} threads used"
    parts = [f"### {LADDERS[name].title}", f"{stamp}, `{found['command']}`"]
    why = dict.fromkeys(found["absent"], "there is no such rung")
    if "comparison" in found:
        parts.append(rows_table(found["comparison"]))
        why |= found["comparison"]["stopped"]
    else:
        parts.append(f"Not measured: {found['error']}")
    if why:
        parts.append("\n".join(f"- `{rung}` is missing: {reason}" for rung, reason in why.items()))
    return "\n\n".join(parts)


def rows_table(comparison: dict[str, Any]) -> str:
    rows = []
    for row in comparison["rows"]:
        low, high = row["interval"]
        best = row["rung"] == comparison["best"]
        name = f"**{row['rung']}**" if best else row["rung"]
        apart = ""
        if row.get("difference") is not None:
            apart = "{:+.3f} [{:+.3f}, {:+.3f}]".format(row["difference"], *row["difference_interval"])
        rows.append(
            [
                name,
                f"{row['score']:.3f} [{low:.3f}, {high:.3f}]",
                apart,
                *(figure(row.get(key)) for key in COLUMNS),
            ]
        )
    return table(["rung", "bits per character", "difference", *COLUMNS.values()], rows)


if __name__ == "__main__":
    main()
