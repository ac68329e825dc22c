"""Speed beside peers: `python -m benchmarks.speed` (also `make bench`). Writes docs/speed.md.

    python -m benchmarks.speed [--only bags,cnn] [--repeats 3] [--threads 2] [--quick | --write-only]

--only measures these jobs and keeps the others of the last call, each with its date. --quick tries every
program on a few rows and writes nothing into docs/: its figures mean nothing. --write-only measures nothing:
the page is written anew from the records.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from benchmarks import tagging_jobs
from benchmarks.harness import (
    RECORDS,
    REQUIREMENTS,
    ROOT,
    in_turns,
    medians,
    peers_python,
    short,
    table,
    versions,
)
from benchmarks.jobs import JOBS as OTHERS
from benchmarks.jobs import Job, clean
from benchmarks.records import asked, command_of, read, stamp, versions_list, when_table

RESULTS = RECORDS / "speed.json"
DOCUMENT = ROOT / "docs" / "speed.md"
JOBS = OTHERS | {"tagging": tagging_jobs.tagging}
MET = {True: "yes", False: "**no**", None: ""}

ELSEWHERE = """\
Measured by commands of their own, and told where they belong: [word vectors](vectors.md),
[language models](language.md), [translation](translation.md), and [search over sentence
vectors](embedding.md#measured) beside faiss (`python -m benchmarks.sentences`)."""
HOW = """\
Each system runs in a process of its own with {threads} threads; all systems of a job take turns, and each
figure is the median of its turns: how many there were, often one, stands under "When". Two calls on the same
machine differ by 10 to 20 %. Ratio is ours / theirs. Accuracy (test) and peak memory (training) stand beside
speed as ours / theirs; where a line asks for speed at no lower accuracy, it is met only if our accuracy is
not lower.

- All systems get the same rows in the same shuffled order. fastText reads its file itself; the file holds
  the tokens of our tokenizer, and in training our rung reads the same file. When single and many texts are
  predicted, ours takes raw text and fastText takes text that was tokenised beforehand, at no cost to it.
- "Reading, tokenising, training" is fastText's `train_supervised` call (wordNgrams 2, dim 10, lr 0.5) and
  our reading, tokenising, counting and steps, for the same number of epochs. Our scoring of dev after each
  epoch is left out there, and is in "whole process", which also has interpreter, imports and saving.
- The 500,000 rows are those of the AG News sample again and again, each time with a random 20 % of their
  words left out (seeded).
- The notebook's BiLSTM (`benchmarks/peers/notebook_bilstm.py`) pads every text to 128 words, in float32,
  and has the widths of our rung (embedding 128, 128 per direction). Words are real ones: padding is not
  counted.
- The notebook and `bilstm` train for 2 epochs, spaCy's ensemble and `cnn` for 1. "Every system" below says
  how many there were: where it has more for ours, the figures are from when small data still got more epochs
  here too, and our accuracy is that of more training.
- The share of the matrix rate counts the matrix products of forward, twice as much for backward, on real
  units alone, over the time of whole training steps; the machine's rate is the best of several products of
  two 1024 x 1024 matrices in the same precision.
- `tokenizers` encodes texts that are in memory already (`encode_batch_fast`); ours reads the CSV file and
  writes the ids to disk.
- Taggers are given the words of the sentences, and read the same files. spaCy's trains for 3 epochs in the
  batches of its quickstart configuration, `window` for 6 and `bilstm` for 4. CRFsuite's tokens/s in
  training are of its 30 iterations. Tagging is of given words, all sentences of the test part at once.
- Peak memory in training is of `textladder train FILE --rung ngrams` and of `train_supervised`, one epoch;
  the ratio is to the same system on IMDB once. scikit-learn
  is fitted for 20 iterations there (more take time, not memory).
"""

CALLS = "Median of {} calls."
ONE_CALL = """\
Of one call each: the first that imports torch also reads it from the disk, and `--help` in the first table is
the median of several."""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(JOBS), help="jobs, separated by commas: " + " ".join(JOBS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few rows, one turn: tries the programs")
    parser.add_argument(
        "--write-only", action="store_true", help="measure nothing; write the page from the records"
    )
    options = parser.parse_args(arguments)
    names = asked(parser, options.only, JOBS)
    command = command_of("benchmarks.speed", arguments)
    measured = read(RESULTS)
    for name in [] if options.write_only else names:
        print(name, flush=True)
        measured[name] = measure(name, 1 if options.quick else options.repeats, options) | {
            "command": command
        }
        if not options.quick:
            RESULTS.write_text(json.dumps(measured, indent=1), encoding="utf-8")
        print(main_table({name: measured[name]}), flush=True)
    if options.quick:
        return
    said = versions_said(DOCUMENT.read_text(encoding="utf-8")) if options.write_only else versions_here()
    DOCUMENT.write_text(document(measured, said), encoding="utf-8")
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def versions_here() -> str:
    packages = ["textladder", "torch", "tokenizers", "numpy", "numba"]
    peers = [line.partition("==")[0] for line in REQUIREMENTS.read_text().splitlines() if "==" in line]
    return versions_list({"ours": versions(packages), "peers": versions(peers, peers_python())})


def versions_said(page: str) -> str:
    """As the page has them: those that its figures are of."""
    return "\n".join(line for line in page.splitlines() if line.startswith(("- ours: ", "- peers: ")))


def measure(name: str, repeats: int, options: argparse.Namespace) -> dict[str, Any]:
    """The job's rows and every run behind them."""
    began = time.perf_counter()
    return ran(JOBS[name](options.quick), repeats, options.threads, began)


def ran(
    job: Job, repeats: int, threads: int, began: float, absent: dict[str, str] | None = None
) -> dict[str, Any]:
    """absent: systems that cannot run, and why; they are named, not run."""
    repeats, why = job.repeats or repeats, absent or {}
    try:
        turns = in_turns([system for system in job.systems if system.name not in why], repeats, threads)
    finally:
        clean(job)
    runs = {name: turns.get(name) or [{"error": why[name]}] for name in (one.name for one in job.systems)}
    found = {system: medians(results) for system, results in runs.items()}
    return {
        "rows": [line.row(found) for line in job.lines],
        "medians": found,
        "runs": runs,
        **stamp(repeats, threads, began),
    }


def document(measured: dict[str, Any], installed: str) -> str:
    """docs/speed.md. installed: who has which versions, a line each."""
    jobs = {name: measured[name] for name in JOBS if name in measured}
    last = list(jobs.values())[-1]
    parts = [
        "# Speed, beside peers",
        "Written by `make bench` (`python -m benchmarks.speed`); every run is "
        "in benchmarks/results/speed.json.",
        ELSEWHERE,
        installed,
        main_table(jobs),
        "## How it is measured",
        HOW.format(threads=last["threads"]).rstrip(),
        "## Every system",
        systems_table(jobs),
        commands_table(jobs.get("starting", {})),
        "## When",
        when_table(jobs),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def main_table(jobs: dict[str, Any], quality: str = "accuracy", missing: str = "") -> str:
    """quality: what the lines' "quality" is. missing: said where a figure is not there and nothing failed.
    Columns of which nothing is known are left out."""
    header = ["what", "ours", "peer", "theirs", "ratio", "better", "asked", "met", quality, "memory, MB"]
    rows = []
    for job in jobs.values():
        for row in job["rows"]:
            errors = "; ".join(row["errors"])
            rows.append(
                [
                    row["what"],
                    figure(row["ours"], row["unit"]) or errors or missing,
                    row["peer"] or "",
                    figure(row["theirs"], row["unit"]) or errors,
                    figure(row["ratio"]),
                    row["better"],
                    reach(row),
                    MET[row["met"]],
                    pair(row["quality"], "{:.3f}"),
                    pair(row["memory"], "{:,.0f}"),
                ]
            )
    kept = [n for n in range(len(header)) if n < 2 or any(row[n] for row in rows)]
    return table([header[n] for n in kept], [[row[n] for n in kept] for row in rows])


def systems_table(jobs: dict[str, Any]) -> str:
    """What each system reported, median by median."""
    keys = {
        "seconds": "seconds",
        "words_per_second": "words/s",
        "accuracy": "accuracy",
        "one_ms": "one text, ms",
        "texts_per_second": "texts/s",
        "tagged_per_second": "tokens tagged/s",
        "training_peak_memory_mb": "memory, MB",
        "import_seconds": "import, s",
        "epochs": "epochs",
        "precision": "precision",
        "gflops": "GFLOP/s",
        "machine_gflops": "matrix rate, GFLOP/s",
    }
    return reported({name: job for name, job in jobs.items() if name != "starting"}, keys)


def reported(jobs: dict[str, Any], keys: dict[str, str]) -> str:
    """Of each system the median figures that `keys` gives titles, and what kept it from running."""
    rows = [
        [name, system, *(figure(found.get(key)) for key in keys), found.get("error", "")]
        for name, job in jobs.items()
        for system, found in job["medians"].items()
    ]
    titles = [*keys.values(), "not measured"]
    kept = [n for n, _ in enumerate(titles) if any(row[n + 2] for row in rows)]
    return table(
        ["job", "system", *(titles[n] for n in kept)],
        [[*row[:2], *(row[n + 2] for n in kept)] for row in rows],
    )


def commands_table(starting: dict[str, Any]) -> str:
    """What each command imports of the heavy packages, and how long the whole of it takes on 160 texts."""
    listed = starting.get("medians", {}).get("textladder", {}).get("commands")
    if not listed:
        return ""
    rows = [[name, f"{one['seconds']:.2f}", " ".join(one["imports"])] for name, one in listed.items()]
    shown = table(["command", "seconds, whole process", "imports"], rows)
    calls = min(one.get("calls", 1) for one in listed.values())
    said = ONE_CALL if calls == 1 else CALLS.format(calls)
    return "\n\n".join(["## What each command imports", said, shown])


def reach(row: dict[str, Any]) -> str:
    """What is asked of a line."""
    if row["reach"] is None:
        return ""
    if row["better"] == "equal":
        return f"1 ± {row['reach'] - 1:.1g}"
    sign = ">=" if row["better"] == "higher" else "<="
    return f"{sign} {row['reach']:g}" + ("" if row["reach_on"] == "ratio" else f" {row['unit']}")


def figure(value: Any, unit: str = "") -> str:
    return "" if value is None else f"{short(value)} {unit}".rstrip()


def pair(values: list[float | None], form: str) -> str:
    """Ours / theirs, as far as they are known."""
    return " / ".join("-" if value is None else form.format(value) for value in values) if any(values) else ""


if __name__ == "__main__":
    main()
