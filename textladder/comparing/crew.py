"""The trainings of a compare, each in a process of its own: so are its seconds and its memory."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from textladder.errors import Problem
from textladder.files import WORK, read_json
from textladder.preparing import read_data
from textladder.recipe import Recipe
from textladder.signals import Interrupted, noted
from textladder.tasks import task_class
from textladder.terminal import Terminal

# Imported once, by the server that every training is forked from, and not once per rung.
PRELOAD = [
    "textladder.run",
    "textladder.layers.kernels",
    "textladder.text.scanning",
    "textladder.text.minhash",
]
CURVE_SHARES = (0.1, 0.3)  # beside all of the training texts


@dataclass(frozen=True)
class Request:
    """What is compared: all that must be the same for finished runs to be kept."""

    file: str
    dev: str | None
    test: str | None
    task: str
    rungs: list[str]
    settings: list[str]
    seeds: int
    budget: float | None
    learning_curve: bool
    device: str
    units: list[str] | None = None  # every rung with each of them

    def command(self, out: Path) -> list[str]:
        """The words of a command line that asks for it."""
        given = {
            "--out": str(out),
            "--task": self.task,
            "--rungs": ",".join(self.rungs),
            "--dev": self.dev,
            "--test": self.test,
            "--units": ",".join(self.units or ()),
            "--seeds": str(self.seeds),
            "--budget": None if self.budget is None else f"{self.budget}s",
            "--device": self.device,
        }
        words = ["textladder", "compare", self.file]
        words += [word for option, value in given.items() if value for word in (option, value)]
        words += [word for setting in self.settings for word in ("--set", setting)]
        return [*words, "--learning-curve"] if self.learning_curve else words


@dataclass(frozen=True)
class Training:
    """One run of a compare. share: of the training texts."""

    recipe: Recipe
    out: Path
    share: float = 1.0
    stop_at: float | None = None  # seconds

    @property
    def finished(self) -> bool:
        return (self.out / "scores.json").exists()

    def scores(self) -> dict[str, Any]:
        return read_json(self.out / "scores.json")


class Crew:
    """Runs trainings in processes of their own, one after the other, and remembers which failed and why."""

    def __init__(self, out: Path, request: Request, notes: list[str], terminal: Terminal) -> None:
        self.out, self.request, self.notes, self.terminal = out, request, notes, terminal
        self.failures: dict[str, str] = {}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)

    @property
    def shares(self) -> list[float]:
        """Of the training texts: each rung is trained on all of these."""
        return [*CURVE_SHARES, 1.0] if self.request.learning_curve else [1.0]

    def trainings(self, recipes: dict[str, Recipe], limits: dict[str, float]) -> list[Training]:
        """Every run that the request asks of these rungs: rung by rung, seeds and shares within. limits:
        seconds of each training of a rung, where there is a budget."""
        return [
            Training(
                chosen.with_training(seed=seed),
                run_folder(self.out, name, seed, share),
                share,
                limits.get(name),
            )
            for name, chosen in recipes.items()
            for seed in range(1, self.request.seeds + 1)
            for share in self.shares
        ]

    def run(self, training: Training) -> dict[str, Any] | None:
        """Train unless it is finished; returns its scores. A Problem of the rung is remembered, not raised,
        and None returned. A signal is passed on, so that the state is saved, and raised as Interrupted."""
        if training.finished:
            return training.scores()
        if training.recipe.rung in self.failures:
            return None
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(
            target=_child, args=(writer, training, self.request, self.out, self.notes)
        )
        with noted() as signals:
            process.start()
            writer.close()
            kind, said = _last_word(process, reader, signals)
            process.join()
        if signals[0]:
            raise Interrupted(signals[0])
        if kind == "done":
            return said
        what = said or how_it_ended(process.exitcode or 0)
        self.failures[training.recipe.rung] = what
        self.terminal.note(f"{training.out.name}: {what}")
        return None


def run_folder(out: Path, name: str, seed: int, share: float = 1.0) -> Path:
    """The folder of one training in that of a compare."""
    part = "" if share == 1.0 else f"-{round(share * 100)}pct"
    return out / "runs" / f"{Path(name).stem}-seed{seed}{part}"


def _last_word(process: ForkServerProcess, reader: Connection, signals: list[int]) -> tuple[str, Any]:
    """What the child says at its end: (kind, what). A signal is passed on to it, once. That it has ended is
    told by the pipe: the server that would say so dies of a signal to the whole group, the child does not."""
    passed_on = False
    while not reader.poll(0.1):
        if signals[0] and not passed_on:
            process.terminate()
            passed_on = True
    try:
        kind, what = reader.recv()
    except EOFError:  # it ended without a word
        return "lost", ""
    return kind, what


def how_it_ended(code: int) -> str:
    """For a process that could not say it itself."""
    if code >= 0:
        return f"its process ended with code {code}; what it said stands above"
    killed = f"its process was ended by {signal.Signals(-code).name}"
    return f"{killed}; is there too little memory?" if -code == signal.SIGKILL else killed


def _end_with_parent() -> None:
    """A parent that is killed passes nothing on: its training then stops as after a signal, and is saved."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _child(writer: Any, training: Training, request: Request, out: Path, notes: list[str]) -> None:
    """In a process of its own: one training from data on disk to its run folder."""
    from textladder import run

    os.setpgrp()  # Ctrl-C reaches the parent alone, which passes it on
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    path = {
        name: Path(value) if value else None for name, value in (("dev", request.dev), ("test", request.test))
    }
    kind = task_class(request.task)

    def tell(*what: Any) -> None:
        with suppress(BrokenPipeError):  # of a parent that was stopped at once
            writer.send(what)

    try:
        data = read_data(
            training.recipe.data,
            out / WORK / "data",
            request.file,
            path["dev"],
            path["test"],
            look_for_leakage=False,  # the parent has done so
            reads=kind.reads,
        )
        data = replace(data, notes=notes)
        if training.share < 1:
            data = replace(data, train=data.train.first(training.share, training.recipe.training.seed))
        scores = run.train(
            training.recipe,
            data,
            training.out,
            resume=True,
            device=request.device,
            reporter=Terminal(prefix=f"{training.out.name}: ", units=kind.streams),
            stop_at=training.stop_at,
        )
        tell("done", scores)
    except Problem as problem:
        shutil.rmtree(training.out / WORK, ignore_errors=True)  # the disk may be full, and others go on
        tell("problem", str(problem).replace("\n", " "))
    except (Interrupted, KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` sends two: one to all, one from the parent
        tell("interrupted", "it was stopped")
