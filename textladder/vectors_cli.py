"""`textladder vectors ...`: one short function per command. Heavy imports stand inside those that need them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textladder.errors import Problem, suggest
from textladder.output import print_json

if TYPE_CHECKING:
    from textladder.vectors.wordvectors import WordVectors

app = typer.Typer(
    help="Word vectors: train, ask, judge, draw, convert and compare them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Vectors = Annotated[
    Path, typer.Argument(help="vectors: our folder, or a file of word2vec, GloVe or fastText (.gz, .zst too)")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="read the first words only: most frequent")]
Count = Annotated[int, typer.Option("-n", min=1, help="how many words")]
Json = Annotated[bool, typer.Option("--json", help="one JSON object on stdout, and nothing else there")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace what is there")]


@app.command()
def train(
    *,
    files: Annotated[list[str], typer.Argument(help="texts in any format that textladder reads")],
    out: Annotated[Path, typer.Option("--out", help="folder to write")],
    method: Annotated[str | None, typer.Option("--method", help="skipgram, cbow, fasttext or glove")] = None,
    text: Annotated[str | None, typer.Option("--text", help="column of the text")] = None,
    dim: Annotated[int | None, typer.Option("--dim", help="width of a vector")] = None,
    window: Annotated[int | None, typer.Option("--window", help="words on each side, at most")] = None,
    negative: Annotated[
        int | None, typer.Option("--negative", help="noise words per pair; 0: hierarchical softmax")
    ] = None,
    min_count: Annotated[int | None, typer.Option("--min-count", help="rarer words are left out")] = None,
    max_vocabulary: Annotated[
        int | None, typer.Option("--max-vocabulary", help="keep the most frequent words only")
    ] = None,
    sample: Annotated[
        float | None, typer.Option("--sample", help="frequent words are thinned out above this share")
    ] = None,
    epochs: Annotated[int | None, typer.Option("--epochs", help="passes over the texts")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", help="at the start")] = None,
    char_orders: Annotated[
        tuple[int, int] | None, typer.Option("--char-orders", help="fastText: lengths of character n-grams")
    ] = None,
    buckets: Annotated[int | None, typer.Option("--buckets", help="fastText: rows of the n-grams")] = None,
    phrases: Annotated[int | None, typer.Option("--phrases", help="passes that join pairs: new_york")] = None,
    units: Annotated[str | None, typer.Option("--units", help="word, whitespace or character")] = None,
    lowercase: Annotated[bool | None, typer.Option("--lowercase/--cased", help="fold upper case")] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="one thread and one seed: always the same vectors")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="of everything random")] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train word vectors on texts: words a second, loss and time left are told on the way."""
    from textladder.terminal import Terminal
    from textladder.vectors.making import make

    given = {
        "method": method, "dim": dim, "window": window, "negative": negative, "min_count": min_count,
        "max_vocabulary": max_vocabulary, "sample": sample, "epochs": epochs, "learning_rate": learning_rate,
        "char_orders": char_orders, "buckets": buckets, "phrases": phrases, "units": units,
        "lowercase": lowercase, "threads": threads, "seed": seed,
    }  # fmt: skip
    settings = {name: value for name, value in given.items() if value is not None}
    made = make(files, out, settings, Terminal(), text=text, overwrite=overwrite)
    print_json(made) if as_json else typer.echo(made["said"])


@app.command()
def similar(
    *,
    vectors: Vectors,
    words: Annotated[list[str], typer.Argument(help="one word, or several: nearest to their mean")],
    n: Count = 10,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """List the nearest words by cosine."""
    found = _load(vectors, limit).most_similar(words, n=n)
    if as_json:
        print_json({"words": words, "similar": _listed(found)})
    else:
        _say(found)


@app.command()
def analogy(
    *,
    vectors: Vectors,
    a: Annotated[str, typer.Argument(help="a is to ...")],
    b: Annotated[str, typer.Argument(help="... b, as ...")],
    c: Annotated[str, typer.Argument(help="... c is to which word?")],
    n: Count = 5,
    multiply: Annotated[bool, typer.Option("--mul", help="3CosMul instead of 3CosAdd")] = False,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Answer: a is to b as c is to which word?"""
    loaded = _load(vectors, limit)
    ask = loaded.most_similar_cosmul if multiply else loaded.most_similar
    found = ask(positive=[b, c], negative=[a], n=n)
    if as_json:
        method = "3CosMul" if multiply else "3CosAdd"
        print_json({"question": [a, b, c], "method": method, "answers": _listed(found)})
    else:
        _say(found)
