"""`textladder look`: a file, or a built-in data set, before anything is trained on it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from textladder import recipe
from textladder.errors import Problem
from textladder.preparing import read_corpora
from textladder.text.looking import Look, look
from textladder.text.opening import plain_suffix
from textladder.text.two_files import files_of

TAGGED = (".conll", ".conllu", ".iob", ".bio")  # endings of files that are read for tagging


def look_at(
    file: str, dev: Path | None, test: Path | None, settings: list[str], task: str | None = None
) -> Look:
    """Read the files as a training would (with the settings of `--set`) and say what is in them. task: None
    for that which the file's name speaks of."""
    if files_of(file) is not None:
        raise Problem(file, "look has nothing to say of two parallel files.", "Give it one of them.")
    task = task or ("tag" if plain_suffix(Path(file)) in TAGGED else "classify")
    sentences = task == "tag"
    data, tokenizer = recipe.reading("window" if sentences else "bow", task, settings)
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        if sentences:
            corpora = read_corpora(data, Path(work), file, dev, test, reads="sentences")
        else:
            try:  # as for a training, but that all rows are looked at
                every = replace(data, unlabelled="keep")
                corpora = read_corpora(every, Path(work) / "labelled", file, dev, test)
            except Problem:  # there are no labels, or nothing can be read at all
                corpora = read_corpora(data, Path(work) / "texts", file, dev, test, need_label=False)
        others = {name: corpora[name] for name in ("dev", "test") if name in corpora}
        return look(corpora["train"], **others, config=tokenizer)
