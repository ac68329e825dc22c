"""`textladder inspect`: a page of what a model looks at in given texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textladder.cli_options import Device, ModelPath
from textladder.errors import Problem


def inspect(
    *,
    model: ModelPath,
    text: Annotated[
        str, typer.Option("--text", help="a text to be translated, the first of a pair, or a passage")
    ],
    out: Annotated[Path, typer.Option("--out", help="page to write (.html)")],
    second: Annotated[
        str | None, typer.Option("--second", help="the other text of a pair, or the question")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="the translation, if not the model's own")
    ] = None,
    device: Device = "auto",
) -> None:
    """Draw what a model looks at in texts: a page.

    Of translators every layer and head; of pairs (decomposable, esim) which words are aligned; of answer
    spans what each word of the passage looks at in the question. It opens offline.
    """
    from textladder.files import write_text
    from textladder.inspection.looked import looked_at
    from textladder.inspection.maps import render
    from textladder.loading import load_model
    from textladder.model import Model
    from textladder.training.devices import pick_device

    loaded = load_model(model, str(pick_device(device)))
    if not isinstance(loaded, Model):
        raise Problem(str(model), "this is a counted model: it looks at nothing.", "Give a neural one.")
    said, maps = looked_at(loaded, text, second, target)
    given = text if second is None else f"{text} | {second}"
    told = f"{loaded.recipe.rung}: {given} \u2192 {said}"
    write_text(out, render(maps, title="What was looked at", subtitle=told))
    typer.echo(f"{said}\nThe page: {out}")
