"""A data set of `benchmarks.sets`: its files, what is asked of it, and what `textladder train` is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.harness import data_folder
from benchmarks.made_sets import MADE
from benchmarks.own_vectors import Vectors
from textladder import recipe

EVERY = "*"  # settings for every rung


@dataclass(frozen=True)
class DataSet:
    """train, dev, test: files of the data folder (two, with a space between: line i of one for line i of the
    other), files that are made of some (`MADE`), or (train) a built-in set. Parts that are None are split off
    train (dev) or come with it. reach: of the best rung by dev. reach_rungs: reach of some rungs alone.
    reach_each: of single rungs."""

    train: str
    dev: str | None
    test: str | None
    reach: float | None
    known: str
    about: str
    settings: dict[str, list[str]] = field(default_factory=dict)
    reach_rungs: tuple[float, tuple[str, ...]] | None = None
    reach_each: dict[str, float] = field(default_factory=dict)
    within: float | None = None  # every neural rung is asked to come this near to the best
    vectors: Vectors | None = None
    task: str = "classify"

    def rungs(self) -> list[str]:
        """Of the task, the cheapest first."""
        return recipe.rungs(self.task)

    def settings_of(self, rung: str) -> list[str]:
        return [*self.settings.get(EVERY, []), *self.settings.get(rung, [])]

    def vectors_of(self, rung: str) -> Vectors | None:
        return self.vectors if self.vectors and rung in self.vectors.rungs else None

    def arguments(self, rung: str) -> list[str]:
        """What `textladder train` is told of a rung: files with their folders, task, settings."""
        given = [str(_path(name)) for name in self.train.split()]
        for option, part in (("--dev", self.dev), ("--test", self.test)):
            given += [option, *(str(_path(name)) for name in part.split())] if part else []
        given += ["--task", self.task, "--rung", rung]
        for setting in self.settings_of(rung):
            given += ["--set", setting]
        return given


def _path(name: str) -> Path | str:
    """A file of the data folder or one that is made of some; a built-in set's name stays as it is."""
    if "/" not in name:
        return name
    folder, _, part = name.partition("/")
    return MADE[folder](data_folder(), part) if folder in MADE else data_folder() / name
