"""The command line: one short function per command. Heavy imports stand inside those that need them."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from textladder import (
    __version__,
    arpa_cli,
    generating_cli,
    inspecting_cli,
    language_cli,
    predicting_cli,
    retrieving_cli,
    translating_cli,
)
from textladder.cli_options import (
    DataSet,
    DevFile,
    Device,
    Ensemble,
    File,
    Json,
    LabelColumn,
    ModelPath,
    Overwrite,
    ParallelFiles,
    Resume,
    Said,
    SecondColumn,
    Set,
    TargetFile,
    TaskName,
    TestFile,
    TextColumn,
    Units,
    check_units,
    settings_of,
)
from textladder.errors import Problem
from textladder.exits import guarded
from textladder.output import print_evaluation, print_json, print_scores
from textladder.vectors_cli import app as vectors_app
from textladder.waiting import wait_briefly

app = typer.Typer(
    name="textladder",
    help="Which deep-learning model for text is worth its cost on your data? Train, compare and use them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(vectors_app, name="vectors")


@dataclass(frozen=True)
class Reading:
    """What the commands that begin with a file ask alike: the files, and how they are read."""

    file: File
    text: TextColumn = None
    second: SecondColumn = None
    label: LabelColumn = None
    dev: DevFile = None
    test: TestFile = None
    units: Units = None
    set_: Set = None

    @property
    def settings(self) -> list[str]:
        return settings_of(self.text, self.label, self.units, self.set_, self.second)


def reading(command: Callable[..., None]) -> Callable[..., None]:
    """Gives `command(read, ...)` the options of Reading beside its own, and the Reading made of them."""

    @functools.wraps(command)
    def called(**given: Any) -> None:
        if (target := given.pop("target")) is not None:
            from textladder.text.two_files import joined

            given["file"] = joined(given["file"], target)
        command(Reading(**{name: given.pop(name) for name in shared}), **given)

    shared, own = (dict(inspect.signature(f, eval_str=True).parameters) for f in (Reading, command))
    _, *rest = own.values()
    file, *others = (option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in shared.values())
    target = inspect.Parameter("target", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=TargetFile)
    options = [file, target, *rest, *others]
    called.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    called.__annotations__ = {option.name: option.annotation for option in options}
    return called


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="say which")] = False
) -> None:
    if version:
        typer.echo(f"textladder {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=ParallelFiles)
@reading
def look(
    read: Reading,
    *,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="classify, embed, pair, span, tag or translate (by the file's name and number if not given)",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is in a file before anything is trained.

    Labels, lengths, unknown words, duplicates, texts that dev or test share with it, odd characters.
    """
    from textladder.looking import KINDS, look_at

    if task is not None and task not in KINDS:
        known = f"Known: {', '.join(KINDS)}."
        raise Problem("--task", f"look has nothing to say for the task {task!r}.", known)
    found = look_at(read.file, read.dev, read.test, read.settings, task)
    print_json(found.to_dict()) if as_json else found.render()


@app.command(cls=ParallelFiles)
@reading
def train(
    read: Reading,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="run folder to write (runs/FILE-RUNG if not given)")
    ] = None,
    rung: Annotated[
        str | None,
        typer.Option("--rung", help="name, or a recipe file (.toml); chosen, and said, if not given"),
    ] = None,
    task: TaskName = None,
    vectors: Annotated[
        Path | None, typer.Option("--vectors", help="word vectors, file or folder, for the embedding")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="of everything random")] = None,
    device: Device = "auto",
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train one rung of the ladder on a file.

    It stops when dev gets no better, is tested once, and leaves a run folder: model, scores, log,
    predictions.
    """
    from textladder import distributed, recipe, run
    from textladder.files import WORK, locked
    from textladder.naming import folder_for
    from textladder.preparing import meant_for, read_data, suited_to
    from textladder.tasks import task_class
    from textladder.terminal import Terminal
    from textladder.training.devices import pick_device

    settings = read.settings
    if seed is not None:
        settings.append(f"training.seed={seed}")
    task = task or recipe.task_of([rung] if rung else [], meant_for(read.file))
    chosen = recipe.rung(rung, task)
    kind = task_class(chosen.task_name)
    chosen = chosen.set(settings, suited_to(read.file, kind.reads))
    pick_device(device)
    distributed.start()
    terminal = Terminal(units=kind.streams)
    named = folder_for(out, read.file, chosen.rung, resume=resume, overwrite=overwrite)
    with named as folder, locked(folder), run.claimed(folder, chosen, resume, overwrite):
        if rung is None:
            terminal.note(f"The rung: {chosen.rung} (textladder rungs --task {chosen.task_name} lists all)")
        work = folder / WORK / f"data{distributed.rank()}"
        lists = folder if distributed.is_main() else None
        data = read_data(chosen.data, work, read.file, read.dev, read.test, reads=kind.reads, lists=lists)
        for note in data.notes:
            terminal.note(note)
        scores = run.train(
            chosen, data, folder, resume=resume, device=device, reporter=terminal, vectors=vectors
        )
    if distributed.is_main():
        print_json(scores) if as_json else print_scores(scores, folder)
    distributed.stop()


@app.command(cls=ParallelFiles)
@reading
def compare(
    read: Reading,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="folder for table, page and all runs (runs/FILE-compare if not given)"),
    ] = None,
    rungs: Annotated[
        str | None, typer.Option("--rungs", help="names, separated by commas (all if not given)")
    ] = None,
    task: TaskName = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="trainings per rung; the table gives mean and deviation")
    ] = 1,
    budget: Annotated[
        str | None, typer.Option("--budget", help="training time in all, such as 90s, 10m, 2h")
    ] = None,
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="train on 10, 30 and 100 % as well")
    ] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train the rungs and name the one that is worth its cost.

    Each is tested once; the pick is the cheapest rung that is not significantly worse than the best. With
    several --units, such as character,word, every rung is trained with each of them. A compare that was
    stopped goes on where it was: run the same command again (with the --out that is said, if it had none).
    """
    from textladder import recipe
    from textladder.compare import compare_rungs, duration
    from textladder.comparing import table
    from textladder.naming import folder_for
    from textladder.preparing import meant_for
    from textladder.tasks import task_class
    from textladder.training.devices import pick_device

    pick_device(device)
    names = _listed(rungs)
    task = task or recipe.task_of(names or [], meant_for(read.file))
    task_class(task)  # a Problem for an unknown task
    units = _listed(read.units) or []
    for one in units:
        check_units(one)
    several = len(units) > 1
    with folder_for(out, read.file, "compare", overwrite=overwrite) as folder:
        comparison = compare_rungs(
            read.file,
            folder,
            task=task,
            rungs=names,
            dev=read.dev,
            test=read.test,
            settings=replace(read, units=None if several else read.units).settings,
            units=units if several else None,
            seeds=seeds,
            budget=duration(budget) if budget else None,
            learning_curve=learning_curve,
            device=device,
            overwrite=overwrite,
            command=["textladder", *sys.argv[1:]],
        )
    if as_json:
        print_json(comparison)
        return
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 200).print(table(comparison))
    pick = comparison["pick"]
    typer.echo(pick["reason"])
    if pick["rung"] in comparison["learning_curve"]:
        typer.echo(comparison["learning_curve"][pick["rung"]]["verdict"])
    typer.echo(f"The page: {folder / 'index.html'}   The model: {folder / pick['model']}")


