"""Translation beside peers: `python -m benchmarks.translation --run RUN`. Writes tables of
docs/translation.md.

    python -m benchmarks.translation [--only training,decoding] --run runs/en-de [--repeats 3] [--threads 2]

Trains for some steps on Multi30k (English to German) and translates its test of 2016. --run: a model of the
rung transformer, whose weights the peers translate with as well. --only measures these jobs and keeps the
others of the last call, each with its date.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.harness import (
    OUT,
    RECORDS,
    ROOT,
    System,
    data_folder,
    peers_python,
    run_once,
    versions,
)
from benchmarks.jobs import Job, Line, peer
from benchmarks.records import asked, command_of, read, versions_list, when_table, write_between
from benchmarks.speed import main_table, ran, reported

RESULTS = RECORDS / "translation.json"
DOCUMENT = ROOT / "docs" / "translation.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
STEPS, WARM_UP = 40, 5
SHAPE = {"width": 256, "layers": 3, "heads": 4, "hidden": 512}  # of the rung as shipped
BEAM, ALONE = 5, 100  # hypotheses; sentences that are translated alone
OURS = "benchmarks.ours.translation"

HOW = """\
Each system runs in a process of its own with {threads} threads; all systems of a job take turns, and each
figure is the median of its turns. Ratio is ours / theirs.

- `training`: {steps} steps after {warm_up} on the 29,000 pairs of Multi30k, English to German, in the units
  of our tokenizer (joint BPE of 8,000); what counts is real units of the target, and ends of texts. Ours is
  `textladder train` with the rungs as shipped. MarianMT has the shape of our `transformer` (256 wide, 3 + 3
  layers, 512 in the feed-forward nets), batches of 64 pairs in random order, AdamW, no label smoothing,
  in float32, as the trainer has it; ours takes bfloat16 where the processor has it.
- `decoding`: beam of {beam}, no length penalty, the 1,000 sentences of the test of 2016, and {alone} of them
  one at a time. The peers have the weights of our model; pre-norm Transformers are called Pegasus there.
  They are given the units, sorted by length, 64 sentences a batch; ours is given the texts as they stand."""


def multi30k(name: str) -> str:
    return str(data_folder() / "multi30k" / name)


def training(run: Path | None) -> Job:
    folder = OUT / "translation"
    folder.mkdir(parents=True, exist_ok=True)
    files, ids = [multi30k("train.en.gz"), multi30k("train.de.gz")], str(folder / "ids.npz")
    given = {"task": "train", "files": files, "steps": STEPS, "warm_up": WARM_UP, "settings": []}
    made = run_once(System("ids", OURS, given | {"rung": "transformer", "steps": 1, "ids": ids}), 2)
    if "error" in made:
        raise SystemExit(f"The pairs cannot be prepared: {made['error']}")
    rungs = ("transformer", "rnn-attention", "conv")
    mine = [System(rung, OURS, given | {"rung": rung}) for rung in rungs]
    theirs = {"ids": ids, "vocabulary": made["vocabulary"], "steps": STEPS, "warm_up": WARM_UP, "batch": 64}
    marian = peer("HF MarianMT, Seq2SeqTrainer", "hf_seq2seq", task="train", **theirs, **SHAPE)
    unit, rate = "units/s", "units_per_second"
    lines = [
        Line(
            f"{rung}: training", rung, rate, unit, "higher", 4 if rung == "transformer" else None, marian.name
        )
        for rung in rungs
    ]
    return Job([*mine, marian], lines)


def decoding(run: Path | None) -> Job:
    if run is None:
        raise SystemExit("Decoding needs --run: a model of the rung transformer.")
    sources, references = multi30k("test_2016_flickr.en"), multi30k("test_2016_flickr.de")
    folder = str(OUT / "translation" / "weights")
    search = {"beam": BEAM, "length_penalty": 0.0}
    made = run_once(
        System(
            "weights", OURS, {"task": "export", "run": str(run), "sources": sources, "out": folder, **search}
        ),
        2,
    )
    if "error" in made:
        raise SystemExit(f"The weights cannot be written for the peers: {made['error']}")
    mine = System(
        "transformer",
        OURS,
        {
            "task": "translate",
            "run": str(run),
            "sources": sources,
            "references": references,
            **search,
            "alone": ALONE,
        },
    )
    given = {"folder": folder, **search, "batch": 64, "alone": ALONE}
    generate = peer("HF generate", "hf_seq2seq", task="translate", **given)
    one = peer("CTranslate2 float32, 1 x 2 threads", "hf_seq2seq", task="ctranslate", workers=1, **given)
    two = peer("CTranslate2 float32, 2 x 1 threads", "hf_seq2seq", task="ctranslate", workers=2, **given)
    rate, alone = ("sentences_per_second", "sentences/s", "higher"), ("one_sentence_ms", "ms", "lower")
    return Job(
        [mine, generate, one, two],
        [
            Line("transformer: beam of 5", mine.name, *rate, 2.5, generate.name),
            Line("transformer: beam of 5", mine.name, *rate, None, one.name),
            Line("transformer: beam of 5", mine.name, *rate, None, two.name),
            Line("transformer: one sentence", mine.name, *alone, 60, generate.name, reach_on="value"),
            Line("transformer: one sentence", mine.name, *alone, None, one.name),
        ],
    )


JOBS: dict[str, Callable[[Path | None], Job]] = {"training": training, "decoding": decoding}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.translation", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--only", default=",".join(JOBS), help="jobs, separated by commas: " + " ".join(JOBS))
    parser.add_argument("--run", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    command, measured = command_of("benchmarks.translation", arguments), read(RESULTS)
    for name in asked(parser, options.only, JOBS):
        began = time.perf_counter()
        found = ran(JOBS[name](options.run), options.repeats, options.threads, began)
        measured[name] = found | {"command": command}
        RESULTS.write_text(json.dumps(measured, indent=1), encoding="utf-8")
        print(main_table({name: measured[name]}), flush=True)
    installed = {
        "ours": versions(["textladder", "torch", "tokenizers", "numpy", "numba"]),
        "peers": versions(["torch", "transformers", "ctranslate2"], peers_python()),
    }
    write_between(DOCUMENT, BEGIN, END, document(measured, installed))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def document(measured: dict[str, Any], installed: dict[str, dict[str, str]]) -> str:
    jobs = {name: measured[name] for name in JOBS if name in measured}
    threads = next(iter(jobs.values()))["threads"]
    parts = [
        "### Beside peers",
        "Written by `python -m benchmarks.translation`; every run is in benchmarks/results/translation.json.",
        versions_list(installed),
        main_table(jobs),
        HOW.format(threads=threads, steps=STEPS, warm_up=WARM_UP, beam=BEAM, alone=ALONE),
        systems_table(jobs),
        when_table(jobs),
    ]
    return "\n\n".join(parts)


def systems_table(jobs: dict[str, Any]) -> str:
    keys = {
        "units_per_second": "target units/s",
        "padding": "padding of targets",
        "sentences_per_second": "sentences/s",
        "one_sentence_ms": "one sentence, ms",
        "units_written": "units written",
        "same_as_ours": "same translation as ours",
        "bleu": "BLEU",
        "parameters": "parameters",
        "peak_memory_mb": "memory, MB",
    }
    return reported(jobs, keys)


if __name__ == "__main__":
    main()
