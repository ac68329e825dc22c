"""Options and arguments that several commands have, each with its help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from textladder.errors import Problem, suggest

File = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, JSONL, Parquet, fastText, CoNLL or text file (.gz, .zst too), or a built-in data set"
    ),
]
TargetFile = Annotated[
    str | None,
    typer.Argument(metavar="[TARGETS]", help="translate: the second of two parallel files of lines"),
]
TextColumn = Annotated[
    str | None, typer.Option("--text", help="column of the text (inferred, and said, if not given)")
]
SecondColumn = Annotated[
    str | None, typer.Option("--second", help="pairs: column of the second text (inferred if not given)")
]
LabelColumn = Annotated[
    str | None,
    typer.Option(
        "--label", "--column", help="column of the label, or of the tags (inferred, and said, if not given)"
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, or another name that torch knows")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout, and nothing else there")]
JsonLines = Annotated[
    bool, typer.Option("--json", help="JSON objects on stdout, one a line, and nothing else there")
]
ModelPath = Annotated[Path, typer.Argument(help="folder of a model, a run, or a compare (its pick)")]
DevFile = Annotated[Path | None, typer.Option("--dev", help="file to choose by (split off if not given)")]
TestFile = Annotated[
    Path | None, typer.Option("--test", help="file to test on, once (split off if not given)")
]
Set = Annotated[list[str] | None, typer.Option("--set", help="any value of the recipe, as table.key=value")]
TaskName = Annotated[str | None, typer.Option("--task", help="what is learned (inferred if not given)")]
Units = Annotated[
    str | None,
    typer.Option(
        "--units", help="word whitespace character byte bpe wordpiece unigram (default: the rung's)"
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="go on where it was stopped")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="start anew in a folder that holds a run")]
Said = Annotated[
    Path | None,
    typer.Option("--said", help="translations to score, one a line, in place of the model's own"),
]
# Of searches.
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", help="below 1 more predictable, above 1 wilder, 0 greedy"),
]
TopK = Annotated[int | None, typer.Option("--top-k", help="draw from the k most probable units")]
TopP = Annotated[
    float | None, typer.Option("--top-p", help="draw from the fewest units that have this probability")
]
MinP = Annotated[
    float | None, typer.Option("--min-p", help="leave out units below this share of the most probable")
]
SearchSeed = Annotated[int | None, typer.Option("--seed", help="the same seed writes the same text")]
Groups = Annotated[
    int | None, typer.Option("--groups", help="parts of the beam, each avoids what those before it write")
]
Diversity = Annotated[
    float | None, typer.Option("--diversity", help="how much groups avoid each other, in nats")
]
Ensemble = Annotated[
    list[Path] | None,
    typer.Option("--ensemble", help="translators: a run that writes with it, by the mean; can be repeated"),
]
DataSet = Annotated[list[str] | None, typer.Option("--set", help="how the file is read, as data.key=value")]


def settings_of(
    text: str | None,
    label: str | None,
    units: str | None,
    given: list[str] | None,
    second: str | None = None,
) -> list[str]:
    """The short options as the --set that they stand for, before the --set that were given."""
    check_units(units)
    short = {"data.text": text, "data.second": second, "data.label": label, "tokenizer.units": units}
    return [f"{key}={json.dumps(value)}" for key, value in short.items() if value is not None] + (given or [])


def check_units(units: str | None) -> None:
    """Problem for units that there are not."""
    if units is not None:
        from typing import get_args, get_type_hints

        from textladder.text.tokenizing import TokenizerConfig

        known = get_args(get_type_hints(TokenizerConfig)["units"])
        if units not in known:
            raise Problem(f"--units {units}", "there are no such units.", suggest(units, known))


class ParallelFiles(TyperCommand):
    """A command whose files may be two, line by line: FILE TARGETS --dev SOURCES TARGETS --test SOURCES
    TARGETS. An option of the parser takes one value, so the two of --dev become one (`text.two_files`)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        flags = {name for option in self.params if getattr(option, "is_flag", False) for name in option.opts}
        return super().parse_args(ctx, joined_files(args, flags | {"--help"}))


def joined_files(args: list[str], flags: set[str]) -> list[str]:
    """Command-line words with the two files of --dev and --test as one, if the file itself is two: what
    follows such a file is else the file itself."""
    from textladder.text.two_files import joined

    words, found, plain, at = list(args), list[int](), 0, 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-") or word == "-":
            plain, at = plain + 1, at + 1
        elif word in flags or "=" in word:
            at += 1
        elif word in ("--dev", "--test") and at + 2 < len(words) and not words[at + 2].startswith("-"):
            found.append(at)
            at += 3
        else:
            at += 2
    if plain == 2:
        for at in reversed(found):
            words[at + 1 : at + 3] = [joined(*words[at + 1 : at + 3])]
    return words
