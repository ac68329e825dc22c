"""`textladder look`: a file, or a built-in data set, before anything is trained on it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from textladder import recipe
from textladder.errors import Problem
from textladder.preparing import read_corpora
from textladder.text.looking import Look, look


def look_at(file: str, dev: Path | None, test: Path | None, settings: list[str]) -> Look:
    """Read the files as a training would (with the settings of `--set`) and say what is in them."""
    data, tokenizer = recipe.reading("bow", "classify", settings)
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        try:  # as for a training, but that all rows are looked at
            every = replace(data, unlabelled="keep")
            corpora = read_corpora(every, Path(work) / "labelled", file, dev, test)
        except Problem:  # there are no labels, or nothing can be read at all
            corpora = read_corpora(data, Path(work) / "texts", file, dev, test, need_label=False)
        others = {name: corpora[name] for name in ("dev", "test") if name in corpora}
        return look(corpora["train"], **others, config=tokenizer)
