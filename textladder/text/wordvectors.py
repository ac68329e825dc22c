"""Word vectors from a text file (GloVe, word2vec, fastText .vec; also .gz, .zst) into an embedding table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from textladder.errors import Problem
from textladder.text.opening import at, check_file, lines
from textladder.text.tokenizing import SPECIAL


@dataclass(frozen=True)
class Coverage:
    """How many units of the vocabulary the file had a vector for (special units are not counted)."""

    found: int
    units: int
    path: Path

    def line(self) -> str:
        share = self.found / max(self.units, 1)
        known = f"{self.found:,} of {self.units:,} units ({share:.1%})"
        return f"{self.path}: vectors for {known}; the others start at random"


def fill(embedding: nn.Embedding | None, vocabulary: Sequence[str], path: Path) -> Coverage:
    """Put the file's vectors into the rows of the units that it knows; the other rows are brought to their
    standard deviation.

    Of a word that comes twice the first vector counts. The numbers of words that are no unit are not read.
    Raises Problem when the encoder has no row per unit, when the widths differ, when a line is broken (it is
    named), and when no unit is found.
    """
    if embedding is None:
        raise Problem("--vectors", "this rung has no row per unit.", "Choose another: textladder rungs")
    check_file(path)
    rows = {unit: index for index, unit in enumerate(vocabulary) if index >= len(SPECIAL)}
    width = _width(path)
    if width != embedding.embedding_dim:
        raise Problem(
            str(path),
            f"its vectors are {width} wide, the embedding {embedding.embedding_dim}.",
            f"Add --set encoder.embedding_dim={width} (for ngrams and mlp: encoder.dim={width}; "
            "bow has a weight per unit and label, and takes no vectors).",
        )
    found: dict[int, NDArray[np.float32]] = {}
    for number, line in lines(path):
        word, _, rest = line.partition(" ")
        index = rows.get(word)
        if index is None or index in found or (number == 1 and _is_header(line)):
            continue
        fields = rest.split()
        if len(fields) > width:  # a word with blanks in it, such as ". . ." in GloVe: no unit is like that
            continue
        found[index] = _vector(fields, width, at(path, number))
    if not found:
        raise Problem(
            str(path), "none of its words is a unit of this model.", "Use --units word, or other vectors."
        )
    with torch.no_grad():
        values = np.stack(list(found.values()))
        embedding.weight.mul_(float(values.std()) / embedding.weight.std().clamp_min(1e-8))
        embedding.weight[list(found)] = torch.from_numpy(values)
    return Coverage(len(found), len(rows), path)


def _is_header(line: str) -> bool:
    """word2vec and fastText begin with a line of two whole numbers: words and width."""
    fields = line.split()
    return len(fields) == 2 and all(field.isdigit() for field in fields)


def _width(path: Path) -> int:
    """Numbers per line: what the header says, else those of the first line."""
    line = next((line for _, line in lines(path)), "")
    width = int(line.split()[1]) if _is_header(line) else len(line.split()) - 1
    if width < 1:
        raise Problem(
            at(path, 1),
            "no vector stands here.",
            "Give a text file with a word and its numbers on each line.",
        )
    return width


def _vector(fields: list[str], width: int, where: str) -> NDArray[np.float32]:
    try:
        vector = np.array(fields, np.float32)
    except ValueError as error:
        raise Problem(where, f"this is not a number: {error}.", "Mend that line of the file.") from error
    if len(vector) != width or not np.isfinite(vector).all():
        what = (
            f"{len(vector)} numbers after the word, not {width}"
            if len(vector) != width
            else "a number is not finite"
        )
        raise Problem(where, f"{what}.", "Mend that line of the file; it may have been cut off.")
    return vector
