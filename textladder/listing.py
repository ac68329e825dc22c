"""What there is: the rungs of the ladder and the built-in data sets."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from textladder import builtin, recipe
from textladder.builtin import BUILTIN
from textladder.errors import Problem, suggest
from textladder.model import Model
from textladder.preparing import builtin_corpora
from textladder.tasks import TASKS, task_class
from textladder.text.tokenizing import SPECIAL, Tokenizer

SHOWN_UNITS = 10_000  # vocabulary that parameters are counted for
SHOWN_TEXTS = 5


def list_rungs(task: str) -> list[dict[str, Any]]:
    """Name, description, units, parameters (for a vocabulary of 10,000 units and two labels) and source of every
    rung of a task, the cheapest first."""
    task_class(task)  # a Problem for an unknown task
    listed = []
    for name in recipe.rungs(task):
        chosen = recipe.rung(name, task)
        vocabulary = [f"unit{n}" for n in range(SHOWN_UNITS - len(SPECIAL))]
        tokenizer = Tokenizer.of_vocabulary(vocabulary, chosen.tokenizer)
        labels = {"labels": ["a", "b"], "kind": "single", "counts": {"a": 1, "b": 1}, "texts": 2}
        model = Model(chosen, tokenizer, labels)
        listed.append(
            {
                "rung": name,
                "about": chosen.about,
                "units": chosen.tokenizer.units,
                "parameters": model.parameter_count,
                "encoder": chosen.encoder_name,
                "source": chosen.source,
                "recipe": str(recipe.recipe_path(name, task)),
            }
        )
    return listed


def render_rungs(task: str, listed: list[dict[str, Any]]) -> None:
    table = Table(title=f"The rungs of the task {task} (of {', '.join(TASKS)}), the cheapest first")
    for head in ("rung", "what it is", "units", "parameters", "source"):
        table.add_column(head, justify="right" if head == "parameters" else "left", overflow="fold")
    for entry in listed:
        table.add_row(
            entry["rung"], entry["about"], entry["units"], f"{entry['parameters']:,}", entry["source"]
        )
    console = Console()
    console.print(table)
    console.print(
        f"Parameters: for a vocabulary of {SHOWN_UNITS:,} units and two labels. Recipes to copy and change: "
        f"{Path(listed[0]['recipe']).parent}"
    )


def list_data() -> list[dict[str, Any]]:
    """Every built-in data set, described."""
    return [describe_data(name) for name in BUILTIN]


def describe_data(name: str, out: Path | None = None) -> dict[str, Any]:
    """Size, labels and first texts of a built-in data set; also written as CSV if `out` is given."""
    if name not in BUILTIN:
        raise Problem("textladder data", f"there is no built-in data set {name!r}.", suggest(name, BUILTIN))
    corpora = builtin_corpora(name)
    counts: Counter[str] = Counter()
    for corpus in corpora.values():
        counts.update(corpus.label_counts())
    train = corpora["train"]
    described = {
        "name": name,
        "about": BUILTIN[name].summary,
        "source": BUILTIN[name].source,
        "texts": {part: len(corpus) for part, corpus in corpora.items()},
        "labels": dict(sorted(counts.items())),
        "examples": [
            {"text": train[i].texts[0], "label": "|".join(train[i].target)} for i in range(SHOWN_TEXTS)
        ],
    }
    if out is not None:
        builtin.write_csv(name, out)
        described["out"] = str(out)
    return described


def render_data(described: list[dict[str, Any]]) -> None:
    console = Console()
    for entry in described:
        sizes = ", ".join(f"{count:,} {part}" for part, count in entry["texts"].items())
        console.print(f"[bold]{entry['name']}[/bold]: {entry['about']}\n  texts: {sizes}")
        labels = ", ".join(f"{label} {count:,}" for label, count in entry["labels"].items())
        console.print(f"  labels ({len(entry['labels'])}): {labels}")
        for example in entry["examples"]:
            console.print(f"  {example['label']}: {example['text']}", markup=False)
        if "out" in entry:
            console.print(f"written to {entry['out']} (columns text, label, split)")
        else:
            console.print(f"  try: textladder compare {entry['name']} --out runs/{entry['name']}")
