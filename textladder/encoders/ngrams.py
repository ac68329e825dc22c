"""Averaged n-gram embeddings: the fastest rung that is hard to beat."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from textladder.batch import Ragged
from textladder.encoders.bags import BagEncoder, Entries
from textladder.errors import Problem
from textladder.layers import kernels
from textladder.layers.bags import Ids, plain
from textladder.ranges import Count, Share, Size


class Ngrams(BagEncoder):
    """The mean of the vectors of a text's units, of their character n-grams and of its n-grams of units.

    Joulin, Grave, Bojanowski and Mikolov 2017, "Bag of tricks for efficient text classification"; character
    n-grams as in Bojanowski et al. 2017. Other than there, every known n-gram has its own row and unknown
    ones are left out. "sif": each vector times a / (a + p), p being its share of all that the training texts
    hold (smooth inverse frequency, Arora et al. 2017, algorithm 1).
    """

    source = (
        "Joulin et al. 2017, https://arxiv.org/abs/1607.01759; Arora et al. 2017, "
        "https://openreview.net/forum?id=SyK00v5xx"
    )

    @dataclass(frozen=True)
    class Config:
        dim: Size = 16  # a row of 16 floats is one cache line
        orders: int = 2  # longest n-gram of units; 1: units alone
        char_orders: tuple[int, int] = (0, 0)  # shortest and longest character n-gram of a unit; (0, 0): none
        max_ngrams: Count = 1 << 18  # most n-grams of units that get a row: what bounds the size of the model
        min_count: Count = 1  # in how many training texts an n-gram must stand to get a row
        word_dropout: Share = 0.0  # share of a text's units and n-grams left out in a training step
        weighting: Literal["mean", "sif"] = "mean"  # sif: what is frequent in the training texts counts less
        smoothing: float = 1e-3  # sif: a share of all units above which one counts less than half

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        super().__init__(config, vocabulary, char_orders=config.char_orders, scale=1 / config.dim)
        if config.smoothing <= 0:
            raise Problem(
                "encoder.smoothing", f"{config.smoothing:g} is out of range.", "Give a number above 0."
            )
        if config.weighting == "sif":
            self.register_buffer("row_weights", torch.ones(self.index.num_rows))  # [R]

    def prepare(self, texts: Iterable[Ragged], labels: Iterable[Ragged] | None = None) -> None:
        """Choose the n-grams that get a row; of "sif" also count how often each row is read."""
        super().prepare(texts, labels)
        if self.config.weighting == "mean":
            return
        counts = np.zeros(self.index.num_rows)
        for part in texts:
            counts += np.bincount(self.index.entries(*plain(part))[0], minlength=len(counts))
        smoothing = self.config.smoothing
        weights = smoothing / (smoothing + counts / max(counts.sum(), 1))
        self.row_weights = torch.from_numpy(weights.astype(np.float32)).to(self.device)

    def weigh(self, rows: Ids, offsets: Ids) -> Entries:
        weights = kernels.scale_bags(np.ones(len(rows), np.float32), offsets, 1)
        if self.config.weighting == "sif":
            weights = weights * self.row_weights.cpu().numpy()[rows].astype(np.float32)
        return rows, weights, offsets
