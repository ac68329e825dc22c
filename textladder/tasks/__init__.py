"""Tasks: labels, head, loss, prediction, score. A new one is one file here and one line in `TASKS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textladder.tasks.task import Task

TASKS: dict[str, str] = {
    "classify": "textladder.tasks.classify:Classify",
    "embed": "textladder.tasks.embed:Embed",
    "language": "textladder.tasks.language:Language",
    "pair": "textladder.tasks.pair:Pair",
    "span": "textladder.tasks.span:Span",
    "tag": "textladder.tasks.tag:Tag",
    "translate": "textladder.tasks.translate:Translate",
}


def task_class(name: str, where: str = "--task") -> type[Task]:
    """The class behind a name in `TASKS`; Problem for an unknown name."""
    from textladder.checking import named_class

    found: type[Task] = named_class(TASKS, name, where, "task")
    return found
