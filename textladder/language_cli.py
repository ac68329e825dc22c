"""`textladder score`: what texts cost a language model, or what a translator gives for translations."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textladder.cli_options import (
    DataSet,
    Device,
    Ensemble,
    Json,
    LabelColumn,
    ModelPath,
    SecondColumn,
    TargetFile,
    TextColumn,
    settings_of,
)
from textladder.errors import Problem
from textladder.output import print_json

if TYPE_CHECKING:
    from textladder.scoring import Unit

RED, RESET = "\x1b[31m", "\x1b[0m"


def score(
    *,
    model: ModelPath,
    file: Annotated[
        str,
        typer.Argument(help="text, or a file of rows with texts, a folder of them, or - for stdin; or pairs"),
    ],
    target: TargetFile = None,
    per_token: Annotated[
        bool, typer.Option("--per-token", help="every unit too, with what it costs (translators: its nats)")
    ] = False,
    alignment: Annotated[
        bool,
        typer.Option("--alignment", help="translators: also word by word: source-target, from 0"),
    ] = False,
    text: TextColumn = None,
    second: SecondColumn = None,
    label: LabelColumn = None,
    ensemble: Ensemble = None,
    device: Device = "auto",
    set_: DataSet = None,
    as_json: Json = False,
) -> None:
    """Score a language model on text: bits per character, perplexity. A translator on given translations.

    With --per-token first a line per unit: its bits, its marks (! far above the mean, ? unknown), the unit.
    Units are predicted from all that stands before them in their document, as far as the model looks back.
    What it costs to spell an unknown unit, or to place white space that units leave out, is in the bits of
    the text alone.

    Of a translator a line per pair: the log-probability of the translation in nats, and the geometric mean of
    its units' probabilities. With --per-token a line per unit instead, and an empty one after each pair.
    """
    from textladder.loading import load_model
    from textladder.model import Model
    from textladder.text.two_files import joined
    from textladder.training.devices import pick_device

    where = str(pick_device(device))
    loaded = load_model(model, where)
    if isinstance(loaded, Model) and loaded.task.reads == "translations":
        from textladder.given_cli import score_pairs
        from textladder.translating import translator

        settings = settings_of(text, None, None, set_, second)
        writer = translator(model, where, ensemble) if ensemble else loaded
        given: dict[str, Any] = {"per_token": per_token, "alignment": alignment, "as_json": as_json}
        score_pairs(writer, joined(file, target), settings, **given)
        return
    from textladder.scoring import opened

    asked = {"TARGETS": target, "--alignment": alignment, "--ensemble": ensemble, "--second": second}
    if loaded.task.streams and (only := [name for name, value in asked.items() if value]):
        what = "this is of translations, and the model is a language model."
        raise Problem(", ".join(only), what, "Leave it out, or give a run of --task translate.")
    with opened(model, file, device, settings_of(text, label, None, set_), model=loaded) as scored:
        result = scored.summary()
        if as_json:
            tokens = {"tokens": [unit.to_dict() for unit in scored.units()]} if per_token else {}
            print_json(result | tokens)
            return
        if per_token:
            for unit in scored.units():
                typer.echo(_line_of(unit, coloured=sys.stdout.isatty()))
    print_score(result)


def print_score(result: dict[str, Any]) -> None:
    """What `score` and `evaluate` say of a language model."""
    low, high = (_told(value, ".4f") for value in result["interval"])
    blocks = f"{result['count']:,} {'block' if result['count'] == 1 else 'blocks'}"
    documents = f"{result['documents']:,} {'document' if result['documents'] == 1 else 'documents'}"
    typer.echo(
        f"bits per character {_told(result['bits_per_character'], '.4f')} "
        f"(95 % interval {low} to {high}, {blocks} of {documents})\n"
        f"  perplexity {_told(result['perplexity'])} per {result['units']} unit, "
        f"{_told(result['perplexity_per_word'])} per word\n"
        f"  {_told(result['bits'], ',.1f')} bits for {result['characters']:,} characters, "
        f"{result['words']:,} words, {result['units_predicted']:,} units "
        f"({result['units_unknown']:,} unknown)"
    )
    for note in result["notes"]:
        typer.echo(note)
    typer.echo(result["signature"])


def _told(value: float | None, form: str = ".6g") -> str:
    """A figure of a text; of one to which the model gives no probability it is None, or infinite."""
    return "infinite" if value is None or math.isinf(value) else format(value, form)


def _line_of(unit: Unit, *, coloured: bool) -> str:
    shown = unit.text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") or unit.unit
    if unit.surprising and coloured:
        shown = f"{RED}{shown}{RESET}"
    marks = ("!" if unit.surprising else "") + ("?" if unit.unknown else "")
    return f"{_told(unit.bits, '.3f'):>8}\t{marks or ' '}\t{shown}"
