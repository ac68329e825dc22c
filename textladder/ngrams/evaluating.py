"""Perplexity, with everything said that two figures must share to be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from textladder.errors import Problem
from textladder.ngrams.model import NgramModel
from textladder.ragged import Ragged
from textladder.text.tokenizing import UNKNOWN


@dataclass(frozen=True)
class Perplexity:
    """Sums over texts; nothing is left out of them."""

    nats: float  # minus the log probability of all units and ends
    units: int  # without ends
    ends: int  # texts: the end of each is predicted once
    unknown: int  # of the units, <unk>
    unknown_nats: float
    order: int
    normalised: bool

    @property
    def value(self) -> float:
        """exp of the nats per unit, ends of texts counted as units, <unk> as a unit like any other."""
        return exponential(self.nats / (self.units + self.ends))

    @property
    def known_only(self) -> float:
        """The same without the predictions of <unk> (KenLM's "excluding OOVs")."""
        known = self.units + self.ends - self.unknown
        return exponential((self.nats - self.unknown_nats) / known) if known else math.nan

    @property
    def signature(self) -> str:
        kind = "perplexity" if self.normalised else "stupid-backoff score (no probability)"
        return (
            f"{kind}|order:{self.order}|context:the whole text|ends:predicted, {self.ends:,}|"
            f"units:{self.units:,}|unknown:predicted as <unk>, {self.unknown:,}"
        )


def perplexity(model: NgramModel, texts: Iterable[Ragged]) -> Perplexity:
    """Of chunks of rows of ids, each row a text. Raises Problem if there is none."""
    nats, units, ends, unknown, unknown_nats = 0.0, 0, 0, 0, 0.0
    for chunk in texts:
        logs = model.log_probs(chunk)
        nats -= float(logs.flat.sum())
        units, ends = units + int(chunk.lengths.sum()), ends + len(chunk)
        ids = chunk.flat[chunk.offsets[0] : chunk.offsets[-1]]
        where = np.flatnonzero(ids == UNKNOWN)
        # Before a unit of row b there are b ends of texts.
        rows = np.searchsorted(chunk.offsets - chunk.offsets[0], where, "right") - 1
        unknown, unknown_nats = unknown + len(where), unknown_nats - float(logs.flat[where + rows].sum())
    if not ends:
        raise Problem("text", "there is none to score.", "Give at least one text.")
    about = model.about
    return Perplexity(nats, units, ends, unknown, unknown_nats, model.order, about.normalised)


def exponential(nats: float) -> float:
    return math.exp(nats) if nats < 709 else math.inf
