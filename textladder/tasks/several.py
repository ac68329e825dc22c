"""Rows of several texts: the units of all of them end to end, and how many are of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textladder.batch import Example, Ragged
from textladder.errors import Problem
from textladder.ragged import Pairs
from textladder.text.overlong import CutReport, shorten

if TYPE_CHECKING:
    from textladder.text.tokenizing import Tokenizer


def read_pairs(texts: Any, numbers: Sequence[int]) -> Pairs:
    """Pairs as they are; of a sequence, each some strings, or an Example with so many texts. numbers: how
    many texts a row may have, 2 or 3. Raises Problem for other things."""
    if isinstance(texts, Pairs):
        return texts
    each = [text.texts if isinstance(text, Example) else text for text in texts]
    for number, texts_of in enumerate(each, 1):
        if isinstance(texts_of, str) or len(texts_of) not in numbers:
            raise Problem(f"pair {number:,}", "it is not two texts.", "Give (text, text) for each pair.")
    found = Pairs.of_strings([row[0] for row in each], [row[1] for row in each])
    if not each or len(each[0]) < 3:
        return found
    return Pairs(found.first, found.second, Ragged.of_strings(row[2] for row in each))


def rows_of(
    sides: Sequence[Any], tokenizer: Tokenizer, where: str | Sequence[str]
) -> tuple[dict[str, Ragged], CutReport]:
    """Texts of rows (strings, or UTF-8), side by side, to the columns "text" and "lengths"; each text is
    shortened by itself where it is too long. Raises Problem where it would have to be read in windows."""
    config = tokenizer.config
    short = [shorten(tokenizer.encode(side), config, where, in_windows=False) for side in sides]
    cut = sum((one.cut for one in short[1:]), short[0].cut)
    if cut.texts_cut and config.overlong == "window":
        raise Problem(
            "tokenizer.overlong",
            f"{cut.texts_cut:,} texts have more than {config.max_length:,} units; pairs have no windows.",
            "Raise tokenizer.max_length, or set tokenizer.overlong to head, tail or head+tail.",
        )
    return joined([one.ids for one in short]), cut


def joined(sides: Sequence[Ragged]) -> dict[str, Ragged]:
    """The columns of rows whose texts are units already."""
    count, number = len(sides[0]), len(sides)
    order = np.arange(number * count).reshape(number, count).T.ravel()  # 0, n, 1, n + 1, ...
    mixed = Ragged.join(sides).take(order)
    rows = np.arange(count + 1) * number
    return {"text": Ragged(mixed.flat, mixed.offsets[rows]), "lengths": Ragged(mixed.lengths, rows)}


def texts_of(columns: dict[str, Ragged]) -> Ragged:
    """The texts of rows, those of one row next to each other."""
    text, lengths = columns["text"], columns["lengths"]
    offsets = np.zeros(len(lengths.flat) + 1, np.int64)
    np.cumsum(lengths.flat, out=offsets[1:])
    base = int(text.offsets[0])
    return Ragged(text.flat[base : base + int(offsets[-1])], offsets)
