"""Tasks: labels, head, loss, prediction, score. A new one is one file here and one line in `TASKS`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textladder.tasks.task import Task

TASKS: dict[str, str] = {
    "classify": "textladder.tasks.classify:Classify",
    "language": "textladder.tasks.language:Language",
}


def task_class(name: str) -> type[Task]:
    """The class behind a name in `TASKS`; Problem for an unknown name."""
    from textladder.errors import Problem, suggest

    if name not in TASKS:
        raise Problem("task.name", f"there is no task {name!r}.", suggest(name, TASKS))
    module, _, attribute = TASKS[name].partition(":")
    return getattr(import_module(module), attribute)