@app.command()
def evaluate(
    *,
    model: ModelPath,
    file: File,
    target: TargetFile = None,
    text: TextColumn = None,
    second: SecondColumn = None,
    label: LabelColumn = None,
    ensemble: Ensemble = None,
    said: Said = None,
    device: Device = "auto",
    set_: DataSet = None,
    as_json: Json = False,
) -> None:
    """Score a model on labelled texts, with a 95 % interval.

    A language model takes any text, as textladder score does; a translator pairs, or two parallel files.
    """
    from textladder.evaluating import evaluate_file
    from textladder.text.two_files import joined

    settings = settings_of(text, label, None, set_, second)
    result = evaluate_file(model, joined(file, target), device, settings, said, others=ensemble or ())
    if as_json:
        print_json(result)
        return
    if "documents" in result:
        language_cli.print_score(result)
        return
    print_evaluation(result)


app.command()(predicting_cli.predict)
app.command()(retrieving_cli.search)
app.command()(translating_cli.translate)
app.command()(inspecting_cli.inspect)
app.command()(generating_cli.generate)
app.command()(language_cli.score)
app.command()(arpa_cli.arpa)


@app.command()
def rungs(
    task: Annotated[str | None, typer.Option("--task", help="of one task only")] = None, as_json: Json = False
) -> None:
    """List the rungs: what each is, its parameters, its source."""
    from textladder.listing import list_rungs, render_rungs

    listed = list_rungs(task)
    print_json({"rungs": listed}) if as_json else render_rungs(listed)


@app.command()
def data(
    name: Annotated[str | None, typer.Argument(help="a built-in data set; none lists them")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="CSV file to write (columns text; label, or second; split)")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the data sets that need no download, or write one as CSV."""
    from textladder.listing import describe_data, list_data, render_data

    if name is None:
        if out is not None:
            raise Problem(
                "--out", "no data set is named.", "Write for example: textladder data languages --out f.csv"
            )
        listed = list_data()
        print_json({"data": listed}) if as_json else render_data(listed)
        return
    described = describe_data(name, out)
    print_json(described) if as_json else render_data([described])


@app.command()
def steps(
    text: Annotated[str, typer.Argument(help="a text")],
    units: Units = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="run whose units are shown: the way into this model")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="of the lemmas, such as en, de, fr")] = "en",
    as_json: Json = False,
) -> None:
    """Show a text on its way to numbers.

    Tokens, stop words, lemmas, rare words, ids, one-hot vectors, counts, TF-IDF. With a model: what it makes
    of the text, in its own units.
    """
    from textladder.text.steps import render, walk, walk_with
    from textladder.text.tokenizing import TokenizerConfig

    check_units(units)
    if model is not None:
        from textladder.loading import load_model

        if units is not None:
            raise Problem("--units, --model", "a model has units of its own.", "Give one of them.")
        stages = walk_with(load_model(model).tokenizer, text)
    else:
        config = TokenizerConfig(units=units or TokenizerConfig.units, min_count=1)  # type: ignore[arg-type]
        stages = walk(text, config=config, language=language)
    if as_json:
        print_json({"text": text, "stages": [stage.to_dict() for stage in stages]})
    else:
        render(stages)


def _listed(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def main() -> NoReturn:
    """Run a command: a Problem becomes one message and exit code 2, an interrupt 130, never a traceback."""
    wait_briefly()
    sys.exit(guarded(lambda: app(standalone_mode=False, prog_name="textladder")))
