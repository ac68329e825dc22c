"""Bag of words: weighted counts into a linear map, and a feed-forward net of any depth after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from textladder.batch import Ragged
from textladder.encoders.bags import BagEncoder, Entries
from textladder.errors import Problem
from textladder.layers import kernels
from textladder.layers.bags import Ids, NgramIndex, plain
from textladder.ranges import Count, Share, Size

WEIGHTINGS = ("counts", "binary", "log", "tfidf", "bayes")
LABEL_CELLS = 1 << 26  # labels are counted in so many cells at a time: what bounds the memory of a pass


class Bow(BagEncoder):
    """x W + b, with x the weighted counts of a text's units and n-grams; with `hidden_dims`, a net after it.

    With `dim` the number of labels and no head this is multinomial logistic regression (with the loss
    "perceptron" and plain SGD, a perceptron); with `weighting` binary or counts and `pooling` mean it is the
    averaged embedding of Iyyer et al. 2015. `weighting` and `normalize` follow scikit-learn's TfidfVectorizer
    (smoothed IDF, 1 + ln n for "log"). "bayes" is the IDF of what a text holds, however often, times how much
    it tells the labels apart (`log_count_ratios`): naive Bayes weights, counted in the training texts, and
    left to the linear map to correct (Wang and Manning 2012).
    """

    source = (
        "Wang and Manning 2012, https://aclanthology.org/P12-2018; Iyyer et al. 2015, "
        "https://aclanthology.org/P15-1162; TF-IDF: Salton and Buckley 1988"
    )
    bias: Tensor

    @dataclass(frozen=True)
    class Config:
        dim: Size = 64  # width of the linear map
        hidden_dims: tuple[Size, ...] = ()  # layers after it, each after a ReLU; empty: the map alone
        dropout: Share = 0.0  # share of hidden values left out in a training step
        word_dropout: Share = 0.0  # share of a text's units and n-grams left out in a training step
        weighting: Literal["counts", "binary", "log", "tfidf", "bayes"] = "tfidf"
        normalize: bool = True  # weighted counts of a text have Euclidean length 1 (pooling "sum")
        pooling: Literal["sum", "mean", "max"] = "sum"  # of the weighted rows
        orders: int = 2  # longest n-gram of units; 1: units alone
        max_ngrams: Count = 1 << 18  # most n-grams of units that get a row: what bounds the size of the model
        min_count: Count = 2  # in how many training texts an n-gram must stand to get a row

    def __init__(self, config: Config, vocabulary: Sequence[str]) -> None:
        if config.weighting not in WEIGHTINGS:
            raise Problem(
                "encoder.weighting", f"{config.weighting!r} is unknown.", f"Known: {', '.join(WEIGHTINGS)}."
            )
        # Small, so that what is learned soon outgrows it: from 1.0 a net lost over ten points
        # (benchmarks/NOTES.md). Not 0, which would leave a head after a linear map without gradient.
        super().__init__(config, vocabulary, char_orders=(0, 0), scale=0.1 if config.hidden_dims else 0.01)
        self.bias = nn.Parameter(torch.zeros(config.dim))
        if config.weighting in ("tfidf", "bayes"):
            self.register_buffer("row_weights", torch.ones(self.index.num_rows))  # [R]
        layers: list[nn.Module] = []
        for width, next_width in zip((config.dim, *config.hidden_dims), config.hidden_dims, strict=False):
            layers += [nn.ReLU(), nn.Dropout(config.dropout), nn.Linear(width, next_width)]
        if layers:
            layers += [nn.ReLU(), nn.Dropout(config.dropout)]
        self.net = nn.Sequential(*layers)
        self.dim = config.hidden_dims[-1] if config.hidden_dims else config.dim

    def prepare(self, texts: Iterable[Ragged], labels: Iterable[Ragged] | None = None) -> None:
        """Choose the n-grams that get a row and learn the inverse document frequencies ln((1 + n) / (1 + df))
        + 1, for "bayes" times the largest of `log_count_ratios`."""
        weighted = hasattr(self, "row_weights")
        if self.config.orders == 1 and not weighted:
            return
        seen = self.learn(texts)
        if not weighted:
            return
        weights = np.log((1 + seen[-1]) / (1 + seen[:-1])) + 1
        if self.config.weighting == "bayes":
            if labels is None:
                raise Problem(
                    "encoder.weighting",
                    '"bayes" weighs words by the labels of whole texts, which this task does not have.',
                    'Use encoder.weighting="tfidf".',
                )
            weights *= log_count_ratios(self.index, texts, labels)
        self.row_weights = torch.from_numpy(weights.astype(np.float32)).to(self.embedding.weight.device)

    def weigh(self, rows: Ids, offsets: Ids) -> Entries:
        rows, weights, offsets = kernels.distinct_entries(rows, offsets)
        if self.config.weighting in ("binary", "bayes"):
            weights = np.ones_like(weights)
        elif self.config.weighting == "log":
            weights = 1 + np.log(weights)
        if self.config.weighting in ("tfidf", "bayes"):
            weights = weights * self.row_weights.cpu().numpy()[rows]
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


def log_count_ratios(
    index: NgramIndex, texts: Iterable[Ragged], labels: Iterable[Ragged]
) -> NDArray[np.float64]:
    """[R] the largest over the labels of |ln(p / |p|) - ln(q / |q|)|: p counts the texts of the label that
    hold a row, q the other texts, each plus one (Wang and Manning 2012, section 2.1; with more than two
    labels each against the rest).

    labels: label ids of each text, in chunks like those of `texts`. Both are read as often as there are
    blocks of labels that fit in `LABEL_CELLS`: once, but for many labels.
    """
    rows = index.num_rows
    number = 1 + max((int(part.flat.max(initial=0)) for part in labels), default=0)
    block = max(LABEL_CELLS // rows, 1)
    largest = np.zeros(rows)
    for first in range(0, number, block):
        counts = np.zeros((min(block, number - first), rows), np.int32)  # [labels of the block, R]
        seen = np.zeros(rows, np.int32)  # not that of `learn`, which may have forgotten some
        for part, of in zip(texts, labels, strict=True):
            entries, _, ends = kernels.distinct_entries(*index.entries(*plain(part)))
            np.add.at(seen, entries, 1)
            label, owner = of.flat - first, np.repeat(np.arange(len(of)), of.lengths)
            inside = (label >= 0) & (label < len(counts))
            held = Ragged(entries, ends).take(owner[inside])  # what the text of each label holds
            np.add.at(counts, (np.repeat(label[inside], held.lengths), held.flat), 1)
        for count in counts:
            p, q = 1.0 + count, 1.0 + seen - count
            ratio = np.abs(np.log(p / p.sum()) - np.log(q / q.sum()))
            largest = np.maximum(largest, ratio)
    return largest
