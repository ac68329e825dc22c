"""Language models beside peers: `python -m benchmarks.language`. Writes tables of docs/language.md.

    python -m benchmarks.language [--only nanogpt,wiki] [--repeats 3] [--threads 2] [--quick]

--only measures these jobs and keeps the others of the last call, each with its date. --quick tries every
program on a few characters and writes nothing into docs/: its figures mean nothing. Counted models stand
beside KenLM in `python -m benchmarks.ngrams`, whose last figures are shown too; all rungs side by side in
`python -m benchmarks.ladder`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from benchmarks.harness import (
    RECORDS,
    ROOT,
    System,
    peers_python,
    versions,
)
from benchmarks.language_jobs import HELD, JOBS, TARGET
from benchmarks.ngrams import RESULTS as NGRAMS
from benchmarks.ngrams import rows_table
from benchmarks.records import asked, command_of, read, versions_list, when_table, write_between
from benchmarks.speed import main_table, ran, reported

RESULTS = RECORDS / "language.json"
DOCUMENT = ROOT / "docs" / "language.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

HOW = """\
Each system runs in a process of its own with {threads}; all systems of a job take turns, and each figure is
the median of its turns. Ratio is ours / theirs. Held-out loss is in nats per unit, ours / theirs; memory is
the peak of the whole process in training. Seconds are those of training steps, without scoring. Lines that
name no peer are ours alone.

Ours is `textladder train` with the rung as shipped and the settings of benchmarks/language_jobs.py. The text
that is judged is also the one by which ours takes its best weights (it is given as `--dev` and as `--test`);
peers are judged with their last. Where our loss rose again before the end, this helps ours: on a text that
chose nothing it would be a little higher.
"""
HOW_EACH = {
    "nanogpt": """\
- `nanogpt`: the first 90 % of tiny Shakespeare are trained on, all of the last 10 % is judged, by both in
  windows of 64 characters, each 32 after the one before it. Seconds to {target} nats lie between two checks,
  on a line. The peer is nanoGPT's recipe for a laptop, written from its description: 4 layers, 128 wide,
  block 64, batch 12, 2000 iterations, AdamW, cosine, float32.
""",
    "best": "- `best`: half an hour of training; the learning rate falls over that time.\n",
    "lstm-characters": """\
- `lstm-characters`, `lstm-words`: the loop of pytorch/examples around nn.LSTM with the same width, lanes,
  window and number of steps (2 x 512, 50 lanes of 100 characters; 2 x 200, 20 lanes of 35 words of
  WikiText-2, 14 k kinds), tied embeddings on both sides; dropout of 0.2 for the peer, and for ours what the
  rung has. The peer takes the optimizer that brings it further: Adam with 0.002 on characters, SGD with 20,
  as in the example, on words.
""",
    "generate": "- `generate`: temperature 0.8, 240 characters within a context of 256.\n",
    "wiki": """\
- `wiki`: Wikipedia 2018; both learn 8,000 subwords from its training part and train a GPT-2 (4 layers, 256
  wide, context 128, 16 rows a batch) for the same seconds, a cosine of the learning rate over them. 500,000
  characters are judged, in windows of 128 units, each 64 after the one before it.
""",
    "growth": "- `growth`: the training part of tiny Shakespeare once and ten times over, small models.\n",
}
HOW_NGRAMS = """\
- Counted models: ours counts, estimates and scores with a thread for each core. lmplz is as it comes;
  KenLM's query scores with one thread.
"""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.language", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--only", default=",".join(JOBS), help="jobs, separated by commas: " + " ".join(JOBS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few characters, one turn: tries the programs")
    options = parser.parse_args(arguments)
    names = asked(parser, options.only, JOBS)
    command = command_of("benchmarks.language", arguments)
    measured = read(RESULTS)
    for name in names:
        print(name, flush=True)
        measured[name] = measure(name, options) | {"command": command}
        if not options.quick:
            RESULTS.write_text(json.dumps(measured, indent=1), encoding="utf-8")
        print(lines({name: measured[name]}), flush=True)
    if options.quick:
        print(systems_table({name: measured[name] for name in names}))
        return
    installed = {
        "ours": versions(["textladder", "torch", "tokenizers", "numpy", "numba"]),
        "peers": versions(["torch", "transformers", "accelerate", "tokenizers"], peers_python()),
    }
    write_between(DOCUMENT, BEGIN, END, document(measured, installed))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """The job's rows and every run behind them. Systems of rungs that are not there are named, not run."""
    began, known = time.perf_counter(), rungs()
    job = JOBS[name](options.quick)
    absent = {system.name: why for system in job.systems if (why := missing(system, known))}
    job = replace(job, repeats=1) if options.quick else job
    return ran(job, options.repeats, options.threads, began, absent)


def rungs() -> list[str]:
    from textladder import recipe

    return recipe.rungs("language")


def missing(system: System, known: list[str]) -> str:
    """What keeps a system from running; empty for one that can run."""
    rung = system.arguments.get("rung")
    return f"there is no rung {rung}" if rung is not None and rung not in known else ""


def document(measured: dict[str, Any], installed: dict[str, dict[str, str]]) -> str:
    jobs = {name: measured[name] for name in JOBS if name in measured}
    counted = read(NGRAMS)
    parts = [
        "## Speed and quality, beside peers",
        "Written by `python -m benchmarks.language`; every run is in benchmarks/results/language.json.",
        versions_list(installed),
        lines(jobs),
        ngrams_table(counted),
        "### How it is measured",
        how(jobs, counted),
        "### Every system",
        systems_table(jobs),
        "### When",
        when_table(jobs),
    ]
    return "\n\n".join(part for part in parts if part)


def lines(jobs: dict[str, Any]) -> str:
    return main_table(jobs, "held-out loss", "not reached")


def systems_table(jobs: dict[str, Any]) -> str:
    """What each system reported, median by median."""
    keys = {
        "seconds": "seconds of training",
        "units_per_second": "units/s",
        "nats": "held-out nats/unit",
        "bits_per_character": "bits/character",
        "characters_per_second": "written characters/s",
        "parameters": "parameters",
        "vocabulary": "vocabulary",
        "precision": "precision",
        "epochs": "epochs",
        "whole_seconds": "whole command, s",
        HELD: "memory, MB",
    }
    return reported(jobs, keys)


def how(jobs: dict[str, Any], counted: dict[str, Any]) -> str:
    """How what stands on the page was measured."""
    threads = Counter(job["threads"] for job in jobs.values()).most_common(1)[0][0]
    others = [f"`{name}`: {job['threads']}" for name, job in jobs.items() if job["threads"] != threads]
    said = f"{threads} threads" + (f" ({', '.join(others)})" if others else "")
    parts = [HOW.format(threads=said), *(text for name, text in HOW_EACH.items() if name in jobs)]
    text = parts[0] + "\n" + "".join(parts[1:]).format(target=TARGET)
    return (text + (HOW_NGRAMS if counted else "")).rstrip()


def ngrams_table(measured: dict[str, Any]) -> str:
    """The last figures of `benchmarks.ngrams`."""
    if not measured:
        return ""
    command = "`python -m benchmarks.ngrams --programs FOLDER`"
    told = f"Counted models, beside KenLM: {command}, {measured['date']}, {measured['machine']}."
    return f"{told}\n\n{rows_table(measured['medians'])}"


if __name__ == "__main__":
    main()
