"""Quality beside published scores: `python -m benchmarks.quality` (also `make check-quality`).

    python -m benchmarks.quality [--only sst2,trec] [--rungs bow,cnn] [--seeds 1] [--overwrite] [--write-only]

Trains the shipped recipes on real data, each by the command `textladder train`, and writes docs/quality.md.
What was found is kept in benchmarks/results/quality.json, which the page is made from; a record counts as
long as the shipped recipe is the one it was found with. Run folders are kept under benchmarks/out/quality:
a stopped call goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.harness import OUT, RECORDS, ROOT, machine, today, versions
from benchmarks.quality_page import Found, Record, document, set_table, summary_table
from benchmarks.sets import SETS

RUNS = OUT / "quality"
RESULTS = RECORDS / "quality.json"
DOCUMENT = ROOT / "docs" / "quality.md"
PACKAGES = ["textladder", "torch", "tokenizers", "numpy", "numba"]
# Those of the test scores that are kept.
METRICS = (
    *("accuracy", "macro_f1", "micro_f1", "pearson", "spearman"),
    *("span_f1", "token_accuracy", "answer_f1", "exact_match"),
    *("bleu", "chrf", "ter", "rouge_1", "rouge_2", "rouge_l", "length_ratio"),
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(SETS), help="data sets: " + " ".join(SETS))
    parser.add_argument("--rungs", help="of those of each set's task (default: all)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--overwrite", action="store_true", help="train anew what is finished")
    parser.add_argument(
        "--write-only", action="store_true", help="train nothing; write the page from the records"
    )
    options = parser.parse_args(arguments)
    names, rungs = options.only.split(","), options.rungs.split(",") if options.rungs else []
    every = dict.fromkeys(rung for about in SETS.values() for rung in about.rungs())
    for given, known in ((names, SETS), (rungs, every)):
        unknown = set(given) - set(known)
        if unknown:
            parser.error(f"there is no {', '.join(sorted(unknown))}; there are: {' '.join(known)}")
    for name in [] if options.write_only else names:
        print(f"{name}: {SETS[name].about}", flush=True)
        for rung in [rung for rung in SETS[name].rungs() if not rungs or rung in rungs]:
            for seed in range(1, options.seeds + 1):
                if not options.overwrite and is_there(name, rung, seed):
                    continue
                if record := measure(name, rung, seed):
                    write(kept(read(), record))
        print(set_table(gather(name, read())), flush=True)
    found = {name: gather(name, read()) for name in SETS}
    DOCUMENT.write_text(document(found), encoding="utf-8")
    print(summary_table(found))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def recipe_of(name: str, rung: str, seed: int) -> Any:
    from textladder import recipe

    return recipe.rung(rung, SETS[name].task).set(SETS[name].settings_of(rung)).with_training(seed=seed)


def asked_of(name: str, rung: str, seed: int) -> dict[str, Any]:
    """The whole shipped recipe with the settings of the set, and how its word vectors are made (None: it has
    none), as JSON gives it back."""
    vectors = SETS[name].vectors_of(rung)
    tables = recipe_of(name, rung, seed).tables(every=True)
    return json.loads(json.dumps({"recipe": tables, "vectors": vectors.recipe() if vectors else None}))


def folder_of(name: str, rung: str, seed: int) -> Path:
    vectors = SETS[name].vectors_of(rung)
    return RUNS / name / "runs" / (f"{rung}-seed{seed}" + (f"-{vectors.key()}" if vectors else ""))


def is_there(name: str, rung: str, seed: int) -> bool:
    """True if this machine has trained the shipped recipe and its record is kept."""
    folder, run = folder_of(name, rung, seed), (name, rung, seed)
    finished = (folder / "scores.json").exists() and is_current(folder, recipe_of(*run))
    return finished and any(run_of(one) == run and is_shipped(one) for one in read())


def measure(name: str, rung: str, seed: int) -> Record | None:
    """Trains in a process of its own, anew unless it is half done; None if it fails, which is said."""
    folder = folder_of(name, rung, seed)
    vectors = SETS[name].vectors_of(rung)
    command = command_of(name, rung, seed) + (["--vectors", str(vectors.made())] if vectors else [])
    half = not (folder / "scores.json").exists() and is_current(folder, recipe_of(name, rung, seed))
    before, began = processor_seconds(), time.perf_counter()
    done = subprocess.run(
        [*command, "--resume" if half else "--overwrite"], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        print(f"  {folder.name} failed", flush=True)
        return None
    found, seconds = json.loads(done.stdout), processor_seconds() - before
    dev, test = found["dev"]["score"], found["test"]
    print(
        f"  {folder.name}: dev {dev:.4f}, test {test['score']:.4f}, "
        f"{time.perf_counter() - began:.1f} s, {seconds:.1f} s of processor time",
        flush=True,
    )
    return {
        "set": name,
        "rung": rung,
        "seed": seed,
        "metric": found["metric"],
        "dev": dev,
        "test": test["score"],
        "interval": test["interval"],
        "count": test["count"],
        "scores": {key: test["scores"][key] for key in METRICS if key in test["scores"]},
        "processor_seconds": None if half else round(seconds, 1),
        "epochs": found["epochs"],
        "date": today(),
        "machine": machine(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "versions": versions(PACKAGES),
        **asked_of(name, rung, seed),
    }


def processor_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def command_of(name: str, rung: str, seed: int) -> list[str]:
    command = [sys.executable, "-m", "textladder", "train", *SETS[name].arguments(rung)]
    return [*command, "--seed", str(seed), "--out", str(folder_of(name, rung, seed)), "--json"]


def is_current(folder: Path, wanted: Any) -> bool:
    """True if the run in `folder`, finished or not, has the recipe that is wanted now."""
    from textladder.errors import Problem
    from textladder.recipe import Recipe

    try:
        return Recipe.load(folder / "recipe.toml").tables(every=True) == wanted.tables(every=True)
    except Problem:
        return False


def is_shipped(record: Record) -> bool:
    """True if the recipe of the record is the one that is wanted now. An option that came later counts as
    its default, as in the recipe of a run folder; one that there is no longer makes it another recipe."""
    from textladder.errors import Problem
    from textladder.recipe import Recipe

    wanted = asked_of(*run_of(record))
    try:
        tables = Recipe.of(record["recipe"], "record").tables(every=True)
    except Problem:
        return False
    return json.loads(json.dumps(tables)) == wanted["recipe"] and record["vectors"] == wanted["vectors"]


def run_of(record: Record) -> tuple[str, str, int]:
    return record["set"], record["rung"], record["seed"]


def read() -> list[Record]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def write(records: Iterable[Record]) -> None:
    """One record a line, so that a difference between two versions shows what was measured anew."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def kept(records: list[Record], fresh: Record) -> list[Record]:
    """The records with a fresh one in the place of that of the same run; by set, rung and seed."""
    by_run = {run_of(one): one for one in [*records, fresh]}
    places = [(name, rung) for name, about in SETS.items() for rung in about.rungs()]
    known = [one for one in by_run.values() if run_of(one)[:2] in places]
    return sorted(known, key=lambda one: (places.index(run_of(one)[:2]), one["seed"]))


def gather(name: str, records: list[Record]) -> list[Found]:
    """What is known of a data set, rung by rung in the order of the ladder. A record with a recipe that is no
    longer the shipped one does not count."""
    listed = []
    for rung in SETS[name].rungs():
        runs = [one for one in records if run_of(one)[:2] == (name, rung) and is_shipped(one)]
        if runs:
            listed.append(Found.of(rung, runs))
    return listed


if __name__ == "__main__":
    main()
