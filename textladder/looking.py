"""`textladder look`: a file, or a built-in data set, before anything is trained on it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from textladder import recipe
from textladder.errors import Problem
from textladder.preparing import meant_for, read_corpora
from textladder.text.looking import Look, look

if TYPE_CHECKING:  # needs torch, which reading files does not
    from textladder.tasks.task import Reads

# What files are read as for a task, and a rung of it that says how texts are cut.
KINDS: dict[str, tuple[Reads, str]] = {
    "classify": ("rows", "bow"),
    "embed": ("matches", "average"),
    "pair": ("pairs", "bow"),
    "span": ("questions", "window"),
    "tag": ("sentences", "window"),
    "translate": ("translations", "gru"),
}


def look_at(
    file: str, dev: Path | None, test: Path | None, settings: list[str], task: str | None = None
) -> Look:
    """Read the files as a training would (with the settings of `--set`) and say what is in them. task: None
    for that which the file's name speaks of."""
    task = task or meant_for(file)
    reads, rung = KINDS[task]
    data, tokenizer = recipe.reading(rung, task, settings)
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        if reads in ("sentences", "questions"):
            corpora = read_corpora(data, Path(work), file, dev, test, reads=reads)
        else:
            try:  # as for a training, but that all rows are looked at
                every = replace(data, unlabelled="keep", empty="keep", max_ratio=0.0)
                corpora = read_corpora(every, Path(work) / "labelled", file, dev, test, reads=reads)
            except Problem:  # there are no labels, or nothing can be read at all
                every = replace(data, empty="keep", max_ratio=0.0)
                corpora = read_corpora(
                    every, Path(work) / "texts", file, dev, test, need_label=False, reads=reads
                )
        others = {name: corpora[name] for name in ("dev", "test") if name in corpora}
        return look(corpora["train"], **others, config=tokenizer)
