"""`textladder look`: a file, or a built-in data set, before anything is trained on it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from textladder import recipe
from textladder.preparing import read_corpora
from textladder.text.looking import Look, look


def look_at(file: str, dev: Path | None, test: Path | None, settings: list[str]) -> Look:
    """Read the files as a training would (with the settings of `--set`) and say what is in them."""
    data, tokenizer = recipe.reading("bow", "classify", settings)
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        corpora = read_corpora(data, Path(work), file, dev, test, need_label=False)
        others = {name: corpora[name] for name in ("dev", "test") if name in corpora}
        return look(corpora["train"], **others, config=tokenizer)
