"""Averaged n-gram embeddings: the fastest rung that is hard to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textladder.encoders.bags import BagEncoder, Entries
from textladder.layers import kernels
from textladder.layers.bags import Ids
from textladder.ranges import Count, Share, Size


class Ngrams(BagEncoder):
    """The mean of the vectors of a text's units, of their character n-grams and of its n-grams of units.

    Joulin, Grave, Bojanowski and Mikolov 2017, "Bag of tricks for efficient text classification"; character
    n-grams as in Bojanowski et al. 2017. Other than there, every known n-gram has its own row and unknown
    ones are left out.
    """

    source = "Joulin et al. 2017, https://arxiv.org/abs/1607.01759"

    @dataclass(frozen=True)
    class Config:
        dim: Size = 16  # a row of 16 floats is one cache line
        orders: int = 2  # longest n-gram of units; 1: units alone
        char_orders: tuple[int, int] = (0, 0)  # shortest and longest character n-gram of a unit; (0, 0): none
        max_ngrams: Count = 1 << 18  # most n-grams of units that get a row: what bounds the size of the model
        min_count: Count = 1  # in how many training texts an n-gram must stand to get a row
        word_dropout: Share = 0.0  # share of a text's units and n-grams left out in a training step

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary, char_orders=config.char_orders, scale=1 / config.dim)

    def weigh(self, rows: Ids, offsets: Ids) -> Entries:
        return rows, kernels.scale_bags(np.ones(len(rows), np.float32), offsets, 1), offsets
