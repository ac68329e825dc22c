"""Quality beside published scores: `python -m benchmarks.quality` (also `make check-quality`).

    python -m benchmarks.quality [--only sst2,trec] [--rungs bow,cnn] [--seeds 1] [--overwrite] [--write-only]

Trains the shipped recipes on real data, each run in a process of its own, and writes docs/quality.md.
Finished runs are kept under benchmarks/out/quality as long as their recipe is the same: a stopped call goes
on where it was.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.harness import OUT, ROOT, machine, table, versions
from benchmarks.sets import SETS, DataSet

RUNS = OUT / "quality"
DOCUMENT = ROOT / "docs" / "quality.md"
TASK = "classify"

HOW = """\
Each rung is trained with its shipped recipe and the settings named below, stops when dev gets no better, and
is tested once. The best rung is chosen by its dev score; the interval is the 95 % bootstrap interval of its
test score (of the first seed, where there are several; scores are then means). No setting was chosen by a
test score. Where a set has no dev file, a tenth of the training texts is held out.
"""


@dataclass(frozen=True)
class Found:
    """A rung on a data set: means over its seeds; interval and test metrics of the first seed."""

    rung: str
    dev: float
    test: float
    spread: float | None  # standard deviation of test over seeds
    interval: tuple[float, float]
    count: int
    seconds: float
    epochs: float
    metric: str
    metrics: dict[str, float | None]
    seeds: int

    @classmethod
    def of(cls, rung: str, runs: list[dict[str, Any]]) -> Found:
        tests = [run["test"]["score"] for run in runs]
        first = runs[0]
        return cls(
            rung,
            statistics.mean(run["dev"]["score"] for run in runs),
            statistics.mean(tests),
            statistics.stdev(tests) if len(tests) > 1 else None,
            tuple(first["test"]["interval"]),
            first["test"]["count"],
            statistics.mean(run["training_seconds"] for run in runs),
            statistics.mean(run["epochs"] for run in runs),
            first["metric"],
            first["test"]["scores"],
            len(runs),
        )


def main(arguments: list[str] | None = None) -> None:
    from textladder import recipe

    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(SETS), help="data sets: " + " ".join(SETS))
    parser.add_argument("--rungs", default=",".join(recipe.rungs(TASK)))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--overwrite", action="store_true", help="train anew what is finished")
    parser.add_argument(
        "--write-only", action="store_true", help="train nothing; write the page from what there is"
    )
    options = parser.parse_args(arguments)
    names, rungs = options.only.split(","), options.rungs.split(",")
    for given, known in ((names, SETS), (rungs, recipe.rungs(TASK))):
        unknown = set(given) - set(known)
        if unknown:
            parser.error(f"there is no {', '.join(sorted(unknown))}; there are: {' '.join(known)}")
    for name in [] if options.write_only else names:
        print(f"{name}: {SETS[name].about}", flush=True)
        train(name, rungs, options.seeds, options.overwrite)
        print(set_table(gather(name)), flush=True)
    command = " ".join(["python -m benchmarks.quality", *map(shlex.quote, arguments or sys.argv[1:])])
    found = {name: gather(name) for name in SETS}
    packages = versions(["textladder", "torch", "tokenizers", "numpy", "numba", "scikit-learn"])
    DOCUMENT.write_text(document(found, command, packages), encoding="utf-8")
    print(summary_table(found))
    print(f"Written: {DOCUMENT.relative_to(ROOT)}")


def recipe_of(name: str, rung: str, seed: int) -> Any:
    from textladder import recipe

    return recipe.rung(rung, TASK).set(SETS[name].settings_of(rung)).with_training(seed=seed)


def train(name: str, rungs: list[str], seeds: int, overwrite: bool) -> None:
    """Every run that is not there yet, rung by rung; each in a process of its own."""
    from textladder.comparing.crew import Crew, Request, Training, run_folder
    from textladder.files import locked
    from textladder.preparing import read_data
    from textladder.terminal import Terminal

    out = RUNS / name
    file, dev, test = SETS[name].files()
    request = Request(
        file=file,
        dev=str(dev) if dev else None,
        test=str(test) if test else None,
        task=TASK,
        rungs=rungs,
        settings=[],  # of each rung, in its recipe
        seeds=seeds,
        budget=None,
        learning_curve=False,
        device="auto",
    )
    terminal = Terminal()
    with locked(out):
        wanted: list[Training] = []
        for rung in rungs:
            for seed in range(1, seeds + 1):
                training = Training(recipe_of(name, rung, seed), run_folder(out, rung, seed))
                if overwrite or not is_current(training.out, training.recipe):
                    shutil.rmtree(training.out, ignore_errors=True)
                if not training.finished:
                    wanted.append(training)
        notes: list[str] = []
        if wanted:  # said once here, and not by each run
            notes = read_data(wanted[0].recipe.data, out / "work" / "data", file, dev, test).notes
            for note in notes:
                terminal.note(f"{name}: {note}")
        crew = Crew(out, request, notes, terminal)
        for training in wanted:
            began = time.perf_counter()
            scores = crew.run(training)
            if scores:
                dev_score, test_score = scores["dev"]["score"], scores["test"]["score"]
                print(
                    f"  {training.out.name}: dev {dev_score:.4f}, test {test_score:.4f}, "
                    f"{scores['training_seconds']:.1f} s of training, "
                    f"{time.perf_counter() - began:.1f} s in all",
                    flush=True,
                )
        shutil.rmtree(out / "work", ignore_errors=True)
    if crew.failures:
        print("\n".join(f"  {rung} failed: {what}" for rung, what in crew.failures.items()))


def is_current(folder: Path, wanted: Any) -> bool:
    """True if the run in `folder`, finished or not, has the recipe that is wanted now."""
    from textladder.errors import Problem
    from textladder.recipe import Recipe

    try:
        return Recipe.load(folder / "recipe.toml").tables(every=True) == wanted.tables(every=True)
    except Problem:
        return False


def gather(name: str) -> list[Found]:
    """What is finished on a data set, rung by rung in the order of the ladder. A run with a recipe that is
    no longer the shipped one does not count."""
    from textladder import recipe

    listed = []
    for rung in recipe.rungs(TASK):
        runs = []
        for folder in sorted((RUNS / name / "runs").glob(f"{rung}-seed*")):
            seed = int(folder.name.rpartition("seed")[2])
            if (folder / "scores.json").exists() and is_current(folder, recipe_of(name, rung, seed)):
                runs.append(json.loads((folder / "scores.json").read_text(encoding="utf-8")))
        if runs:
            listed.append(Found.of(rung, runs))
    return listed


def best(found: list[Found]) -> Found:
    """By dev, never by test."""
    return max(found, key=lambda one: one.dev)


def verdicts(about: DataSet, found: list[Found]) -> list[tuple[str, Found, float, bool]]:
    """(what is asked, who is judged, the figure asked for, met?) for all that is asked of a data set."""
    top, listed = best(found), []
    if about.reach is not None:
        listed.append(
            (f"best rung by dev at least {about.reach:g}", top, about.reach, top.test >= about.reach)
        )
    if about.reach_rungs is not None:
        reach, names = about.reach_rungs
        some = [one for one in found if one.rung in names]
        if some:
            chosen = best(some)
            listed.append((f"an RNN or CNN rung at least {reach:g}", chosen, reach, chosen.test >= reach))
    if about.within is not None:
        last = min(
            (one for one in found if one.rung not in ("bow", "ngrams")),
            key=lambda one: one.test,
            default=None,
        )
        if last:
            least = max(one.test for one in found) - about.within
            what = (
                f"every neural rung within {about.within * 100:g} points of the best (at least {least:.3f})"
            )
            listed.append((what, last, least, last.test >= least))
    return listed


def document(found: dict[str, list[Found]], command: str, packages: dict[str, str]) -> str:
    """docs/quality.md."""
    parts = [
        "# Quality, beside published scores",
        f"Written by `make check-quality` (`{command}`) on {date.today().isoformat()}; every run is in "
        "benchmarks/out/quality.",
        f"Machine: {machine()}. "
        + ", ".join(f"{name} {version}" for name, version in packages.items())
        + ".",
        HOW.rstrip(),
        summary_table(found),
    ]
    for name, listed in found.items():
        if not listed:
            continue
        parts += [f"## {SETS[name].about}", set_table(listed)]
        settings = settings_line(SETS[name])
        parts += [settings] if settings else []
    return "\n\n".join(parts) + "\n"


def summary_table(found: dict[str, list[Found]]) -> str:
    header = ["data", "asked", "rung", "test", "95 % interval", "met", "known"]
    rows = []
    for name, listed in found.items():
        about = SETS[name]
        if not listed:
            continue
        judged = verdicts(about, listed) or [("report", best(listed), 0.0, True)]
        for what, one, _, met in judged:
            said = "" if what == "report" else "yes" if met else "**no**"
            rows.append([about.about, what, one.rung, score(one), interval(one), said, about.known])
    return table(header, rows)


def set_table(found: list[Found]) -> str:
    """One row per rung; the best by dev is bold. Multi-label sets have macro- and micro-F1 as well."""
    if not found:
        return "Nothing is finished."
    top = best(found)
    more = [
        key for key in ("macro_f1", "micro_f1") if found[0].metric.endswith("f1") and key in found[0].metrics
    ]
    header = [
        "rung",
        f"dev {found[0].metric}",
        "test",
        "95 % interval",
        *more,
        "training, s",
        "epochs",
        "seeds",
    ]
    rows = []
    for one in found:
        extra = [f"{one.metrics[key] or 0:.3f}" for key in more]
        name = f"**{one.rung}**" if one is top else one.rung
        cells = [
            f"{one.dev:.3f}",
            score(one),
            interval(one),
            *extra,
            f"{one.seconds:,.1f}",
            f"{one.epochs:.3g}",
        ]
        rows.append([name, *cells, str(one.seeds)])
    return table(header, rows) + f"\n\n{found[0].count:,} test texts."


def settings_line(about: DataSet) -> str:
    said = [
        f"{'every rung' if rung == '*' else rung} `{' '.join(values)}`"
        for rung, values in about.settings.items()
    ]
    return f"Settings beside the recipes: {', '.join(said)}." if said else ""


def score(one: Found) -> str:
    return f"{one.test:.3f}" + (f" ± {one.spread:.3f}" if one.spread is not None else "")


def interval(one: Found) -> str:
    return f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"


if __name__ == "__main__":
    main()
