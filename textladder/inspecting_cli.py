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
    out: Annotated[Path, typer.Option("--out", help="page to write (.html), or picture of one map (.png)")],
    second: Annotated[
        str | None, typer.Option("--second", help="the other text of a pair, or the question")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="the translation, if not the model's own")
    ] = None,
    device: Device = "auto",
) -> None:
    """Draw what a model looks at in texts: a page.

    Of translators every layer and head, and the tree of the beam; of pairs (decomposable, esim) which words
    are aligned; of answer spans what each word of the passage looks at in the question. It opens offline. A
    PNG has the first map.
    """
    from textladder.files import write_text
    from textladder.inspection.heatmap import write_png
    from textladder.inspection.looked import looked_at, nothing
    from textladder.inspection.maps import render, section
    from textladder.loading import load_model
    from textladder.model import Model
    from textladder.training.devices import pick_device

    if out.suffix not in (".html", ".png"):
        raise Problem("--out", f"{out.name} is neither a page nor a picture.", "End it in .html or .png")
    loaded = load_model(model, str(pick_device(device)))
    if not isinstance(loaded, Model):
        raise Problem(str(model), "this is a counted model: it looks at nothing.", "Give a neural one.")
    found = looked_at(loaded, text, second, target)
    given = text if second is None else f"{text} | {second}"
    told = f"{loaded.recipe.rung}: {given} \u2192 {found.said}"
    if out.suffix == ".png":
        if not found.maps:
            raise nothing(loaded, "Give a page (.html), to see what was searched; or train another rung.")
        one = found.maps[0]
        for note in write_png(out, one.columns, one.rows, one.shares[:, : len(one.columns)], told):
            typer.echo(note, err=True)
    else:
        title = "What was looked at" if found.maps else "What was searched"
        sections = [*([section(found.maps)] if found.maps else []), *found.more]
        write_text(out, render(sections, title=title, subtitle=told))
    typer.echo(f"{found.said}\nThe {'picture' if out.suffix == '.png' else 'page'}: {out}")
