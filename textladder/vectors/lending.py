"""Words that only given vectors have, known to a model beside those of its training texts: what is said of a
word there holds for a text that comes later, though no training text has the word."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from textladder.errors import Problem
from textladder.text.tokenizing import SPECIAL, Tokenizer
from textladder.vectors import formats
from textladder.vectors.formats.table import Asked

if TYPE_CHECKING:  # needs torch, which reading texts does not
    from textladder.recipe import Recipe
    from textladder.vectors.wordvectors import WordVectors

OPTION = "tokenizer.vector_words"
WORDS = ("word", "whitespace")  # units that vectors have
ADVISED = 50_000


def check(recipe: Recipe, given: bool, writes: bool) -> None:
    """Raises Problem where a recipe asks for words of vectors that it cannot have. writes: the task chooses
    among all units, so that each of them costs it."""
    if not recipe.tokenizer.vector_words:
        return
    if not given:
        raise Problem(
            OPTION, "there are no vectors to take words from.", "Add --vectors FILE, or leave it out."
        )
    if recipe.tokenizer.units not in WORDS:
        what = f"vectors are of words, and the units here are {recipe.tokenizer.units}."
        raise Problem(OPTION, what, "Use --units word or whitespace, or leave it out.")
    if writes:
        raise Problem(
            OPTION,
            f"{recipe.rung} writes, and would never have seen these words written.",
            "Leave it out.",
        )


def extended(tokenizer: Tokenizer, source: Path | WordVectors) -> Tokenizer:
    """A tokenizer that also knows the first `vector_words` words of the vectors that it did not. A word
    counts that is one unit of a text as the tokenizer cuts and writes it: "London" does not in lower case."""
    most, lacking = tokenizer.config.vector_words, Lacking(tokenizer)
    if not most:
        return tokenizer
    if isinstance(source, Path):
        words = formats.read(source, Asked(most, lacking, skip_broken_words=True)).words
    else:
        words = list(islice(filter(lacking.__contains__, source.table.words), most))
    return Tokenizer.of_vocabulary([*tokenizer.vocabulary, *words], tokenizer.config)


def advice(recipe: Recipe, source: Path | WordVectors | None) -> Iterator[str]:
    """What someone may want to know who keeps given vectors as they are, and knows only the words of the
    training texts."""
    chosen = recipe.tokenizer
    if source is None or chosen.vector_words or chosen.units not in WORDS:
        return
    if recipe.training.freeze_embedding:
        yield (
            "words that only the vectors have are <unk>; "
            f"--set {OPTION}={ADVISED} makes the first {ADVISED:,} of them known"
        )


class Lacking:
    """The words that are one unit of this tokenizer, and not in its vocabulary."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer, self.known = tokenizer, frozenset([*SPECIAL, *tokenizer.vocabulary])

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and word not in self.known and self.tokenizer.cut(word) == [word]
