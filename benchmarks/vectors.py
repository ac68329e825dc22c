"""Word vectors beside peers: `python -m benchmarks.vectors`. Writes the tables of docs/vectors.md.

    python -m benchmarks.vectors [--only skipgram,cbow] [--epochs 5] [--repeats 3] [--threads 2] [--quick]
    python -m benchmarks.vectors --quality "fastText 3-6" [--epochs 5]

--only measures these jobs and keeps the others of the last call, each with its date. --quality trains systems
that are timed over fewer epochs over all of them, for their quality alone: the machine may be busy
meanwhile. --quick tries every program on a few words and writes nothing into docs/: its figures mean nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    RECORDS,
    ROOT,
    Result,
    System,
    in_turns,
    medians,
    peers_python,
    run_once,
    short,
    table,
    today,
    versions,
)
from benchmarks.jobs import Line
from benchmarks.records import asked, command_of, read, stamp, versions_list, when_table, write_between
from benchmarks.speed import figure, main_table
from benchmarks.vectors_jobs import HELD, JOBS, TIMED_EPOCHS

RESULTS = RECORDS / "vectors.json"
DOCUMENT = ROOT / "docs" / "vectors.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

FULL = "full"  # in the file of results, beside the jobs: what systems reach that are judged apart
JUDGED = ("accuracy", "analogies", "quality")

HOW = """\
Each system runs in a process of its own with {threads} threads; all systems of a job take turns, {repeats}
times, and each figure is the median of its turns. Ratio is ours / theirs. "Accuracy" is the mean Spearman
correlation over the similarity sets, ours / theirs; a line that asks for speed is met only if it is not
lower. Memory is the peak of the whole process in training.

- All systems read the same text, tokenised, in lower case and without punctuation: the Wikipedia articles
  of 2018 and the IMDB reviews.
  Words a second are the words of that file times the epochs over the time from opening the file to vectors
  in memory: counting, building the vocabulary and training. "Whole process" adds interpreter, imports, and
  saving.
- fastText without subwords and gensim's FastText take six minutes each: they are timed over {timed} epoch,
  as ours is beside them, and judged after all 5, in runs of their own whose time is not taken.
- Our kernels are compiled beforehand, as they are after the first use of an installation (some ten seconds).
- Width 100, window 5, 5 negatives, words seen less than 5 times left out. Of sub-sampling each peer has its
  own default (gensim 1e-3, fastText 1e-4), and ours that of the peer beside it; the same holds for the
  learning rate. gensim reads the file itself (`corpus_file`).
- Every system's saved vectors are judged by one program, ours, on the words of the vocabulary alone
  (`textladder vectors evaluate` gives what gensim's own functions give, to the last question).
- The vectors of loading and neighbours are made up: normal numbers, 400,000 x 300.
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vectors", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(JOBS), help="jobs, separated by commas: " + " ".join(JOBS))
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quality", help="train these systems in full, untimed; separated by commas")
    parser.add_argument("--quick", action="store_true", help="a few words, one turn: tries the programs")
    options = parser.parse_args(arguments)
    names = asked(parser, options.only, JOBS)
    command = command_of("benchmarks.vectors", arguments)
    measured: dict[str, Any] = {}
    for name in names:
        print(name, flush=True)
        if options.quality:
            job = JOBS[name](options.quick, options.epochs)
            systems = [one for one in job.full if one.name in options.quality.split(",")]
            found = {FULL: in_full(systems, options.threads, command)}
        else:
            found = {name: measure(name, options) | {"command": command}}
        # Read only now: another call may have measured other jobs meanwhile.
        measured = measured if options.quick else read(RESULTS)
        measured |= found | {FULL: measured.get(FULL, {}) | found.get(FULL, {})}
        if not options.quick:
            RESULTS.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
        jobs = completed(measured)
        print(main_table({name: jobs[name]} if name in jobs else {}), flush=True)
    jobs = completed(measured)
    if options.quick:
        print(quality_table(jobs))
    if options.quick or not jobs:
        return
    packages = ["textladder", "numpy", "numba"]
    installed = {"ours": versions(packages)}
    installed["peers"] = versions(["gensim", "fasttext-numpy2", "numpy"], peers_python())
    write_between(DOCUMENT, BEGIN, END, document(jobs, installed))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The job's rows and every run behind them; saved vectors are judged, then removed."""
    began = time.perf_counter()
    job = JOBS[name](options.quick, 1 if options.quick else options.epochs)
    repeats = 1 if options.quick else job.repeats or options.repeats
    if not options.quick:
        compile_ours(name, options.threads)
    runs = in_turns(job.systems, repeats, options.threads)
    judge(runs, options.threads)
    return {
        "lines": [asdict(line) for line in job.lines],
        "apart": [system.name for system in job.full],
        "runs": runs,
        **stamp(repeats, options.threads, began),
    }


def compile_ours(name: str, threads: int) -> None:
    """Runs our systems on a few words: numba compiles a kernel once for an installation, not for a run."""
    for system in JOBS[name](True, 1).systems:
        if system.python == "ours":
            saved = run_once(system, threads).get("vectors")
            if saved is not None:
                shutil.rmtree(saved)


def in_full(systems: list[System], threads: int, command: str) -> dict[str, Result]:
    """What systems reach over all epochs: one run each, without what it took."""
    runs = in_turns(systems, 1, threads)
    judge(runs, threads)
    kept = (*JUDGED, "epochs", "vocabulary", "error")
    return {
        system: {key: result[key] for key in kept if key in result} | {"date": today(), "command": command}
        for system, (result,) in runs.items()
    }


def completed(measured: dict[str, Any]) -> dict[str, Any]:
    """The jobs of a file of results, each with its "judged" runs, its "medians" and its "rows": systems that
    are judged apart have the quality of their full run, or none yet."""
    jobs = {name: dict(measured[name]) for name in JOBS if name in measured}
    for job in jobs.values():
        full = {system: measured[FULL].get(system, {}) for system in job["apart"]}
        job["judged"] = job["runs"] | {system: [result] for system, result in full.items()}
        job["medians"] = {system: medians(results) for system, results in job["runs"].items()}
        for system, result in full.items():
            timed = {key: value for key, value in job["medians"][system].items() if key not in JUDGED}
            job["medians"][system] = timed | {key: result[key] for key in JUDGED if key in result}
        job["rows"] = [Line(**line).row(job["medians"]) for line in job["lines"]]
    return jobs


def judge(runs: dict[str, list[Result]], threads: int) -> None:
    """Give runs that saved vectors their "accuracy" (mean Spearman), "analogies" (3CosAdd) and "quality"."""
    saved = [result for results in runs.values() for result in results if "vectors" in result]
    if not saved:
        return
    paths = [result["vectors"] for result in saved]
    system = System("judge", "benchmarks.ours.vectors", {"task": "judge", "paths": paths})
    judged = run_once(system, threads)
    for result in saved:
        path = Path(result.pop("vectors"))
        if "error" in judged:
            result["unjudged"] = judged["error"]
        else:
            quality = judged[str(path)]
            result["accuracy"] = quality["similarity"]
            result["analogies"] = quality["analogies"]["total"]["cosadd"]
            result["quality"] = quality
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)


