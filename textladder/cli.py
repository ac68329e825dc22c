"""The command line: one short function per command. Heavy imports stand inside the commands that need them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn, Optional

import typer

from textladder.errors import Problem

app = typer.Typer(
    name="textladder",
    help="Which deep-learning model for text is worth its cost on your data? Train, compare, inspect and ship them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

File = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSONL, Parquet, fastText or text file (.gz, .zst too), or a built-in data set"
    ),
]
TextColumn = Annotated[
    Optional[str], typer.Option("--text", help="column of the text (inferred, and said, if not given)")
]  # noqa: UP045
LabelColumn = Annotated[
    Optional[str], typer.Option("--label", help="column of the label (inferred if not given)")
]  # noqa: UP045
DevFile = Annotated[Optional[Path], typer.Option("--dev", help="file to choose by (split off if not given)")]  # noqa: UP045
TestFile = Annotated[
    Optional[Path], typer.Option("--test", help="file to test on, once (split off if not given)")
]  # noqa: UP045
Set = Annotated[
    Optional[list[str]], typer.Option("--set", help="any value of the recipe, as table.key=value")
]  # noqa: UP045
TaskName = Annotated[str, typer.Option("--task", help="what is learned")]
Units = Annotated[
    Optional[str], typer.Option("--units", help="word whitespace character byte bpe wordpiece unigram")
]  # noqa: UP045
Device = Annotated[str, typer.Option("--device", help="auto, cpu, or another name that torch knows")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout, and nothing else there")]
ModelPath = Annotated[Path, typer.Argument(help="folder of a model, a run, or a compare (its pick)")]
Resume = Annotated[bool, typer.Option("--resume", help="go on where it was stopped")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="start anew in a folder that holds a run")]


def _settings(text: str | None, label: str | None, units: str | None, given: list[str] | None) -> list[str]:
    """The short options as the --set that they stand for, before the --set that were given."""
    short = {"data.text": text, "data.label": label, "tokenizer.units": units}
    return [f"{key}={json.dumps(value)}" for key, value in short.items() if value is not None] + (given or [])


@app.command()
def look(
    file: File,
    text: TextColumn = None,
    label: LabelColumn = None,
    dev: DevFile = None,
    test: TestFile = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Say what is in a file before anything is trained: labels, lengths, duplicates, leakage, odd rows."""
    from textladder.looking import look_at

    found = look_at(file, dev, test, _settings(text, label, None, set_))
    _print_json(found.to_dict()) if as_json else found.render()


@app.command()
def train(
    file: File,
    out: Annotated[Path, typer.Option("--out", help="run folder to write")],
    rung: Annotated[str, typer.Option("--rung", help="name of a rung, or a recipe file (.toml)")] = "bow",
    task: TaskName = "classify",
    text: TextColumn = None,
    label: LabelColumn = None,
    dev: DevFile = None,
    test: TestFile = None,
    units: Units = None,
    vectors: Annotated[
        Optional[Path], typer.Option("--vectors", help="word vectors (text format) for the embedding")
    ] = None,  # noqa: UP045
    seed: Annotated[Optional[int], typer.Option("--seed", help="of everything random")] = None,  # noqa: UP045
    device: Device = "auto",
    set_: Set = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train one rung of the ladder on a file and leave its run folder."""
    from textladder import distributed, recipe, run
    from textladder.files import locked
    from textladder.preparing import read_data
    from textladder.terminal import Terminal

    settings = _settings(text, label, units, set_)
    if seed is not None:
        settings.append(f"training.seed={seed}")
    chosen = recipe.rung(rung, task).set(settings)
    distributed.start()
    terminal = Terminal()
    with locked(out):
        run.claim(out, chosen, resume, overwrite)
        data = read_data(chosen.data, out / "work" / f"data{distributed.rank()}", file, dev, test)
        for note in data.notes:
            terminal.note(note)
        scores = run.train(
            chosen, data, out, resume=resume, device=device, reporter=terminal, vectors=vectors
        )
    if distributed.is_main():
        if as_json:
            _print_json(scores)
        else:
            _print_scores(scores, out)
    distributed.stop()


@app.command()
def compare(
    file: File,
    out: Annotated[Path, typer.Option("--out", help="folder for the table, the page and all runs")],
    rungs: Annotated[
        Optional[str], typer.Option("--rungs", help="names, separated by commas (all if not given)")
    ] = None,  # noqa: UP045
    task: TaskName = "classify",
    text: TextColumn = None,
    label: LabelColumn = None,
    dev: DevFile = None,
    test: TestFile = None,
    units: Units = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, help="trainings per rung; the table gives mean and deviation")
    ] = 1,
    budget: Annotated[
        Optional[str], typer.Option("--budget", help="training time in all, such as 90s, 10m, 2h")
    ] = None,  # noqa: UP045
    learning_curve: Annotated[
        bool, typer.Option("--learning-curve", help="train on 10, 30 and 100 % as well")
    ] = False,
    device: Device = "auto",
    set_: Set = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train the rungs, test each once, and name the cheapest one that is not significantly worse than the best.

    A compare that was stopped goes on where it was: run the same command again.
    """
    from textladder.compare import compare_rungs, duration
    from textladder.comparing import table

    comparison = compare_rungs(
        file,
        out,
        task=task,
        rungs=rungs.split(",") if rungs else None,
        dev=dev,
        test=test,
        settings=_settings(text, label, units, set_),
        seeds=seeds,
        budget=duration(budget) if budget else None,
        learning_curve=learning_curve,
        device=device,
        overwrite=overwrite,
        command=["textladder", *sys.argv[1:]],
    )
    if as_json:
        _print_json(comparison)
        return
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 200).print(table(comparison))
    print(comparison["pick"]["reason"])
    print(f"The page: {out / 'index.html'}   The model: {out / comparison['pick']['model']}")


