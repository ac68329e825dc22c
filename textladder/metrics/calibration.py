"""Do probabilities mean what they say: reliability bins, expected calibration error, temperature scaling.

Guo et al. 2017, https://arxiv.org/abs/1706.04599.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.statistic import Floats

BINS = 15
# 1 / temperature is looked for in this range; beyond it probabilities are all alike or all 0 and 1.
SHARPEST, FLATTEST = 20.0, 0.05


@dataclass(frozen=True)
class Reliability:
    """Answers by how sure they were. Bin b holds the confidences in (b / bins, (b + 1) / bins], bin 0 also 0.

    counts [bins]; confidence and accuracy [bins]: the means in each bin, NaN where it is empty.
    """

    counts: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """Expected calibration error: |accuracy - confidence| averaged over answers, bin by bin."""
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((gaps * self.counts).sum() / max(int(self.counts.sum()), 1))

    def details(self) -> dict[str, Any]:
        """JSON-able, as scores have it."""
        return {"bins": len(self.counts), "expected_calibration_error": self.error, "table": self.table()}

    def table(self) -> list[dict[str, Any]]:
        """One JSON-able row per bin that is not empty."""
        edges = np.linspace(0, 1, len(self.counts) + 1)
        return [
            {
                "from": float(edges[b]),
                "to": float(edges[b + 1]),
                "count": int(self.counts[b]),
                "confidence": float(self.confidence[b]),
                "accuracy": float(self.accuracy[b]),
            }
            for b in np.flatnonzero(self.counts)
        ]


def reliability(confidence: Floats, correct: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Confidences in [0, 1] and whether each answer was right, [n] twice, in equal-width bins."""
    confidence = np.asarray(confidence, np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    filled = np.where(counts > 0, counts, np.nan)
    return Reliability(
        counts,
        np.bincount(place, confidence, minlength=bins) / filled,
        np.bincount(place, np.asarray(correct, np.float64), minlength=bins) / filled,
    )


def expected_calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = BINS) -> float:
    """See `Reliability.error`; single-label confidence is the largest probability."""
    return reliability(confidence, correct, bins).error


def fit_temperature(logits: Floats, gold: NDArray[np.int64]) -> float:
    """The T that minimises the mean negative log likelihood of softmax(logits / T) on held-out texts.

    logits: [n, L], log-probabilities do as well; gold: [n]. The loss is convex in 1 / T, so its slope,
    E[logit under p] - logit of gold, is followed to 0 by bisection: no step size, no starting point, no
    failure. Without a finite minimum (every text is right, or answers are no better than a constant) T is 1:
    such texts cannot say how sure to be.
    """
    z = np.asarray(logits, np.float64)
    if z.size == 0:
        return 1.0
    z = z - z.max(axis=1, keepdims=True)
    of_gold = z[np.arange(len(gold)), gold]

    def slope(inverse: float) -> float:
        p = np.exp(z * inverse)
        return float(((p * z).sum(axis=1) / p.sum(axis=1) - of_gold).mean())

    flat, sharp = FLATTEST, SHARPEST
    if slope(flat) >= 0 or slope(sharp) <= 0:
        return 1.0
    for _ in range(50):
        middle = (flat * sharp) ** 0.5
        flat, sharp = (middle, sharp) if slope(middle) < 0 else (flat, middle)
    return 1.0 / (flat * sharp) ** 0.5


def fit_temperature_of_shares(shares: Floats, right: NDArray[np.bool_]) -> float:
    """The same of single probabilities [n] and whether what they are of is so: sigmoid(log odds / T)."""
    z = log_odds_of_sigmoid(shares)
    return fit_temperature(np.stack([np.zeros(len(z)), z], axis=1), right.astype(np.int64))  # softmax(0, z)


def tempered(shares: Floats, temperature: float) -> Floats:
    """Single probabilities as `fit_temperature_of_shares` would have them."""
    return 1 / (1 + np.exp(-log_odds_of_sigmoid(shares) / temperature))


def apply_temperature(probabilities: Floats, temperature: float) -> Floats:
    """[n, L] softmax probabilities as they would have been with logits / temperature."""
    z = log_odds_of_softmax(probabilities) / temperature
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True)).astype(probabilities.dtype)


def log_odds_of_softmax(probabilities: Floats) -> Floats:
    """[n, L] -> logits that give these probabilities, up to one constant per text."""
    tiny = np.finfo(probabilities.dtype).tiny
    return np.log(np.maximum(probabilities, tiny).astype(np.float64))


def log_odds_of_sigmoid(probabilities: Floats) -> Floats:
    """[...] -> the logits whose sigmoid these are, kept finite by the smallest step of their type."""
    tiny = float(np.finfo(probabilities.dtype).eps)
    p = np.clip(probabilities.astype(np.float64), tiny, 1 - tiny)
    return np.log(p) - np.log1p(-p)
