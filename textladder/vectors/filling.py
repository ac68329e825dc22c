"""Word vectors, from a file of any format or learned here, into the embedding of an encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from textladder.errors import Problem
from textladder.text.tokenizing import SPECIAL
from textladder.vectors import formats
from textladder.vectors.formats.table import Asked
from textladder.vectors.wordvectors import WordVectors


@dataclass(frozen=True)
class Coverage:
    """How many units of the vocabulary got a vector (special units are not counted), and how many of these
    were composed from their character n-grams."""

    found: int
    units: int
    source: str
    composed: int = 0

    def line(self) -> str:
        share = self.found / max(self.units, 1)
        known = f"{self.found:,} of {self.units:,} units ({share:.1%})"
        made = f", {self.composed:,} of them composed from character n-grams" if self.composed else ""
        return f"{self.source}: vectors for {known}{made}; the others start at random"


def fill(
    embedding: nn.Embedding | None, vocabulary: Sequence[str], source: Path | str | WordVectors
) -> Coverage:
    """Put vectors into the rows of the units that have one; the other rows are brought to their standard
    deviation.

    source: a file of any format, our folder, or WordVectors. Of a word that comes twice in a file the first
    vector counts; numbers of words that are no unit are not read. Raises Problem when the encoder has no row
    per unit, when widths differ, when the file is damaged (the place is named), and when no unit is found.
    """
    if embedding is None:
        raise Problem("--vectors", "this rung has no row per unit.", "Choose another: textladder rungs")
    rows = {unit: index for index, unit in enumerate(vocabulary) if index >= len(SPECIAL)}
    if isinstance(source, WordVectors):
        name, table = repr(source), source.table
    else:
        name = str(source)
        table = formats.read(source, Asked(wanted=rows.keys(), skip_broken_words=True))
    if table.dim != embedding.embedding_dim:
        raise Problem(
            name,
            f"its vectors are {table.dim} wide, the embedding {embedding.embedding_dim}.",
            f"Add --set encoder.embedding_dim={table.dim} (for ngrams and mlp: encoder.dim={table.dim}; "
            "bow has a weight per unit and label, and takes no vectors).",
        )
    pairs = [(place, rows[word]) for place, word in enumerate(table.words) if word in rows]
    places, indices = np.array(pairs, np.int64).reshape(-1, 2).T
    values, targets, composed = table.matrix[places], indices, 0
    if table.subwords is not None:
        missing = sorted(rows.keys() - set(table.words), key=rows.__getitem__)
        made, counts = table.subwords.compose(missing)
        composed = int((counts > 0).sum())
        values = np.concatenate([values, made[counts > 0]])
        more = np.array([rows[word] for word in missing], np.int64)[counts > 0]
        targets = np.concatenate([indices, more])
    if not len(targets):
        raise Problem(
            name, "none of its words is a unit of this model.", "Use --units word, or other vectors."
        )
    with torch.no_grad():
        embedding.weight.mul_(float(values.std()) / embedding.weight.std().clamp_min(1e-8))
        embedding.weight[torch.from_numpy(targets)] = torch.from_numpy(values)
    return Coverage(len(targets), len(rows), name, composed)
