"""Bag of words: weighted counts into a linear map, and a feed-forward net of any depth after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from textladder.batch import Ragged
from textladder.encoders.bags import BagEncoder, Entries
from textladder.errors import Problem
from textladder.layers import kernels
from textladder.layers.bags import Ids

WEIGHTINGS = ("counts", "binary", "log", "tfidf")


class Bow(BagEncoder):
    """x W + b, with x the weighted counts of a text's units and n-grams; with `hidden_dims`, a net after it.

    With `dim` the number of labels and no head this is multinomial logistic regression (a perceptron when
    trained by its rule); with `weighting` binary or counts and `pooling` mean it is the averaged embedding of
    Iyyer et al. 2015. `weighting` and `normalize` follow scikit-learn's TfidfVectorizer (smoothed IDF, 1 + ln
    n for "log").
    """

    source = "Iyyer et al. 2015, https://aclanthology.org/P15-1162; TF-IDF: Salton and Buckley 1988"
    bias: Tensor
    idf: Tensor

    @dataclass(frozen=True)
    class Config:
        dim: int = 64  # width of the linear map
        hidden_dims: tuple[int, ...] = ()  # layers after it, each after a ReLU; empty: the map alone
        dropout: float = 0.0  # share of hidden values left out in a training step
        word_dropout: float = 0.0  # share of a text's units and n-grams left out in a training step
        weighting: Literal["counts", "binary", "log", "tfidf"] = "tfidf"
        normalize: bool = True  # weighted counts of a text have Euclidean length 1 (pooling "sum")
        pooling: Literal["sum", "mean", "max"] = "sum"  # of the weighted rows
        orders: int = 2  # longest n-gram of units; 1: units alone
        max_ngrams: int = 1 << 18  # most n-grams of units that get a row: what bounds the size of the model
        min_count: int = 2  # in how many training texts an n-gram must stand to get a row

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        if config.weighting not in WEIGHTINGS:
            raise Problem(
                "encoder.weighting", f"{config.weighting!r} is unknown.", f"Known: {', '.join(WEIGHTINGS)}."
            )
        # Small, so that what is learned soon outgrows it: from 1.0 a net lost over ten points
        # (benchmarks/NOTES.md). Not 0, which would leave a head after a linear map without gradient.
        super().__init__(config, vocabulary, char_orders=(0, 0), scale=0.1 if config.hidden_dims else 0.01)
        self.bias = nn.Parameter(torch.zeros(config.dim))
        if config.weighting == "tfidf":
            self.register_buffer("idf", torch.ones(self.index.num_rows))  # [R]
        layers: list[nn.Module] = []
        for width, next_width in zip((config.dim, *config.hidden_dims), config.hidden_dims, strict=False):
            layers += [nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(width, next_width)]
        if layers:
            layers += [nn.ReLU(), nn.Dropout(config.dropout)]
        self.net = nn.Sequential(*layers)
        self.dim = config.hidden_dims[-1] if config.hidden_dims else config.dim

    def prepare(self, texts: Iterable[Ragged]) -> None:
        """Choose the n-grams that get a row and learn the inverse document frequencies ln((1 + n) / (1 + df))
        + 1."""
        if self.config.orders == 1 and self.config.weighting != "tfidf":
            return
        seen = self.learn(texts)
        if self.config.weighting == "tfidf":
            idf = np.log((1 + seen[-1]) / (1 + seen[:-1])) + 1
            self.idf = torch.from_numpy(idf.astype(np.float32)).to(self.embedding.weight.device)

    def weigh(self, rows: Ids, offsets: Ids) -> Entries:
        rows, weights, offsets = kernels.distinct_entries(rows, offsets)
        if self.config.weighting == "binary":
            weights = np.ones_like(weights)
        elif self.config.weighting == "log":
            weights = 1 + np.log(weights)
        elif self.config.weighting == "tfidf":
            weights = weights * self.idf.cpu().numpy()[rows]
        if self.config.pooling == "mean":
            weights = kernels.scale_bags(weights, offsets, 1)
        elif self.config.pooling == "sum" and self.config.normalize:
            weights = kernels.scale_bags(weights, offsets, 2)
        return rows, weights, offsets

    def pool(
        self, rows: Tensor, offsets: Tensor, weights: Tensor, ranked: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        if self.config.pooling == "max":
            return self.embedding.maxima(rows, offsets, weights)
        return super().pool(rows, offsets, weights, ranked)

    def after(self, pooled: Tensor) -> Tensor:
        return self.net(pooled + self.bias)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        saved = state_dict.get(prefix + "idf")
        if saved is not None and hasattr(self, "idf"):
            self.idf = self.idf.new_empty(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *rest)
