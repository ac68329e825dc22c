"""Commands of `textladder vectors` that make other vectors of vectors, or words of words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textladder.errors import Problem, suggest
from textladder.output import print_json
from textladder.vectors_options import Count, Json, Limit, Overwrite, Vectors, ending, listed, load, say


def convert(
    *,
    vectors: Vectors,
    out: Annotated[Path, typer.Argument(help="file or folder to write")],
    to: Annotated[
        str,
        typer.Option(
            "--to", help="word2vec-binary, word2vec-text, fasttext, glove or safetensors (our folder)"
        ),
    ] = "safetensors",
    limit: Limit = None,
    skip_broken_words: Annotated[
        bool,
        typer.Option(
            "--skip-broken-words", help="leave out words that come again, have blanks, are not UTF-8"
        ),
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write vectors in another format."""
    from textladder.terminal import Terminal
    from textladder.vectors.formats import FORMATS
    from textladder.vectors.making import claim
    from textladder.vectors.wordvectors import WordVectors

    if to not in FORMATS:
        raise Problem(f"--to {to}", "there is no such format.", suggest(to, FORMATS))
    claim(out, overwrite)
    with ending():
        loaded = WordVectors.load(vectors, limit, skip_broken_words=skip_broken_words)
        loaded.save(out, to)
    for note in loaded.notes:
        Terminal().note(note)
    words, dim = loaded.matrix.shape
    if as_json:
        print_json({"out": str(out), "format": to, "words": words, "dim": dim, "notes": loaded.notes})
    else:
        typer.echo(f"{words:,} words of {dim} numbers: {out} ({to})")


def quantize(
    *,
    vectors: Vectors,
    out: Annotated[Path, typer.Argument(help="folder to write")],
    kind: Annotated[
        str, typer.Option("--kind", help="int8: 4 times smaller; pq: products, 4 times --group smaller")
    ] = "int8",
    group: Annotated[int, typer.Option("--group", min=1, help="pq: numbers that share a byte")] = 4,
    limit: Limit = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Round vectors to a smaller folder, and say what was lost by it."""
    from dataclasses import asdict

    from textladder.vectors.making import claim
    from textladder.vectors.quantizing import quantize as quantized

    claim(out, overwrite)
    with ending():
        small, loss = quantized(load(vectors, limit), kind, group=group)
        small.save(out)
    if as_json:
        print_json({"out": str(out), **asdict(loss)})
    else:
        typer.echo(f"{loss.line()}: {out}")


def translate(
    *,
    source: Vectors,
    target: Vectors,
    words: Annotated[list[str] | None, typer.Argument(help="words of the first vectors")] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option("--dictionary", help="pairs to align by; without it, words that are spelt the same"),
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", help="pairs to count right translations of")] = None,
    method: Annotated[str, typer.Option("--method", help="csls or nearest")] = "csls",
    n: Count = 5,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Align two languages by a dictionary (Procrustes), and translate words by their nearest neighbours."""
    from textladder.vectors.aligning import align, read_dictionary

    if not words and test is None:
        raise Problem("translate", "there is nothing to translate.", "Give words, or --test DICTIONARY.")
    pairs = None if dictionary is None else read_dictionary(dictionary)
    tested = None if test is None else read_dictionary(test)
    alignment = align(load(source, limit), load(target, limit), pairs)
    found = alignment.translate(words, n, method) if words else []
    scored = None if tested is None else alignment.accuracy(tested, method, n=1)
    if as_json:
        print_json(
            {
                "pairs_used": alignment.used,
                "pairs_unknown": alignment.unknown,
                "translations": [
                    {"word": word, "found": listed(one)} for word, one in zip(words or [], found, strict=True)
                ],
                "accuracy": None if scored is None else scored[0],
                "tested": None if scored is None else scored[1],
            }
        )
        return
    typer.echo(f"aligned by {alignment.used:,} pairs ({alignment.unknown:,} have a word without a vector)")
    for word, one in zip(words or [], found, strict=True):
        typer.echo(f"{word}:")
        say(one)
    if scored is not None:
        typer.echo(f"right translations at the first place: {scored[0]:.1%} of {scored[1]:,} words")
