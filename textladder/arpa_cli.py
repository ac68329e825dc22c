"""`textladder arpa`: counted models to and from the format that SRILM, KenLM and Kaldi share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from textladder.cli_options import Json, check_units
from textladder.errors import Problem, suggest
from textladder.output import print_json

UNSPELLED = (
    "An ARPA file does not say how unknown words and white space are spelled: that part of the bits per "
    "character is a guess. Perplexity per unit is that of the file."
)
READABLE = ("whitespace", "word", "character")  # units that need no more than their names


def arpa(
    *,
    source: Annotated[
        Path, typer.Argument(help="a counted model (folder of a model or run), or an ARPA file")
    ],
    target: Annotated[Path, typer.Argument(help="the ARPA file (.gz too), or the model folder, to write")],
    units: Annotated[
        str, typer.Option("--units", help="what the words of an ARPA file are: whitespace word character")
    ] = "whitespace",
    as_json: Json = False,
) -> None:
    """Turn a counted model into an ARPA file, or back.

    The model can be scored and written with like any other: textladder score, textladder generate.
    """
    said = write(source, target) if source.is_dir() else read(source, target, units)
    if as_json:
        print_json(said)
        return
    counts = ", ".join(f"{count:,} of order {order}" for order, count in enumerate(said["counts"], 1))
    typer.echo(f"{target}: n-grams: {counts}")
    for note in said["notes"]:
        typer.echo(note)


def write(model: Path, out: Path) -> dict[str, Any]:
    """Model folder to ARPA file: {"counts": n-grams per order, "notes"}. Problem for a model of another kind,
    and for one that the format cannot say."""
    from textladder.counted import CountedModel
    from textladder.loading import load_model

    loaded = load_model(model)
    if not isinstance(loaded, CountedModel):
        raise Problem(
            str(model),
            f"{loaded.recipe.rung} is no model of counted n-grams.",
            "An ARPA file holds the rung ngram alone.",
        )
    loaded.ngrams.arpa(out)
    notes = []
    if labels := loaded.labels["labels"]:
        notes.append(
            f"An ARPA file knows no labels: it says what follows each (<label:{labels[0]}>, ...), but read "
            "back the model has none, and scores texts as if they had no label."
        )
    return {"counts": loaded.ngrams.counts, "notes": notes}


def read(file: Path, out: Path, units: str) -> dict[str, Any]:
    """ARPA file to model folder, likewise. Problem that names the line for a file that is broken."""
    import tempfile

    from textladder import recipe
    from textladder.counted import CountedModel
    from textladder.files import writing
    from textladder.ngrams.model import NgramModel
    from textladder.ragged import Ragged
    from textladder.text.spelling import Spelling
    from textladder.text.tokenizing import SPECIAL, Tokenizer

    check_units(units)
    if units not in READABLE:
        raise Problem(
            f"--units {units}", "an ARPA file does not say how texts become these.", suggest(units, READABLE)
        )
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="textladder-", dir=out.parent) as work:
        ngrams = NgramModel.from_arpa(file, Path(work) / "ngrams")
        values = {"tokenizer.units": units, "tokenizer.min_count": 1, "encoder.order": ngrams.order}
        chosen = recipe.rung("ngram", "language").with_values(values)
        tokenizer = Tokenizer.of_vocabulary(ngrams.vocabulary, chosen.tokenizer)
        # There is no text to learn from how unknown words and white space are spelled: the file's own words,
        # a blank between each two, stand for one.
        words = Ragged.of_strings([" ".join(ngrams.vocabulary[len(SPECIAL) :])])
        spelling = Spelling.learn([words], tokenizer).to_dict()
        labels = {"labels": [], "units": len(tokenizer), "spelling": spelling}
        CountedModel(chosen, tokenizer, labels, ngrams).save(out)
        return {"counts": ngrams.counts, "notes": [*ngrams.about.notes, UNSPELLED]}
