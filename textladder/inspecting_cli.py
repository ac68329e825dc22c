"""`textladder inspect`: a page of what a model looks at in given texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textladder.cli_options import Device, Ensemble, ModelPath
from textladder.errors import Problem

if TYPE_CHECKING:
    from textladder.model import Model


def inspect(
    *,
    model: ModelPath,
    text: Annotated[
        str | None, typer.Option("--text", help="a text to be translated, the first of a pair, or a passage")
    ] = None,
    curve: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--curve", help="texts and translations, two files: what its own mistakes cost"),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="page to write (.html), or picture of one map (.png)")],
    second: Annotated[
        str | None, typer.Option("--second", help="the other text of a pair, or the question")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="the translation, if not the model's own")
    ] = None,
    ensemble: Ensemble = None,
    device: Device = "auto",
) -> None:
    """Draw what a model looks at in texts: a page.

    Of translators every layer and head, and the tree of the beam; of pairs (decomposable, esim) which words
    are aligned; of answer spans what each word of the passage looks at in the question. It opens offline. A
    PNG has the first map. Of --curve the loss of a translator at each place of all translations.
    """
    from textladder.files import write_text
    from textladder.inspection.heatmap import write_png
    from textladder.inspection.looked import looked_at, nothing
    from textladder.inspection.maps import render, section
    from textladder.loading import load_model
    from textladder.model import Model
    from textladder.training.devices import pick_device
    from textladder.translating import translator

    if out.suffix not in (".html", ".png"):
        raise Problem("--out", f"{out.name} is neither a page nor a picture.", "End it in .html or .png")
    if (text is None) == (curve is None):
        raise Problem("--text, --curve", "a page is about one of them.", "Give one of them.")
    where = str(pick_device(device))
    if curve is not None:
        _draw_curve(translator(model, where, ensemble or ()), curve, out)
        return
    assert text is not None
    loaded = translator(model, where, ensemble) if ensemble else load_model(model, where)
    if not isinstance(loaded, Model):
        raise Problem(
            str(model),
            "this is a counted model: it looks at nothing.",
            "Give a model of --task pair, span or translate.",
        )
    found = looked_at(loaded, text, second, target)
    given = text if second is None else f"{text} | {second}"
    told = f"{loaded.recipe.rung}: {given} \u2192 {found.said or '(nothing)'}"
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


def _draw_curve(model: Model, files: tuple[Path, Path], out: Path) -> None:
    """The page, and its numbers on stdout: place, texts that have it, loss after the truth, after the model's
    own units."""
    from textladder.exposure import exposure
    from textladder.files import write_text
    from textladder.inspection.curves import render
    from textladder.text.parallel import open_translations
    from textladder.text.two_files import joined

    if out.suffix == ".png":
        raise Problem("--out", "a curve is drawn on a page.", "End it in .html")
    pairs: list[tuple[str, str]] = []
    for rows in open_translations(joined(*map(str, files))).batches():
        pairs += zip(rows.texts, rows.seconds or (), strict=True)
    found = exposure(model, pairs)
    lines = {"after the truth": found.truth.tolist(), "after its own units": found.own.tolist()}
    truth, own = found.total
    told = (
        f"{model.recipe.rung}, {len(pairs):,} pairs: {truth:.4f} nats a unit after the truth, {own:.4f} "
        "after what the model wrote itself (greedily). Both are of the same units: those up to where its own "
        "text ends."
    )
    axes = {"across": "place of the unit", "up": "loss (nats)"}
    write_text(out, render(lines, found.texts.tolist(), title="What own mistakes cost", told=told, **axes))
    for place, row in enumerate(zip(found.texts.tolist(), *lines.values(), strict=True), 1):
        typer.echo("\t".join([str(place), str(row[0]), *(f"{value:.4f}" for value in row[1:])]))
    typer.echo(f"{told}\nThe page: {out}", err=True)
