"""`textladder vectors ...`: one short function per command. Heavy imports stand inside functions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textladder.errors import Problem
from textladder.output import print_json
from textladder.vectors_changing import convert, quantize, translate
from textladder.vectors_options import (
    Count,
    Json,
    Limit,
    Overwrite,
    Vectors,
    covered,
    ending,
    listed,
    load,
    say,
    score,
    table,
)

app = typer.Typer(
    help="Word vectors: train, ask, judge, draw, convert, compare.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for command in (convert, quantize, translate):
    app.command()(command)


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
        int | None,
        typer.Option("--negative", help="noise words per pair; 0: hierarchical softmax (glove: no zeros)"),
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
    phrase_threshold: Annotated[
        float | None,
        typer.Option("--phrase-threshold", help="how many times more often than by chance they occur"),
    ] = None,
    units: Annotated[str | None, typer.Option("--units", help="word, whitespace or character")] = None,
    lowercase: Annotated[bool | None, typer.Option("--lowercase/--cased", help="fold upper case")] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="one thread and one seed: always the same vectors")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="of everything random")] = None,
    go_on: Annotated[
        Path | None, typer.Option("--continue", help="vectors to go on from; words new to them are added")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train word vectors on texts: words a second, loss and time left are told on the way."""
    from textladder.terminal import Terminal
    from textladder.text.reading import DataConfig
    from textladder.vectors.making import make

    given = {
        "method": method, "dim": dim, "window": window, "negative": negative, "min_count": min_count,
        "max_vocabulary": max_vocabulary, "sample": sample, "epochs": epochs, "learning_rate": learning_rate,
        "char_orders": char_orders, "buckets": buckets, "phrases": phrases,
        "phrase_threshold": phrase_threshold, "units": units, "lowercase": lowercase, "threads": threads,
        "seed": seed,
    }  # fmt: skip
    terminal = Terminal()
    with ending():
        made, seconds = make(
            files,
            out,
            {name: value for name, value in given.items() if value is not None},
            report=lambda progress: terminal.progress(progress.line(), last=progress.share == 1),
            data=DataConfig(text=text),
            overwrite=overwrite,
            start=go_on,
        )
    for note in made.notes:
        terminal.note(note)
    words, dim = made.matrix.shape
    if as_json:
        about = {"out": str(out), "method": made.config.method, "words": words, "dim": dim}
        trained_on = None if made.counts is None else int(made.counts.sum())
        print_json({**about, "corpus_words": trained_on, "seconds": seconds, "notes": made.notes})
    else:
        typer.echo(f"{words:,} words of {dim} numbers in {seconds:.1f} s: {out}")


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
    found = load(vectors, limit).most_similar(words, n=n)
    if as_json:
        print_json({"words": words, "similar": listed(found)})
    else:
        say(found)


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
    loaded = load(vectors, limit)
    ask = loaded.most_similar_cosmul if multiply else loaded.most_similar
    found = ask(positive=[b, c], negative=[a], n=n)
    if as_json:
        method = "3CosMul" if multiply else "3CosAdd"
        print_json({"question": [a, b, c], "method": method, "answers": listed(found)})
    else:
        say(found)


