"""What is said of translations, from the units of each alone; needs no torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.metrics import translation
from textladder.metrics.scores import Scores
from textladder.metrics.statistic import Statistic
from textladder.ragged import Example
from textladder.text.tokenizing import END


class Written(NamedTuple):
    """units: [T] of the best translation, </s> among them if it ended; nats: [1] its log-probability. text:
    that which was given from elsewhere, in the place of units."""

    units: NDArray[np.int64]
    nats: NDArray[np.float32]
    text: str | None = None

    @classmethod
    def given(cls, text: str) -> Written:
        return cls(np.zeros(0, np.int64), np.zeros(1, np.float32), text)

    @property
    def finished(self) -> bool:
        """False: it was cut at the longest length."""
        return self.text is not None or (bool(len(self.units)) and int(self.units[-1]) == END)

    @property
    def confidence(self) -> float:
        """The geometric mean of the units' probabilities."""
        return math.exp(float(self.nats[0]) / max(len(self.units), 1))


class Translated:
    """The part of a translator (`Translate`) that begins where predicting ends."""

    config: Any  # Translate.Config
    headline: str

    def spell(self, units: Sequence[int]) -> str:
        """The text of units."""
        raise NotImplementedError

    def texts_of(self, outcomes: Sequence[Written]) -> list[str]:
        return [self.spell(said.units.tolist()) if said.text is None else said.text for said in outcomes]

    def present(self, outcomes: Sequence[Written], texts: Any = ()) -> list[dict[str, Any]]:
        """{"translation", "log_probability" in nats, "confidence", "finished"}"""
        return [
            {
                "translation": text,
                "log_probability": round(float(said.nats[0]), 4),
                "confidence": round(said.confidence, 6),
                "finished": said.finished,
            }
            for said, text in zip(outcomes, self.texts_of(outcomes), strict=True)
        ]

    def judged(self, outcomes: Sequence[Written], examples: Sequence[Example]) -> list[dict[str, Any]]:
        """{"gold", "predicted", "confidence", "loss" (1 - chrF), "log_probability", "bleu_tokenize"}"""
        said, wanted = self._pairs(outcomes, examples)
        lost = translation.losses(said, wanted)
        return [
            {
                "gold": gold,
                "predicted": text,
                "confidence": round(one.confidence, 6),
                "loss": round(float(loss), 6),
                "log_probability": round(float(one.nats[0]), 4),
                "bleu_tokenize": self.config.bleu_tokenize,
            }
            for one, text, gold, loss in zip(outcomes, said, wanted, lost, strict=True)
        ]

    def score(self, outcomes: Sequence[Written], examples: Sequence[Example]) -> Scores:
        said, wanted = self._pairs(outcomes, examples)
        return translation.score(
            said,
            wanted,
            metric=self.headline,
            tokenize=self.config.bleu_tokenize,
            unfinished=sum(not one.finished for one in outcomes),
        )

    def statistic(
        self, outcomes: Sequence[Written], examples: Sequence[Example], metric: str | None = None
    ) -> Statistic:
        said, wanted = self._pairs(outcomes, examples)
        return translation.statistic(said, wanted, metric or self.headline, self.config.bleu_tokenize)

    def statistics(self, outcomes: Sequence[Written], examples: Sequence[Example]) -> dict[str, Statistic]:
        """Of all scores that intervals are told of, by name."""
        names = dict.fromkeys((self.headline, *translation.FORMULAS))
        return {name: self.statistic(outcomes, examples, name) for name in names}

    def item_losses(self, outcomes: Sequence[Written], examples: Sequence[Example]) -> NDArray[np.float64]:
        """[n] 1 - chrF of each text."""
        return translation.losses(*self._pairs(outcomes, examples))

    def _pairs(self, outcomes: Sequence[Written], examples: Sequence[Example]) -> tuple[list[str], list[str]]:
        """What is said, and what is wanted."""
        if not len(examples):
            raise Problem("score", "there are no texts to score.", "Give at least one pair.")
        return self.texts_of(outcomes), [example.texts[1] for example in examples]
