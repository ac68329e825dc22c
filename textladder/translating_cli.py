"""`textladder translate`: a file, or lines as they come, to translations line by line."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textladder.cli_options import (
    DataSet,
    Device,
    Diversity,
    Ensemble,
    Groups,
    JsonLines,
    MinP,
    ModelPath,
    SearchSeed,
    Temperature,
    TextColumn,
    TopK,
    TopP,
    settings_of,
)
from textladder.errors import Problem
from textladder.given_cli import pharaoh, rounded
from textladder.signals import Interrupted, noted, raised

if TYPE_CHECKING:
    from textladder.model import Model
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
    coverage_penalty: Annotated[
        float | None, typer.Option("--coverage-penalty", help="of source units that were not looked at")
    ] = None,
    groups: Groups = None,
    diversity: Diversity = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    seed: SearchSeed = None,
    prefix: Annotated[str | None, typer.Option("--prefix", help="what every translation begins with")] = None,
    prefixes: Annotated[
        Path | None, typer.Option("--prefixes", help="file of lines, each the beginning of a translation")
    ] = None,
    n_best: Annotated[int, typer.Option("--n-best", help="translations of each text, the best first")] = 1,
    mbr: Annotated[
        int, typer.Option("--mbr", help="of so many candidates, drawn if no beam is given, what agrees most")
    ] = 0,
    rerank: Annotated[
        Path | None,
        typer.Option("--rerank", help="run that chooses too: a reverse translator, or a language model"),
    ] = None,
    rerank_weight: Annotated[
        float | None, typer.Option("--rerank-weight", help="of its log-probability; below 0: against it")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option("--candidates", help="that it chooses among (the whole beam)")
    ] = None,
    ensemble: Ensemble = None,
    replace_unknown: Annotated[
        bool, typer.Option("--replace-unknown", help="by the words of the text that were looked at")
    ] = False,
    score: Annotated[
        bool, typer.Option("--score", help="also what it was chosen by, and its log-probability in nats")
    ] = False,
    alignment: Annotated[
        bool, typer.Option("--alignment", help="also word by word: source-target, counted from 0")
    ] = False,
    per_token: Annotated[
        bool, typer.Option("--per-token", help="with --json: also the log-probability of each unit")
    ] = False,
    skip: Annotated[
        int, typer.Option("--skip", min=0, help="texts to pass over; numbers count them, as after a stop")
    ] = 0,
    device: Device = "auto",
    set_: DataSet = None,
    as_json: JsonLines = False,
) -> None:
    """Translate texts: one line per text, in their order.

    With more than one for a text a line begins with the number of the text, from 0. What else is asked for
    follows after tabs.
    """
    from textladder.choosing import choice, options_for
    from textladder.forcing import check_replacing
    from textladder.loading import load_model
    from textladder.text.overlong import CutReport
    from textladder.training.devices import pick_device
    from textladder.translating import check_attends, translations, translator

    where = str(pick_device(device))
    loaded = translator(model, where, ensemble or ())
    search: dict[str, Any] = {
        "beam": beam, "length_penalty": length_penalty, "coverage_penalty": coverage_penalty,
        "groups": groups, "diversity": diversity, "temperature": temperature, "top_k": top_k, "top_p": top_p,
        "min_p": min_p, "seed": seed,
    }  # fmt: skip
    other = None if rerank is None else load_model(rerank, where)
    try:
        asked: dict[str, Any] = {"mbr": mbr, "rerank": other is not None, "candidates": candidates}
        options = options_for(loaded, n_best=n_best, **asked, **search)
        if replace_unknown:
            check_replacing(loaded)
        if alignment:
            check_attends(loaded)
        choose = choice(mbr=mbr, other=other, weight=rerank_weight, keep=n_best)
        if prefix is not None and prefixes is not None:
            what = "one beginning for all texts, and one for each."
            raise Problem("prefix, prefixes", what, "Give one of them.")
    except Problem as problem:
        names = {"n": "n-best"}
        listed = ", ".join(f"--{names.get(n, n).replace('_', '-')}" for n in problem.where.split(", "))
        raise Problem(listed, problem.what, problem.next_step) from problem
    if per_token and not as_json:
        raise Problem("--per-token", "a line of text has no room for it.", "Add --json.")
    number, unfinished, empty, cut, cuts = skip, 0, 0, CutReport(), list[CutReport]()
    chunks, begins = _read(loaded, file, prefix, prefixes, settings_of(text, None, None, set_))

    def counted() -> Iterator[list[str]]:
        nonlocal empty
        for some in _after(skip, chunks):
            empty += sum(not one.strip() for one in some)
            yield some

    given: dict[str, Any] = {"alignment": alignment, "per_token": per_token, "choose": choose, "cuts": cuts}
    given["replace_unknown"] = replace_unknown
    given["prefixes"] = begins if begins is None else islice(begins, skip, None)
    given |= {"where": "stdin" if file == "-" else file, "skipped": skip}
    try:
        with raised():
            for chunk in translations(loaded, counted(), options, **given):
                cut = sum(cuts, cut)
                cuts.clear()
                with noted() as arrived:  # what is written is counted, and no line is cut
                    for several in chunk:
                        for one in several:
                            _say(one, number, several=n_best > 1, score=score, as_json=as_json)
                        unfinished += not several[0].finished
                        number += 1
                    sys.stdout.flush()  # a program at the other end of a pipe may be waiting for this answer
                if arrived[0]:
                    raise Interrupted(arrived[0])
    except (KeyboardInterrupt, Interrupted) as stop:
        sys.stdout.flush()
        rest = shlex.join(["textladder", *continued(sys.argv[1:], number)])
        same = " (with the same lines on stdin)" if file == "-" else ""
        typer.echo(f"{number:,} texts are translated; the rest{same}: {rest}", err=True)
        raise typer.Exit(getattr(stop, "exit_code", 128 + signal.SIGINT)) from stop
    if number == skip > 0:
        typer.echo(f"nothing is translated: no text stands behind the {skip:,} of --skip.", err=True)
    for note in cut.notes(loaded.recipe.tokenizer):
        typer.echo(note, err=True)
    if empty:
        typer.echo(f"{empty:,} texts are empty: their translations are made of nothing.", err=True)
    if unfinished:
        typer.echo(f"{unfinished:,} translations were cut at the longest length.", err=True)


def continued(words: Sequence[str], number: int) -> list[str]:
    """The words of a command line that goes on behind so many texts."""
    command, rest, kept = words[0], iter(words[1:]), list[str]()
    for word in rest:
        if word == "--skip":
            next(rest, None)
        elif not word.startswith("--skip="):
            kept.append(word)
    return [command, "--skip", str(number), *kept]


def _after(skip: int, chunks: Iterable[list[str]]) -> Iterator[list[str]]:
    """The texts behind the first `skip`, some at a time."""
    for some in chunks:
        if rest := some[skip:]:
            yield rest
        skip = max(skip - len(some), 0)


def _read(
    model: Model, file: str, prefix: str | None, prefixes: Path | None, settings: list[str]
) -> tuple[Iterator[list[str]], Iterable[str] | None]:
    """The texts some at a time, and what their translations begin with. Problem for files of prefixes that
    are longer or shorter than the file of texts."""
    from textladder.evaluating import texts_of
    from textladder.text.parallel import open_translations
    from textladder.text.reading import DataConfig
    from textladder.text.two_files import joined

    if prefixes is None:
        return texts_of(model, file, settings), None if prefix is None else repeat(prefix)
    if file == "-":
        what = "texts from stdin have no lines that are known beforehand."
        raise Problem("--prefixes", what, "Give a file of texts, or one beginning for all with --prefix.")
    both = open_translations(joined(file, str(prefixes)), DataConfig(empty="keep"))
    for _ in both.batches():  # unequal lengths are said before anything is translated
        pass
    rows, again = both.batches(), both.batches()
    return (some.texts for some in rows), chain.from_iterable(some.seconds or () for some in again)


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
        if one.tokens is not None:
            said["tokens"] = rounded(one.tokens)
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
        return
    columns = [one.text.translate(SPACES)]
    if several:
        columns.insert(0, str(number))
    if score:
        columns += [f"{one.score:.4f}", f"{one.log_probability:.4f}"]
    if one.alignment is not None:
        columns.append(pharaoh(one.alignment))
    sys.stdout.write("\t".join(columns) + "\n")
