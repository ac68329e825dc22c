"""`textladder translate`: a file, or lines as they come, to translations line by line."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textladder.cli_options import DataSet, Device, Json, ModelPath, TextColumn, settings_of
from textladder.errors import Problem
from textladder.signals import noted

if TYPE_CHECKING:
    from textladder.translating import Translation

SPACES = str.maketrans(dict.fromkeys("\t\r\n\v\f\x85\u2028\u2029", " "))


def translate(
    *,
    model: ModelPath,
    file: Annotated[str, typer.Argument(help="a file of texts, or - for one text a line on stdin")] = "-",
    text: TextColumn = None,
    beam: Annotated[
        int | None, typer.Option("--beam", help="hypotheses of the search (the model's own); 1 is greedy")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option("--length-penalty", help="0 favours short texts (the model's own)")
    ] = None,
    n_best: Annotated[int, typer.Option("--n-best", help="translations of each text, the best first")] = 1,
    score: Annotated[
        bool, typer.Option("--score", help="also what it was chosen by, and its log-probability in nats")
    ] = False,
    alignment: Annotated[
        bool, typer.Option("--alignment", help="also word by word: source-target, counted from 0")
    ] = False,
    device: Device = "auto",
    set_: DataSet = None,
    as_json: Json = False,
) -> None:
    """Translate texts: one line per text, in their order.

    With more than one for a text a line begins with the number of the text, from 0. What else is asked for
    follows after tabs.
    """
    from textladder.evaluating import texts_of
    from textladder.text.overlong import CutReport
    from textladder.training.devices import pick_device
    from textladder.translating import options_of, task_of, translations, translator

    loaded = translator(model, str(pick_device(device)))
    given: dict[str, Any] = {"beam": beam, "length_penalty": length_penalty, "n": n_best}
    given = {name: value for name, value in given.items() if value is not None}
    try:
        options = options_of(loaded, **given)
    except Problem as problem:
        names = {"n": "n-best"}
        listed = ", ".join(f"--{names.get(n, n).replace('_', '-')}" for n in problem.where.split(", "))
        raise Problem(listed, problem.what, problem.next_step) from problem
    if alignment and not task_of(loaded).decoder.attends:
        raise Problem(
            "--alignment", "this model has no attention to show.", "Leave it out, or train another rung."
        )
    number, unfinished, cut, cuts = 0, 0, CutReport(), list[CutReport]()
    chunks = texts_of(loaded, file, settings_of(text, None, None, set_))
    try:
        for chunk in translations(loaded, chunks, options, alignment=alignment, cuts=cuts):
            cut = sum(cuts, cut)
            cuts.clear()
            with noted() as arrived:  # what is written is counted, and no line is cut
                for several in chunk:
                    for one in several:
                        _say(one, number, several=options.n > 1, score=score, as_json=as_json)
                    unfinished += not several[0].finished
                    number += 1
                sys.stdout.flush()  # a program at the other end of a pipe may be waiting for this answer
            if arrived[0]:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        sys.stdout.flush()
        said = f"{number:,} texts are translated"
        typer.echo(f"{said}; the rest: tail -n +{number + 1} FILE | textladder translate ...", err=True)
        raise
    if cut.texts_cut:
        typer.echo(f"{cut.line(loaded.recipe.tokenizer)}.", err=True)
    if unfinished:
        typer.echo(f"{unfinished:,} translations were cut at the longest length.", err=True)


def _say(one: Translation, number: int, *, several: bool, score: bool, as_json: bool) -> None:
    if as_json:
        said = {
            "number": number,
            "translation": one.text,
            "score": round(one.score, 6),
            "log_probability": round(one.log_probability, 6),
            "finished": one.finished,
        }
        if one.alignment is not None:
            said["alignment"] = [list(pair) for pair in one.alignment]
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
        return
    columns = [one.text.translate(SPACES)]
    if several:
        columns.insert(0, str(number))
    if score:
        columns += [f"{one.score:.4f}", f"{one.log_probability:.4f}"]
    if one.alignment is not None:
        columns.append(" ".join(f"{source}-{target}" for source, target in one.alignment))
    sys.stdout.write("\t".join(columns) + "\n")
