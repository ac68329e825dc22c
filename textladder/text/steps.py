"""A text on its way to numbers, one stage after the other: what `textladder steps` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text import bagging
from textladder.text.normalizing import without_surrogates
from textladder.text.stopwords import ENGLISH
from textladder.text.tokenizing import PLAIN, SPECIAL, UNKNOWN, Tokenizer, TokenizerConfig

MOST_COLUMNS = 12  # units that a terminal shows of a vector
COUNTS = "how often each unit occurs; the order is gone"


@dataclass(frozen=True)
class Stage:
    """One stage: its name, what it does in a sentence, and what comes out (JSON-able)."""

    name: str
    explanation: str
    value: Any

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def walk(
    text: str, corpus: Sequence[str] = (), *, config: TokenizerConfig | None = None, language: str = "en"
) -> list[Stage]:
    """The stages of one text: normalised, tokens, stop words, lemmas, rare words, ids, one-hot, counts,
    TF-IDF.

    The vocabulary is that of the text and of `corpus`, further texts: a unit is rare if it occurs in all of
    them together fewer than `config.min_count` times (1 unless a corpus is given). Lemmas are left out, and
    the stage says so, where the extra `lemma` is not installed. Raises Problem for a language that has no
    dictionary, and for units that are learned: those of a model are shown by `walk_with`.
    """
    config = config or TokenizerConfig(min_count=2 if corpus else 1)
    if config.units not in PLAIN:
        raise Problem(
            f"--units {config.units}",
            "these are pieces that a training learns from its texts; one text has none.",
            f"Show those of a run with --model RUN, made by textladder train FILE --units {config.units} ...",
        )
    byte = config.units == "byte"  # of which all are known
    tokenizer = Tokenizer.fit([], config) if byte else Tokenizer.of_vocabulary([], config)
    cut = tokenizer.pieces if byte else tokenizer.cut
    tokens = cut(text)
    stages = [
        Stage("normalise", _how_normalised(config, text), tokenizer.normalise(text)),
        _tokenised(text, tokens, tokenizer),
    ]
    texts = [bagging.without_stop_words(units) for units in [tokens, *map(cut, corpus)]]
    removed = [unit for unit in tokens if not bagging.is_word(unit) or unit.lower() in ENGLISH]
    told = f"words that say little on their own, and punctuation, are left out: {' '.join(removed) or 'none'}"
    stages.append(Stage("stop words", told, texts[0]))
    told = 'left out; for them: pip install "textladder[lemma]"'
    if find_spec("simplemma") is not None:
        texts = [bagging.lemmas(units, language) for units in texts]
        told = "each word in the form that a dictionary lists"
    stages.append(Stage("lemmas", told, texts[0]))
    known = bagging.replace_rare(texts, config.min_count)
    told = f"units found fewer than {config.min_count} times in {len(texts)} texts become {SPECIAL[UNKNOWN]}"
    if config.min_count <= 1:
        told = f"units that are too rare in the training texts become {SPECIAL[UNKNOWN]}; in one text none is"
    stages.append(Stage("rare words", told, known[0]))
    return stages + _numbers(known)


def walk_with(tokenizer: Tokenizer, text: str) -> list[Stage]:
    """The stages of one text on its way into a model, whose tokenizer this is: normalised, units, ids,
    one-hot, counts. Words that say little stay in, and TF-IDF would need the training texts."""
    vocabulary = tokenizer.vocabulary
    ids = tokenizer.encode_one(text)
    columns = sorted(set(ids.tolist()))
    rows = [[int(unit == column) for column in columns] for unit in ids.tolist()]
    counted = bagging.counts(Ragged.of([ids]), len(vocabulary))
    size = f"{len(vocabulary):,} units in the vocabulary"
    return [
        Stage("normalise", _how_normalised(tokenizer.config, text), tokenizer.normalise(text)),
        _tokenised(text, tokenizer.pieces(text), tokenizer),
        Stage("ids", f"each unit's number ({size}; 0 to 3 are {' '.join(SPECIAL)})", ids.tolist()),
        Stage(
            "one-hot",
            f"one row per unit, with a single 1 in the column of its id; {len(vocabulary) - len(columns):,} "
            "columns of other units are left out",
            {"columns": [vocabulary[column] for column in columns], "rows": rows},
        ),
        Stage("counts", COUNTS, _named(vocabulary, counted[0])),
    ]


def _tokenised(text: str, units: Sequence[str], tokenizer: Tokenizer) -> Stage:
    return Stage(
        "tokenise",
        f"cut into units ({tokenizer.config.units}), each with its place in the text as given",
        [
            {"unit": unit, "start": a, "end": b, "text": text[a:b]}
            for unit, (a, b) in zip(units, tokenizer.offsets(text), strict=True)
        ],
    )


def _numbers(texts: list[list[str]]) -> list[Stage]:
    units = sorted({unit for text in texts for unit in text} - set(SPECIAL))
    vocabulary = [*SPECIAL, *units]
    number = {unit: n for n, unit in enumerate(vocabulary)}
    ids = Ragged.of([[number[unit] for unit in text] for text in texts])
    counted = bagging.counts(ids, len(vocabulary))
    weighted = bagging.tf_idf(counted, bagging.inverse_document_frequency(counted))
    size = f"{len(vocabulary)} units in the vocabulary"
    return [
        Stage("ids", f"each unit's number ({size}; 0 to 3 are {' '.join(SPECIAL)})", ids[0].tolist()),
        Stage(
            "one-hot",
            "one row per unit, with a single 1 in the column of its id",
            {"columns": vocabulary, "rows": bagging.one_hot(ids[0], len(vocabulary)).astype(int).tolist()},
        ),
        Stage("counts", COUNTS, _named(vocabulary, counted[0])),
        Stage(
            "TF-IDF",
            f"counts times ln((1 + n) / (1 + texts with the unit)) + 1, at length 1; n = {len(texts)}",
            _named(vocabulary, weighted[0]),
        ),
    ]


def _named(vocabulary: list[str], row: np.ndarray[Any, Any]) -> dict[str, float]:
    return {vocabulary[column]: round(float(row[column]), 4) for column in np.flatnonzero(row)}


def _how_normalised(config: TokenizerConfig, text: str) -> str:
    halves = without_surrogates(text)[1]
    done = [
        "HTML entities decoded" if config.html else "",
        f"Unicode {config.unicode}" if config.unicode != "none" else "",
        "lower case" if config.lowercase else "",
        "accents stripped" if config.accents == "strip" else "",
        f"half characters (lone surrogates) read as U+FFFD: {halves}" if halves else "",
    ]
    return ", ".join(filter(None, done)) or "as it is"


def render(stages: Sequence[Stage]) -> None:
    """The stages as text and tables on the terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for number, stage in enumerate(stages, 1):
        console.print(Text.assemble((f"{number}. {stage.name}", "bold"), f"  {stage.explanation}"))
        table = Table(show_header=True, box=None, pad_edge=False)
        match stage.value:
            case {"columns": columns, "rows": rows}:
                used = [c for c in range(len(columns)) if any(row[c] for row in rows)]
                for name in ["", *(columns[c] for c in used[:MOST_COLUMNS])]:
                    table.add_column(Text(name))
                for row in rows:
                    name = columns[row.index(1)]
                    table.add_row(Text(name), *(str(row[c]) for c in used[:MOST_COLUMNS]))
                console.print(table)
                left_out = len(columns) - len(used[:MOST_COLUMNS])
                console.print(Text(f"({left_out} columns are not shown)" if left_out else ""))
            case dict() as values:
                for name in values:
                    table.add_column(Text(name))
                table.add_row(*(f"{value:g}" for value in values.values()))
                console.print(table)
            case [{"unit": _}, *_] as tokens:
                for token in tokens:
                    table.add_column(Text(token["unit"]))
                table.add_row(*(f"{token['start']}-{token['end']}" for token in tokens))
                console.print(table)
            case list() as values:
                console.print(Text("  ".join(map(str, values)) or "(nothing)"))
            case value:
                console.print(Text(str(value)))
        console.print()
