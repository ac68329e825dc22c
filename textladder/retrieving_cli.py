"""`textladder search`: the texts of a corpus that are nearest to a query."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textladder.cli_options import DataSet, Device, JsonLines, ModelPath, TextColumn, settings_of
from textladder.errors import Problem

if TYPE_CHECKING:
    from textladder.retrieving import Match


def search(
    *,
    model: ModelPath,
    corpus: Annotated[
        str, typer.Argument(help="texts to search: one a line, or CSV, TSV, JSONL, Parquet (.gz, .zst too)")
    ],
    query: Annotated[str, typer.Argument(help="a text, or - for one text a line on stdin")] = "-",
    queries: Annotated[
        str | None, typer.Option("--queries", help="a file of queries in place of one")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="texts that are found for each query")] = 10,
    index: Annotated[
        Path | None,
        typer.Option("--index", help="folder that keeps the vectors of the corpus; made if need be"),
    ] = None,
    approximate: Annotated[
        bool, typer.Option("--approximate", help="look into a part of the corpus; says how much it misses")
    ] = False,
    text: TextColumn = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="make the index anew")] = False,
    device: Device = "auto",
    set_: DataSet = None,
    as_json: JsonLines = False,
) -> None:
    """Find the texts that are nearest to a query.

    A line is rank, cosine, line number, text; with several queries the number of the query, from 0, comes
    first. With --json each query is one object on a line of its own.
    """
    from textladder.retrieving import corpus_of, encoder, opened, queries_of, unknown, vectors_of
    from textladder.training.devices import pick_device

    if queries is not None and query != "-":
        raise Problem("--queries", "a query is given as well.", "Leave one of them out.")
    if query != "-" and not query.strip():
        raise Problem("query", "it is empty: nothing is near to it.", "Write some words.")
    if overwrite and index is None:
        raise Problem("--overwrite", "there is no --index to make anew.", "Leave it out.")
    loaded = encoder(model, str(pick_device(device)))
    read = corpus_of(loaded, corpus, settings_of(text, None, None, set_))
    given = [[query]] if query != "-" else queries_of(loaded, queries or "-", set_ or [])

    def report(said: str) -> None:
        typer.echo(said, err=True)

    number, several = 0, query == "-"
    how = {"kept": index, "overwrite": overwrite, "approximate": approximate, "report": report}
    with opened(model, loaded, read, **how) as found_in:  # type: ignore[arg-type]
        for chunk in given:
            for at in unknown(loaded, chunk):
                report(f"Query {number + at:,}: the model knows no word of it; what is found means nothing.")
            for asked, found in zip(chunk, found_in.search(vectors_of(loaded, chunk), top), strict=True):
                _say(asked, found, number if several else None, as_json)
                number += 1
            sys.stdout.flush()  # a program at the other end of a pipe may be waiting for this answer


def _say(query: str, found: list[Match], number: int | None, as_json: bool) -> None:
    from textladder.evaluating import one_line

    if as_json:
        results = [match._asdict() for match in found]
        sys.stdout.write(json.dumps({"query": query, "results": results}, ensure_ascii=False) + "\n")
        return
    before = "" if number is None else f"{number}\t"
    for rank, score, line, text in found:
        sys.stdout.write(f"{before}{rank}\t{score:.4f}\t{line}\t{one_line(text)}\n")
