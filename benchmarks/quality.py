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
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.harness import OUT, RECORDS, ROOT, machine, versions
from benchmarks.quality_page import TASK, Found, Record, document, set_table, summary_table
from benchmarks.sets import SETS

RUNS = OUT / "quality"
RESULTS = RECORDS / "quality.json"
DOCUMENT = ROOT / "docs" / "quality.md"
PACKAGES = ["textladder", "torch", "tokenizers", "numpy", "numba"]
METRICS = ("accuracy", "macro_f1", "micro_f1")  # those of the test scores that are kept


def main(arguments: list[str] | None = None) -> None:
    from textladder import recipe

    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(SETS), help="data sets: " + " ".join(SETS))
    parser.add_argument("--rungs", default=",".join(recipe.rungs(TASK)))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--overwrite", action="store_true", help="train anew what is finished")
    parser.add_argument(
        "--write-only", action="store_true", help="train nothing; write the page from the records"
    )
    options = parser.parse_args(arguments)
    names, rungs = options.only.split(","), options.rungs.split(",")
    for given, known in ((names, SETS), (rungs, recipe.rungs(TASK))):
        unknown = set(given) - set(known)
        if unknown:
            parser.error(f"there is no {', '.join(sorted(unknown))}; there are: {' '.join(known)}")
    for name in [] if options.write_only else names:
        print(f"{name}: {SETS[name].about}", flush=True)
        for rung in rungs:
            for seed in range(1, options.seeds + 1):
                record = measure(name, rung, seed, options.overwrite)
                if record:
                    write(kept(read(), record))
        print(set_table(gather(name, read())), flush=True)
    found = {name: gather(name, read()) for name in SETS}
    DOCUMENT.write_text(document(found), encoding="utf-8")
    print(summary_table(found))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def recipe_of(name: str, rung: str, seed: int) -> Any:
    from textladder import recipe

    return recipe.rung(rung, TASK).set(SETS[name].settings_of(rung)).with_training(seed=seed)


def tables_of(name: str, rung: str, seed: int) -> dict[str, Any]:
    """The whole shipped recipe with the settings of the set, as JSON gives it back."""
    return json.loads(json.dumps(recipe_of(name, rung, seed).tables(every=True)))


def measure(name: str, rung: str, seed: int, overwrite: bool) -> Record | None:
    """Trains in a process of its own, or goes on with what is there; None if it fails, which is said."""
    began, out = time.perf_counter(), RUNS / name / "runs" / f"{rung}-seed{seed}"
    scores = train(name, rung, seed, out, overwrite)
    if scores is None:
        print(f"  {out.name} failed", flush=True)
        return None
    finished = date.fromtimestamp((out / "scores.json").stat().st_mtime)
    dev, test = scores["dev"]["score"], scores["test"]["score"]
    print(
        f"  {out.name}: dev {dev:.4f}, test {test:.4f}, {scores['training_seconds']:.1f} s of training, "
        f"{time.perf_counter() - began:.1f} s in all",
        flush=True,
    )
    return {
        "set": name,
        "rung": rung,
        "seed": seed,
        "metric": scores["metric"],
        "dev": dev,
        "test": test,
        "interval": scores["test"]["interval"],
        "count": scores["test"]["count"],
        "scores": {key: scores["test"]["scores"][key] for key in METRICS if key in scores["test"]["scores"]},
        "seconds": scores["training_seconds"],
        "epochs": scores["epochs"],
        "date": finished.isoformat(),
        "machine": machine(),
        "threads": int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1),
        "versions": versions(PACKAGES),
        "recipe": tables_of(name, rung, seed),
    }


def train(name: str, rung: str, seed: int, out: Path, overwrite: bool) -> dict[str, Any] | None:
    """What the command says; it goes on with an unfinished run, and repeats what a finished one has found."""
    file, dev, test = SETS[name].files()
    keep = not overwrite and is_current(out, recipe_of(name, rung, seed))
    finished = out / "scores.json"
    if keep and finished.exists():
        return json.loads(finished.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "textladder", "train", file, "--task", TASK, "--rung", rung]
    command += ["--seed", str(seed), "--out", str(out), "--json", "--resume" if keep else "--overwrite"]
    for option, part in (("--dev", dev), ("--test", test)):
        command += [option, str(part)] if part else []
    for setting in SETS[name].settings_of(rung):
        command += ["--set", setting]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return None if done.returncode else json.loads(done.stdout)


def is_current(folder: Path, wanted: Any) -> bool:
    """True if the run in `folder`, finished or not, has the recipe that is wanted now."""
    from textladder.errors import Problem
    from textladder.recipe import Recipe

    try:
        return Recipe.load(folder / "recipe.toml").tables(every=True) == wanted.tables(every=True)
    except Problem:
        return False


def read() -> list[Record]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def write(records: Iterable[Record]) -> None:
    """One record a line, so that a difference between two versions shows what was measured anew."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def kept(records: list[Record], fresh: Record) -> list[Record]:
    """The records with a fresh one in the place of that of the same run; by set, rung and seed."""
    from textladder import recipe

    sets, rungs = list(SETS), recipe.rungs(TASK)
    by_run = {(one["set"], one["rung"], one["seed"]): one for one in [*records, fresh]}
    known = [one for one in by_run.values() if one["set"] in sets and one["rung"] in rungs]
    return sorted(known, key=lambda one: (sets.index(one["set"]), rungs.index(one["rung"]), one["seed"]))


def gather(name: str, records: list[Record]) -> list[Found]:
    """What is known of a data set, rung by rung in the order of the ladder. A record with a recipe that is no
    longer the shipped one does not count."""
    from textladder import recipe

    listed = []
    for rung in recipe.rungs(TASK):
        runs = [
            one
            for one in records
            if (one["set"], one["rung"]) == (name, rung)
            and one["recipe"] == tables_of(name, rung, one["seed"])
        ]
        if runs:
            listed.append(Found.of(rung, runs))
    return listed


if __name__ == "__main__":
    main()
