"""`textladder score` of a translator: what it gives for translations that it did not write."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from textladder.errors import Problem
from textladder.output import print_json

if TYPE_CHECKING:
    from textladder.model import Model
    from textladder.text.overlong import CutReport
    from textladder.translating import Given

AT_ONCE = 512  # pairs


def score_pairs(
    model: Model, file: str, settings: list[str], *, per_token: bool, alignment: bool, as_json: bool
) -> None:
    """Writes a line for each pair, or with `per_token` one for each of its units; what all come to on stderr;
    or all as one JSON object."""
    from textladder.translating import check_attends

    if per_token and alignment and not as_json:
        what = "lines of units have no room for pairs of words."
        raise Problem("--per-token, --alignment", what, "Add --json, or leave one of them out.")
    if file == "-":
        raise Problem("-", "lines on stdin are no pairs.", "Give a table of pairs, or two files of lines.")
    if alignment:
        try:
            check_attends(model)
        except Problem as problem:
            raise Problem(f"--{problem.where}", problem.what, problem.next_step) from problem
    told: list[dict[str, Any]] = []
    cuts: list[CutReport] = []
    count = units = unknown = 0
    total = 0.0
    for one in _each(model, file, settings, alignment, cuts):
        if as_json:
            told.append(_object(one, count, per_token=per_token))
        else:
            _say(one, per_token=per_token)
        count, units, unknown = count + 1, units + len(one.tokens), unknown + one.unknown
        total += one.log_probability
    perplexity = math.exp(min(-total / max(units, 1), 700.0))
    notes = [note for cut in cuts for note in cut.notes(model.recipe.tokenizer)]
    if as_json:
        print_json(
            {
                "task": model.recipe.task_name,
                "rung": model.recipe.rung,
                "units": model.recipe.tokenizer.units,
                "count": count,
                "log_probability": round(total, 4),
                "units_predicted": units,
                "units_unknown": unknown,
                "perplexity": perplexity,
                "notes": notes,
                "pairs": told,
            }
        )
        return
    for note in notes:
        typer.echo(note, err=True)
    typer.echo(
        f"{count:,} pairs, {units:,} units with the ends ({unknown:,} unknown): log-probability "
        f"{total:,.4f} nats, perplexity {perplexity:.6g} per unit",
        err=True,
    )


def _each(
    model: Model, file: str, settings: list[str], alignment: bool, cuts: list[CutReport]
) -> Iterator[Given]:
    """What the model gives for each pair of a file, in order; cuts: gets one report of all."""
    import numpy as np

    from textladder.evaluating import labelled
    from textladder.preparing import Part
    from textladder.text.overlong import CutReport
    from textladder.translating import judged

    cut = CutReport()
    with tempfile.TemporaryDirectory(prefix="textladder-") as work:
        corpus = labelled(model, file, settings, Path(work))
        examples = Part(corpus, np.arange(len(corpus))).examples()
        while some := list(islice(examples, AT_ONCE)):
            these: list[CutReport] = []
            pairs, names = [(one.texts[0], one.texts[1]) for one in some], [one.where for one in some]
            yield from judged(model, pairs, alignment=alignment, cuts=these, names=names)
            cut = sum(these, cut)
    cuts.append(cut)


def _object(one: Given, number: int, *, per_token: bool) -> dict[str, Any]:
    said: dict[str, Any] = {
        "number": number,
        "log_probability": round(one.log_probability, 6),
        "confidence": round(one.confidence, 6),
    }
    if per_token:
        said["tokens"] = rounded(one.tokens)
    if one.alignment is not None:
        said["alignment"] = [list(pair) for pair in one.alignment]
    return said


def rounded(tokens: tuple[tuple[str, float], ...]) -> list[list[Any]]:
    """Units with their log-probabilities as JSON has them."""
    return [[unit, round(nats, 6)] for unit, nats in tokens]


def pharaoh(alignment: tuple[tuple[int, int], ...]) -> str:
    """Pairs of words as Pharaoh's decoder wrote them: source-target, counted from 0."""
    return " ".join(f"{source}-{target}" for source, target in alignment)


def _say(one: Given, *, per_token: bool) -> None:
    if per_token:
        for unit, nats in one.tokens:
            typer.echo(f"{nats:9.4f}\t{unit}")
        typer.echo("")
        return
    columns = [f"{one.log_probability:.4f}", f"{one.confidence:.4f}"]
    if one.alignment is not None:
        columns.append(pharaoh(one.alignment))
    typer.echo("\t".join(columns))
