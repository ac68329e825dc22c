"""`textladder generate`: text as a model writes it, on the terminal or for other programs."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textladder.cli_options import (
    Device,
    Diversity,
    Groups,
    Json,
    MinP,
    ModelPath,
    SearchSeed,
    Temperature,
    TopK,
    TopP,
)
from textladder.errors import Problem
from textladder.output import print_json

if TYPE_CHECKING:
    from textladder.generating import Writing

BETWEEN = "-" * 16  # a line between texts of several lines


def generate(
    *,
    model: ModelPath,
    prompt: Annotated[str, typer.Option("--prompt", help="how the text begins; none: at its start")] = "",
    length: Annotated[int | None, typer.Option("--length", help="units to write, at most")] = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Annotated[
        float | None, typer.Option("--repetition-penalty", help="above 1: units that were there sink")
    ] = None,
    stop: Annotated[
        list[str] | None,
        typer.Option("--stop", help="the text ends before this (a line end: $'\\n'); again for more"),
    ] = None,
    seed: SearchSeed = None,
    beam: Annotated[
        int | None, typer.Option("--beam", help="search with so many hypotheses; 1 is greedy")
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option("--length-penalty", help="of a beam: 0 favours short texts")
    ] = None,
    groups: Groups = None,
    diversity: Diversity = None,
    n: Annotated[int | None, typer.Option("--n", help="texts; of a beam the n best")] = None,
    ignore_end: Annotated[
        bool, typer.Option("--ignore-end", help="never end a text before its length")
    ] = False,
    label: Annotated[str | None, typer.Option("--label", help="write a text of this label")] = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write text with a language model, as it comes.

    On stdout: the prompt and what follows it. Several texts have a line of dashes between them or, where
    each is a line, nothing.
    """
    from textladder.generating import Writing, read_prompt
    from textladder.loading import load_model
    from textladder.search import SearchConfig
    from textladder.training.devices import pick_device

    given: dict[str, Any] = {
        "length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p,
        "repetition_penalty": repetition_penalty, "beam": beam, "length_penalty": length_penalty, "n": n,
        "seed": seed, "groups": groups, "diversity": diversity,
    }  # fmt: skip
    if beam == 1 and temperature is None:  # a beam of one hypothesis takes the most probable unit each time
        given["temperature"] = 0.0
    given = {name: value for name, value in given.items() if value is not None}
    try:
        options = SearchConfig(**given, ignore_end=ignore_end)
        loaded = load_model(model, str(pick_device(device)))
        read = read_prompt(loaded, prompt, label)
        writing = Writing(loaded, [read], options, stop or ())
    except Problem as problem:
        names = [name for name in problem.where.split(", ") if name in {*given, "label", "stop"}]
        if not names:
            raise
        where = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise Problem(where, problem.what, problem.next_step) from problem
    if read.unknown:
        listed = ", ".join(json.dumps(part, ensure_ascii=False) for part in read.unknown)
        typer.echo(f"The model never saw {listed}: read as <unk>.", err=True)
    if as_json or options.n > 1 or options.beam > 1:
        _at_the_end(writing, {"prompt": prompt, "label": label, "unknown": list(read.unknown)}, as_json)
    else:
        _as_it_comes(writing, prompt)


def _as_it_comes(writing: Writing, prompt: str) -> None:
    """One text, each piece as soon as it is certain. Interrupted, its line is ended."""
    out, last = sys.stdout, ""

    def say(piece: str) -> None:
        nonlocal last
        if piece:
            last = ""  # an interrupt may come before it is known that the piece was written
            out.write(piece)
            out.flush()
            last = piece[-1]

    def end() -> None:
        say("".join(writing.close()))
        say("" if last == "\n" else "\n")

    try:
        say(prompt)
        for (piece,) in writing:
            say(piece)
    except KeyboardInterrupt:
        end()
        raise
    end()


def _at_the_end(writing: Writing, asked: dict[str, Any], as_json: bool) -> None:
    """All texts, when they are done; interrupted, as far as they have come."""
    stop: KeyboardInterrupt | None = None
    try:
        for _ in writing:
            pass
    except KeyboardInterrupt as interrupt:
        stop = interrupt
    (texts,) = writing.texts()
    if as_json:
        more = {"interrupted": True} if stop else {}
        written = [asdict(text) for text in texts]
        print_json({**asked, "seed": writing.options.seed, "texts": written, **more})
    else:
        whole = [(asked["prompt"] + text.text).removesuffix("\n") for text in texts]
        between = f"\n{BETWEEN}\n" if any("\n" in text for text in whole) else "\n"
        typer.echo(between.join(whole))
    if stop:
        raise stop