def document(jobs: dict[str, Any], installed: dict[str, dict[str, str]]) -> str:
    last = list(jobs.values())[-1]
    repeats = max(job["repeats"] for job in jobs.values())
    parts = [
        "## Speed, beside peers",
        "Written by `python -m benchmarks.vectors`; every run is in benchmarks/results/vectors.json.",
        versions_list(installed),
        main_table(jobs),
        "### How it is measured",
        HOW.format(threads=last["threads"], repeats=repeats, timed=TIMED_EPOCHS).rstrip(),
        "### Every system",
        systems_table(jobs),
        "## Quality, beside peers",
        "Spearman correlation x 100 and accuracy of analogies in percent, each with its 95 % bootstrap "
        "interval in brackets, of the last turn; in the heading "
        "the share of pairs or questions that have vectors.",
        quality_table(jobs),
        "### When",
        when_table(jobs),
    ]
    return "\n\n".join(part for part in parts if part)


def systems_table(jobs: dict[str, Any]) -> str:
    """What each system reported, median by median; quality with its range over the turns."""
    keys = {
        "seconds": "seconds",
        "words_per_second": "words/s",
        "whole_seconds": "whole process, s",
        HELD: "memory, MB",
        "one_ms": "one word, ms",
        "vocabulary": "vocabulary",
    }
    rows = []
    for name, job in jobs.items():
        for system, found in job["medians"].items():
            scores = [_spread(job["judged"][system], key) for key in ("accuracy", "analogies")]
            rows.append([name, system, *(figure(found.get(key)) for key in keys), *scores])
    return table(["job", "system", *keys.values(), "mean Spearman", "analogies"], rows)


def _spread(results: list[Result], key: str) -> str:
    values = [result[key] for result in results if result.get(key) is not None]
    if not values:
        return ""
    middle = f"{statistics.median(values):.3f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3f} to {max(values):.3f})"


def quality_table(jobs: dict[str, Any]) -> str:
    """One column per system, one line per set: score [interval]."""
    systems = {
        system: results[-1]["quality"]
        for name, job in jobs.items()
        for system, results in job["judged"].items()
        if name not in {"growth", "threads"} and results and "quality" in results[-1]
    }
    if not systems:
        return ""
    first = next(iter(systems.values()))
    rows = []
    for name, one in first["sets"].items():
        told = [_scored(quality["sets"][name], "spearman", "interval") for quality in systems.values()]
        rows.append([f"{name} ({one['coverage']:.0%} of {one['pairs']:,})", *told])
    mean = [short(100 * (quality["similarity"] or 0)) for quality in systems.values()]
    rows.append(["**mean of the similarity sets**", *mean])
    for name, one in first["analogies"].items():
        for method in ("cosadd", "cosmul"):
            told = [
                _scored(quality["analogies"][name], method, f"{method}_interval")
                for quality in systems.values()
            ]
            title = "3CosAdd" if method == "cosadd" else "3CosMul"
            coverage = f"{one['coverage']:.0%} of {one['questions']:,}"
            rows.append([f"analogies, {name}, {title} ({coverage})", *told])
    return table(["set", *systems], rows)


def _scored(found: dict[str, Any], value: str, interval: str) -> str:
    if found[value] is None:
        return ""
    low, high = found[interval]
    return f"{100 * found[value]:.1f} [{100 * low:.0f}, {100 * high:.0f}]"


if __name__ == "__main__":
    main()
