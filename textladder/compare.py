"""The main job: train every rung on the same texts, test each once, and say which is worth its cost.

    OUT/index.html  compare.json  runs/RUNG-seedN/ (a run folder each)  request.json
    rounds.json (with a budget: `ROUNDS`)

What is finished is kept: the same command goes on where it was stopped.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from textladder import __version__, recipe, replacing
from textladder.comparing.crew import Crew, Request, Training, run_folder
from textladder.comparing.halving import Halved, Job, Outcome, drive, halving
from textladder.comparing.summary import summarise
from textladder.errors import Problem
from textladder.files import WORK, locked, read_json, write_text
from textladder.inspection.page import write_page
from textladder.preparing import learn_labels, read_data, suited_to
from textladder.recipe import Recipe
from textladder.replacing import Kind, let_go
from textladder.tasks import task_class
from textladder.terminal import Terminal

ROUNDS = "rounds.json"  # what came of each job of successive halving: "RUNG ROUND" -> Outcome
COMPARE = Kind(
    "a compare",
    names=("request.json", ROUNDS, "compare.json", "index.html", "runs", WORK),
    mark="request.json",
    begun=("runs",),
)


def compare_rungs(
    file: str,
    out: Path,
    *,
    task: str = "classify",
    rungs: list[str] | None = None,
    dev: Path | None = None,
    test: Path | None = None,
    settings: list[str] | None = None,
    units: list[str] | None = None,
    seeds: int = 1,
    budget: float | None = None,
    learning_curve: bool = False,
    device: str = "auto",
    overwrite: bool = False,
    command: list[str] | None = None,
) -> dict[str, Any]:
    """Train, test, decide, and write `out`; returns what compare.json holds (see `comparing.summary`).

    units: every rung is trained with each of these, as RUNG-UNITS (None: with its own, or with those of
    `settings`).
    budget: seconds of training in all, shared by successive halving. command: what the page says to repeat
    it with (None: a command line that asks for the same). Raises Problem for wrong input and for an `out`
    that holds another compare; Interrupted when stopped (the same call goes on).
    """
    kind = task_class(task)  # a Problem for an unknown task
    names = recipe.rungs(task) if rungs is None else [name.strip() for name in rungs]
    if not names:
        raise Problem("--rungs", "no rung is named.", f"Known: {', '.join(recipe.rungs(task))}.")
    request = Request(
        file,
        str(dev) if dev else None,
        str(test) if test else None,
        task,
        names,
        settings or [],
        seeds,
        budget,
        learning_curve,
        device,
        units,
    )
    recipes = _recipes(request)
    terminal = Terminal(units=kind.streams)
    with locked(out), _claimed(out, request, overwrite):
        first = next(iter(recipes.values()))
        data = read_data(first.data, out / WORK / "data", file, dev, test, reads=kind.reads, lists=out)
        learn_labels(first, data)  # a Problem here is one of all rungs
        let_go(out)
        for note in data.notes:
            terminal.note(note)
        crew = Crew(out, request, data.notes, terminal)
        stopped: dict[str, str] = {}
        limits: dict[str, float] = {}
        if budget is not None:
            # Few texts are trained for as many steps as all are (`min_steps`): each share may take as long.
            each = budget / (seeds * len(crew.shares))
            halved = _within_budget(crew, recipes, each, kind.higher_is_better)
            stopped, limits = halved.stopped, halved.seconds
        trainings = crew.trainings({n: r for n, r in recipes.items() if n not in stopped}, limits)
        for training in trainings:
            scores = crew.run(training)
            if scores is not None and "paused" in scores:  # its time is up: finish it as it stands
                crew.run(training)
        done = [training for training in trainings if training.finished]
        if not done:
            raise Problem(str(out), "no rung could be trained.", "Look at the messages above.")
        comparison = summarise(
            [(str(t.out.relative_to(out)), t.share, t.scores()) for t in done],
            folder=out,
            stopped=stopped | crew.failures,
            command=shlex.join(command or request.command(out)),
            data={
                "file": file,
                "notes": data.notes,
                **{name: len(part) for name, part in data.parts().items()},
            },
            environment=environment(),
        )
        write_text(out / "compare.json", json.dumps(comparison, ensure_ascii=False, indent=1))
        write_page(out, comparison)
        shutil.rmtree(out / WORK, ignore_errors=True)
    return comparison


def _recipes(request: Request) -> dict[str, Recipe]:
    """The recipe of each rung, with each of the units. Problem for one of another task, or a name twice."""
    found: dict[str, Recipe] = {}
    for name in dict.fromkeys(request.rungs):
        suited = suited_to(request.file, task_class(request.task).reads)
        chosen = recipe.rung(name, request.task).set(request.settings, suited)
        if chosen.task_name != request.task:
            what = f"this recipe is for the task {chosen.task_name}, not {request.task}."
            raise Problem(name, what, f"Leave it out, or compare with --task {chosen.task_name}.")
        for units in request.units or ():
            settings = [*request.settings, f"tokenizer.units={units}"]
            cut = recipe.rung(name, request.task).set(settings, suited)
            found[f"{chosen.rung}-{units}"] = replace(cut, rung=f"{chosen.rung}-{units}")
        if not request.units:
            found[name] = chosen
    seen: dict[str, str] = {}
    for name, chosen in found.items():
        if seen.setdefault(chosen.rung, name) != name:
            what = f"{seen[chosen.rung]} is called {chosen.rung!r} too."
            raise Problem(name, what, 'Give each recipe a name of its own: rung = "..." in its first lines.')
    return found


def _within_budget(crew: Crew, recipes: dict[str, Recipe], budget: float, higher_is_better: bool) -> Halved:
    """Successive halving over the rungs, with the first seed. What came of a job is kept, so that a compare
    that was stopped goes on in the round where it was."""
    used = dict.fromkeys(recipes, 0.0)
    file = crew.out / ROUNDS
    known = read_json(file) if file.exists() else {}

    def train(job: Job) -> Outcome:
        key = f"{job.rung} {job.round}"
        if key not in known:
            outcome = trained(job)
            if outcome.score is None:  # tried again if the compare goes on
                return outcome
            known[key] = asdict(outcome)
            write_text(file, json.dumps(known, indent=1))
        used[job.rung] += known[key]["seconds"]
        return Outcome(**known[key])

    def trained(job: Job) -> Outcome:
        chosen = recipes[job.rung].with_training(seed=1)
        scores = crew.run(
            Training(chosen, run_folder(crew.out, job.rung, 1), stop_at=used[job.rung] + job.seconds)
        )
        if scores is None:
            return Outcome(None, 0.0, note=crew.failures[job.rung])
        spent, paused = scores["training_seconds"] - used[job.rung], "paused" in scores
        return Outcome(scores["dev_score"] if paused else scores["dev"]["score"], spent, finished=not paused)

    return drive(halving(list(recipes), budget, higher_is_better=higher_is_better), train)


@contextmanager
def _claimed(out: Path, request: Request, overwrite: bool) -> Iterator[None]:
    """Makes `out` the folder of this compare (see `replacing.claimed`). Raises Problem if it holds another
    one, or a run."""
    now = json.loads(json.dumps(request.__dict__))

    def check() -> None:
        before = read_json(out / COMPARE.mark)
        changed = [key for key in now if before.get(key) != now[key]]
        if changed:
            raise Problem(
                str(out),
                f"the compare there was asked with another {', '.join(changed)}.",
                "Give the same command to go on with it, another --out, or --overwrite.",
            )

    if (out / "recipe.toml").exists():
        raise Problem(str(out), "this folder holds a run of textladder train.", "Give another --out.")
    with replacing.claimed(out, COMPARE, json.dumps(now, indent=1), overwrite, check):
        yield


def environment() -> dict[str, Any]:
    """What the figures were measured with."""
    import torch

    return {
        "textladder": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def _processor() -> str:
    if sys.platform == "linux":
        found = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
        if found:
            return found.group(1)
    return platform.processor() or platform.machine()


def duration(text: str) -> float:
    """ "90s", "10m", "2h" or a number of seconds -> seconds; Problem for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not found or float(found.group(1)) == 0:
        raise Problem("--budget", f"{text!r} is no length of time.", "Write for example 90s, 10m or 2h.")
    return float(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600}[found.group(2)]
