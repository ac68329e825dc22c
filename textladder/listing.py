"""What there is: the rungs of the ladder and the built-in data sets."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import typer

from textladder import builtin
from textladder.builtin import BUILTIN
from textladder.errors import Problem, suggest

SHOWN_UNITS = 10_000  # vocabulary that parameters are counted for
SHOWN_TEXTS = 5


def list_rungs(task: str | None = None) -> list[dict[str, Any]]:
    """Every rung of a task (None: of all tasks), the cheapest first: task, rung, about, units, parameters
    (for 10,000 units and two labels, before n-grams get their rows; None where there are none and n-grams are
    counted), receptive_field (units that a state depends on, where that is a fixed number), encoder, source,
    recipe (a path)."""
    from textladder import recipe
    from textladder.layers.undrawn import Undrawn
    from textladder.model import Model
    from textladder.tasks import TASKS, task_class
    from textladder.text.tokenizing import SPECIAL, Tokenizer

    tasks = list(TASKS) if task is None else [task]
    vocabulary = [f"unit{n}" for n in range(SHOWN_UNITS - len(SPECIAL))]
    two = {"labels": ["a", "b"], "kind": "single", "counts": {"a": 1, "b": 1}, "texts": 2}
    none = {"labels": [], "units": SHOWN_UNITS, "spelling": {}}
    tags = {"labels": ["a", "b"], "kind": "tags", "scheme": "BIO", "cut": "word"}
    asked = {"labels": [], "answerable": True}
    labels_of = {
        "rows": two,
        "documents": none,
        "sentences": tags,
        "pairs": two,
        "matches": {"labels": [], "kind": "none"},
        "questions": asked,
        "translations": none,
    }
    listed = []
    for name in tasks:
        labels = labels_of[task_class(name).reads]  # a Problem for an unknown task
        for rung in recipe.rungs(name):
            chosen = recipe.rung(rung, name)
            tokenizer = Tokenizer.of_vocabulary(vocabulary, chosen.tokenizer)
            with Undrawn():
                model = None if chosen.counted else Model(chosen, tokenizer, labels)
            listed.append(
                {
                    "task": name,
                    "rung": rung,
                    "about": chosen.about,
                    "units": chosen.tokenizer.units,
                    "parameters": model and model.parameter_count,
                    "receptive_field": model and model.encoder.receptive_field,
                    "encoder": chosen.encoder_name,
                    "source": chosen.source,
                    "recipe": str(recipe.recipe_path(rung, name)),
                }
            )
    return listed


def render_rungs(listed: list[dict[str, Any]]) -> None:
    """The rungs on stdout, as wide as the terminal; unbroken lines where stdout is a file or a pipe."""
    typer.echo(
        f"Rungs, from the cheapest to the dearest. Parameters: for {SHOWN_UNITS:,} units and two labels."
    )
    indent = max(len(entry["rung"]) for entry in listed) + 2
    for task in dict.fromkeys(entry["task"] for entry in listed):
        typer.echo(f"\ntask {task}\n")
        for entry in (entry for entry in listed if entry["task"] == task):
            _print_wrapped(f"{entry['rung']:<{indent}}{entry['about']}", indent)
            n = entry["parameters"]
            size = "n-grams are counted: no parameters" if n is None else f"{n:,} parameters"
            field = entry["receptive_field"]
            sees = "" if field is None else f", each unit sees {field} units"
            _print_wrapped(f"{'':{indent}}{entry['units']} units, {size}{sees}", indent)
            _print_wrapped(f"{'':{indent}}{entry['source']}", indent)
    folders = {Path(entry["recipe"]).parent for entry in listed}
    place = folders.pop() if len(folders) == 1 else next(iter(folders)).parent
    typer.echo(f"\nRecipes to copy and change: {place}")


def list_data() -> list[dict[str, Any]]:
    """Every built-in data set, described."""
    return [describe_data(name) for name in BUILTIN]


def describe_data(name: str, out: Path | None = None) -> dict[str, Any]:
    """Size, labels and first texts of a built-in data set; also written as CSV if `out` is given."""
    if name not in BUILTIN:
        raise Problem(f"data {name}", "there is no such built-in data set.", suggest(name, BUILTIN))
    parts, column = BUILTIN[name].make(), builtin.column_of(name)
    counts = Counter(label for rows in parts.values() for _, labels in rows for label in labels)
    if column != "label":
        counts = Counter()
    described = {
        "name": name,
        "about": BUILTIN[name].summary,
        "source": BUILTIN[name].source,
        "texts": {part: len(parts[part]) for part in ("train", "dev", "test")},
        "labels": dict(sorted(counts.items())),
        "examples": [
            {"text": text, column: "|".join(labels)} for text, labels in parts["train"][:SHOWN_TEXTS]
        ],
    }
    if out is not None:
        builtin.write_csv(name, out)
        described["out"] = str(out)
    return described


def render_data(described: list[dict[str, Any]]) -> None:
    """Data sets on stdout. Where --out wrote to stdout itself, nothing is added to the CSV."""
    for entry in described:
        if "out" in entry:
            column = builtin.column_of(entry["name"])
            typer.echo(f"Written to {entry['out']} (columns text, {column}, split).", err=True)
            continue
        _print_wrapped(f"{entry['name']}: {entry['about']}")
        _print_wrapped(f"  source: {entry['source']}", 4)
        _print_wrapped("  texts: " + ", ".join(f"{n:,} {part}" for part, n in entry["texts"].items()), 4)
        if entry["labels"]:
            labels = ", ".join(f"{label} {count:,}" for label, count in entry["labels"].items())
            _print_wrapped(f"  labels ({len(entry['labels'])}): {labels}", 4)
        for example in entry["examples"]:
            beside = f"{example['label']}: " if "label" in example else ""
            becomes = f" -> {example['second']}" if "second" in example else ""
            _print_wrapped(f"  {beside}{example['text']}{becomes}", 4)
        task = "" if entry["labels"] else " --task translate"
        typer.echo(f"  try: textladder compare {entry['name']}{task} --out runs/{entry['name']}")


def _print_wrapped(line: str, indent: int = 0) -> None:
    """Wrapped to a terminal; as it is elsewhere."""
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns, indent + 20)
        line = textwrap.fill(
            line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )
    typer.echo(line)