@app.command()
def evaluate(
    *,
    vectors: Vectors,
    similarity: Annotated[
        list[Path] | None, typer.Option("--similarity", help="file of word, word, score; or a folder of them")
    ] = None,
    analogies: Annotated[
        list[Path] | None, typer.Option("--analogies", help="questions, such as questions-words.txt")
    ] = None,
    case_sensitive: Annotated[
        bool, typer.Option("--case-sensitive", help="upper and lower case differ")
    ] = False,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Score vectors by what people find similar and by analogies.

    Each score has its 95 % interval and its coverage: how many pairs or questions have vectors.
    """
    from textladder.vectors.evaluating import Judge, mean_similarity
    from textladder.vectors.judgements import pair_files, read_pairs, read_questions

    if not similarity and not analogies:
        raise Problem(
            "evaluate", "there is nothing to judge by.", "Give --similarity FILE, --analogies FILE, or both."
        )
    pairs = [read_pairs(path) for path in pair_files(similarity or [])]
    questions = [read_questions(path) for path in analogies or []]
    loaded = load(vectors, limit)
    judge = Judge(loaded.words, loaded.matrix, case_sensitive=case_sensitive, compose=loaded.composed)
    sets = [judge.similarity(one) for one in pairs]
    sections = {one.name: judge.analogies(one) for one in questions}
    if as_json:
        print_json(
            {
                "words": len(loaded.words),
                "similarity": [one.to_dict() for one in sets],
                "mean_spearman": mean_similarity(sets),
                "analogies": {name: [one.to_dict() for one in part] for name, part in sections.items()},
            }
        )
        return
    if sets:
        table(
            ["similarity", "Spearman", "95 % interval", "pairs covered"],
            [[one.name, *score(one.rho), covered(one)] for one in sets],
        )
        mean = mean_similarity(sets)
        if len(sets) > 1 and mean is not None:
            typer.echo(f"mean {mean:.4f}")
    for part in sections.values():
        table(
            ["analogies", "3CosAdd", "95 % interval", "3CosMul", "95 % interval", "questions covered"],
            [
                [one.name, *score(one.cosadd), *score(one.cosmul), f"{one.found:,} of {one.total:,}"]
                for one in part
            ],
        )


@app.command("map")
def map_(
    *,
    vectors: Vectors,
    out: Annotated[Path, typer.Option("--out", help="HTML file to write; it opens offline")],
    words: Annotated[Path | None, typer.Option("--words", help="file with a word on each line")] = None,
    most: Annotated[int, typer.Option("-n", min=5, help="without --words: the most frequent")] = 2000,
    layout: Annotated[
        list[str] | None,
        typer.Option("--layout", help="tsne, umap, pca; again for more (default: tsne and pca)"),
    ] = None,
    neighbours: Annotated[int, typer.Option("--neighbours", min=1, help="listed for each word")] = 10,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Draw words as a map (t-SNE, UMAP, PCA): zoom, hover, search, lines to the nearest neighbours."""
    from textladder.inspection.galaxy import write_galaxy
    from textladder.terminal import Terminal
    from textladder.vectors.judgements import read_words
    from textladder.vectors.mapping import chosen, lay_out

    if out.suffix == ".png":  # which another command draws: a page under that name opens nowhere
        raise Problem(str(out), "a map is a page, not a picture.", "End it in .html")
    wanted = read_words(words) if words else None
    loaded = load(vectors, limit)
    shown, matrix, notes = chosen(loaded.words, loaded.matrix, wanted, most)
    terminal = Terminal()
    for note in notes:
        terminal.note(note)
    drawn = lay_out(
        shown, matrix, layout or ("tsne", "pca"), neighbours=neighbours, seed=seed, note=terminal.note
    )
    write_galaxy(
        out, drawn, name=vectors.name, dim=loaded.matrix.shape[1], total=len(loaded.words), notes=notes
    )
    if as_json:
        print_json({"out": str(out), "words": len(shown), "kept": drawn.kept, "notes": notes})
    else:
        typer.echo(f"{len(shown):,} words: {out}")


@app.command()
def compare(
    *,
    first: Vectors,
    second: Vectors,
    n: Count = 20,
    neighbours: Annotated[int, typer.Option("--neighbours", min=1, help="of each word")] = 10,
    most: Annotated[
        int, typer.Option("--most", min=2, help="common words compared: the most frequent in both")
    ] = 10_000,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Find the words whose neighbours differ most between two sets of vectors.

    Overlap is the share of neighbours that are the same; the cosine is taken after the first set was rotated
    onto the second (Procrustes).
    """
    from textladder.vectors.comparing import compare as compare_sets

    a, b = load(first, limit), load(second, limit)
    found = compare_sets((a.words, a.matrix), (b.words, b.matrix), neighbours=neighbours, most=most)
    if as_json:
        print_json(found.to_dict(n))
        return
    typer.echo(
        f"{found.common:,} words in both, {found.only_first:,} only in {first}, "
        f"{found.only_second:,} only in {second}\n"
        f"of the {len(found.shifts):,} compared: mean overlap of {neighbours} neighbours "
        f"{found.overlap:.1%}, mean cosine after alignment {found.cosine:.3f}"
    )
    for title, shifts in (("differ most", found.shifts[:n]), ("differ least", found.shifts[::-1][:n])):
        table(
            [title, "overlap", "cosine", first.name, second.name],
            [
                [s.word, f"{s.overlap:.0%}", f"{s.cosine:.3f}", " ".join(s.first[:4]), " ".join(s.second[:4])]
                for s in shifts
            ],
        )
