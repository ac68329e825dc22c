"""CBOW (Mikolov et al. 2013a): the centre word is predicted from the mean of its neighbours."""

from __future__ import annotations

from textladder.vectors.config import VectorsConfig
from textladder.vectors.corpus import VectorCorpus
from textladder.vectors.progress import Report
from textladder.vectors.skipgram import train_words
from textladder.vectors.training import Trained


def train(
    corpus: VectorCorpus, config: VectorsConfig, report: Report | None = None, start: Trained | None = None
) -> Trained:
    """See `training.train`. With `config.negative` noise words, or (0) with hierarchical softmax.

    Each neighbour gets the whole gradient of the mean, not its share of it, as in word2vec's program.
    """
    return train_words(corpus, config, report, start, cbow=True)
