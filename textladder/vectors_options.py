"""What the commands of `textladder vectors` share: options, and how they end, load and print."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from textladder.vectors.evaluating import Similarity
    from textladder.vectors.wordvectors import WordVectors

Vectors = Annotated[
    Path, typer.Argument(help="vectors: our folder, or a file of word2vec, GloVe or fastText (.gz, .zst too)")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="read the first words only: most frequent")]
Count = Annotated[int, typer.Option("-n", min=1, help="how many words")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout, and nothing else there")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace what is there")]


@contextmanager
def ending() -> Iterator[None]:
    """SIGTERM ends what is done here as Ctrl-C does, with its own code: working files are removed."""

    def stop(number: int, frame: Any) -> None:
        typer.echo("textladder: stopped.", err=True)
        raise typer.Exit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def load(path: Path, limit: int | None) -> WordVectors:
    from textladder.vectors.wordvectors import WordVectors

    return WordVectors.load(path, limit=limit)


def listed(found: list[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"word": word, "score": float(score)} for word, score in found]


def say(found: list[tuple[str, float]]) -> None:
    for word, score in found:
        typer.echo(f"{word}\t{score:.4f}")


def score(interval: Any) -> list[str]:
    return (
        ["-", "-"]
        if interval is None
        else [f"{interval.value:.4f}", f"{interval.low:.4f} to {interval.high:.4f}"]
    )


def covered(one: Similarity) -> str:
    composed = f" ({one.composed:,} words composed)" if one.composed else ""
    return f"{one.found:,} of {one.total:,}{composed}"


def table(header: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as their longest cell: as plain in a pipe as on a terminal."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