@app.command()
def evaluate(model: ModelPath, file: File, device: Device = "auto", as_json: Json = False) -> None:
    """Score a model on a file of labelled texts, with a 95 % interval."""
    from textladder.evaluating import evaluate_file

    result = evaluate_file(model, file, device)
    if as_json:
        _print_json(result)
        return
    low, high = result["interval"]
    print(
        f"{result['metric']} {result['score']:.4f} (95 % interval {low:.4f} to {high:.4f}) on {result['count']:,} texts"
    )
    for name, value in result["scores"].items():
        if name != result["metric"] and value is not None:
            print(f"  {name} {value:.4f}")
    print(result["signature"])


@app.command()
def predict(
    model: ModelPath,
    file: Annotated[str, typer.Argument(help="a file of texts, or - for one text a line on stdin")] = "-",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Predict labels: one line per text on stdout, label and confidence, in the order of the input."""
    from textladder.evaluating import predictions

    if as_json:
        sys.stdout.write('{"predictions": [')
    for number, said in enumerate(predictions(model, file, device)):
        if as_json:
            sys.stdout.write((",\n" if number else "\n") + json.dumps(said, ensure_ascii=False))
        else:
            sys.stdout.write(
                f"{'|'.join(said['labels']) if 'labels' in said else said['label']}\t{said['confidence']:.4f}\n"
            )
    if as_json:
        sys.stdout.write("\n]}\n")


@app.command()
def rungs(task: TaskName = "classify", as_json: Json = False) -> None:
    """List the rungs of the ladder: what each is, its parameters, its source."""
    from textladder.listing import list_rungs, render_rungs

    listed = list_rungs(task)
    _print_json({"task": task, "rungs": listed}) if as_json else render_rungs(task, listed)


@app.command()
def data(
    name: Annotated[Optional[str], typer.Argument(help="a built-in data set; none lists them")] = None,  # noqa: UP045
    out: Annotated[
        Optional[Path], typer.Option("--out", help="CSV file to write (columns text, label, split)")
    ] = None,  # noqa: UP045
    as_json: Json = False,
) -> None:
    """The data sets that need no download: list them, look into one, write one as CSV."""
    from textladder.listing import describe_data, list_data, render_data

    if name is None:
        listed = list_data()
        _print_json({"data": listed}) if as_json else render_data(listed)
        return
    described = describe_data(name, out)
    _print_json(described) if as_json else render_data([described])


@app.command()
def steps(
    text: Annotated[str, typer.Argument(help="a text")],
    as_json: Json = False,
) -> None:
    """Show a text on its way to numbers: tokens, stop words, lemmas, rare words, ids, one-hot and counts."""
    from textladder.text.steps import render, walk

    stages = walk(text)
    if as_json:
        _print_json({"text": text, "stages": [stage.to_dict() for stage in stages]})
    else:
        render(stages)


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False))


def _print_scores(scores: dict[str, Any], out: Path) -> None:
    test = scores["test"]
    low, high = test["interval"]
    print(
        f"{scores['rung']}: test {scores['metric']} {test['score']:.4f} (95 % interval {low:.4f} to {high:.4f}, "
        f"{test['count']:,} texts), dev {scores['dev']['score']:.4f}\n"
        f"{scores['training_seconds']:.1f} s of training, {scores['latency_ms']['p50']:.2f} ms for one text, "
        f"{scores['size_mb']:.2f} MB on disk, {scores['peak_memory_mb']:.0f} MB of memory at most\n"
        f"The model: {out / 'model'}"
    )


def main() -> NoReturn:
    """Run a command; a Problem becomes one message and exit code 2, an interrupt 130, never a traceback."""
    try:
        app(standalone_mode=False)
        code = 0
    except Problem as problem:
        print(f"textladder: {problem}", file=sys.stderr)
        code = problem.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("textladder: stopped.", file=sys.stderr)
        code = 130
    except typer.Exit as request:
        code = request.exit_code
    except BrokenPipeError:  # the reader of our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except MemoryError:
        print(
            "textladder: memory ran out.\nTry a smaller --set training.batch_units, or a cheaper rung.",
            file=sys.stderr,
        )
        code = 2
    except Exception as error:
        code = _other(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _other(error: Exception) -> int:
    """Usage errors of the command line parser, and interrupts that saved a state; anything else is our own bug."""
    code: int | None = getattr(error, "exit_code", None)
    if code is not None and hasattr(error, "format_message"):  # click's UsageError family
        print(f"textladder: {error.format_message()}\nTry textladder --help", file=sys.stderr)
        return code
    if type(error).__name__ == "Interrupted":
        print(
            "textladder: stopped; the state is saved. Run the same command with --resume to go on.",
            file=sys.stderr,
        )
        return error.exit_code  # type: ignore[attr-defined]
    raise error
