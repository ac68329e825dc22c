"""`textladder predict`: what a model says of texts, as they come."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from textladder.cli_options import DataSet, Device, Json, ModelPath, SecondColumn, TextColumn, settings_of
from textladder.output import print_json


def predict(
    *,
    model: ModelPath,
    file: Annotated[str, typer.Argument(help="a file of texts, or - for one text a line on stdin")] = "-",
    text: TextColumn = None,
    second: SecondColumn = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="sentence vectors: a file of numpy's (.npy) to write them to")
    ] = None,
    device: Device = "auto",
    set_: DataSet = None,
    as_json: Json = False,
) -> None:
    """Say the label of each text, one line per text.

    A line is label, tab, confidence, in the order of the input; several labels of a text are joined by |;
    where numbers were learned, it is the number. Pairs on stdin have a tab between their texts. A tagger says
    a line for each token: token, tab, tag; and an empty line after each text. A vector is a JSON array.
    """
    from textladder.evaluating import line_of, predictions

    report = partial(typer.echo, err=True)
    settings = settings_of(text, None, None, set_, second)
    if out is not None:
        from textladder.evaluating import texts_of
        from textladder.retrieving import dim_of, encoder, write_vectors
        from textladder.training.devices import pick_device

        loaded = encoder(model, str(pick_device(device)))
        count = write_vectors(loaded, texts_of(loaded, file, settings), out, report)
        told = {"out": str(out), "vectors": count, "dim": dim_of(loaded)}
        print_json(told) if as_json else typer.echo(f"{count:,} vectors of {told['dim']} numbers: {out}")
        return
    stdout, number = sys.stdout, 0
    for chunk in predictions(model, file, device, settings, report):
        for said in chunk:
            if as_json:
                stdout.write(
                    ('{"predictions": [\n' if number == 0 else ",\n") + json.dumps(said, ensure_ascii=False)
                )
            else:
                stdout.write(line_of(said) + "\n")
            number += 1
        stdout.flush()  # a program at the other end of a pipe may be waiting for this answer
    if as_json:
        stdout.write("\n]}\n" if number else '{"predictions": []}\n')
