"""Word vectors from a text file (GloVe, word2vec or fastText .vec; also .gz and .zst) into an embedding table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from textladder.errors import Problem
from textladder.text.opening import check_file, lines


@dataclass(frozen=True)
class Coverage:
    """How many units of the vocabulary the file had a vector for (special units are not counted)."""

    found: int
    units: int
    path: Path

    def line(self) -> str:
        share = self.found / max(self.units, 1)
        return f"{self.path}: vectors for {self.found:,} of {self.units:,} units ({share:.1%}); the others start at random"


def fill(embedding: nn.Embedding | None, vocabulary: Sequence[str], path: Path) -> Coverage:
    """Put the file's vectors into the rows of the units that it knows; the other rows get its standard deviation.

    A first line of two numbers (word2vec's count and width) is passed over. Raises Problem when the encoder has no
    row per unit, when the widths differ, when a line is broken (it is named), and when no unit is found.
    """
    if embedding is None:
        raise Problem(
            "--vectors", "this encoder has no row per unit.", "Choose another rung: textladder rungs"
        )
    rows = {unit: index for index, unit in enumerate(vocabulary)}
    special = 4
    width = embedding.embedding_dim
    found: dict[int, np.ndarray] = {}
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            word, _, rest = line.rstrip("\n").partition(" ")
            if number == 1 and rest.strip().isdigit() and word.isdigit():
                continue
            index = rows.get(word)
            if index is None and number > 2:
                continue
            vector = np.fromstring(rest, np.float32, sep=" ")
            if len(vector) != width:
                raise Problem(
                    f"{path}, line {number}",
                    f"{len(vector)} numbers after the word; the embedding is {width} wide.",
                    f"Set encoder.embedding_dim={len(vector)}."
                    if number <= 2
                    else "Mend that line of the file.",
                )
            if index is not None and index >= special:
                found[index] = vector
    if not found:
        raise Problem(
            str(path), "none of its words is a unit of this model.", "Use --units word, or other vectors."
        )
    with torch.no_grad():
        values = np.stack(list(found.values()))
        embedding.weight.mul_(float(values.std()) / embedding.weight.std().clamp_min(1e-8))
        embedding.weight[list(found)] = torch.from_numpy(values)
    return Coverage(len(found), len(vocabulary) - special, path)


def _numbers(text: str) -> np.ndarray:
    """The numbers of a line; none if one of them is not a number."""
    try:
        return np.array(text.split(), np.float32)
    except ValueError:
        return np.zeros(0, np.float32)
