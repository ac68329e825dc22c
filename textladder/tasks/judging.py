"""What a language model costs, block by block of the text that it is judged on; needs no torch.

An outcome is a row of numbers per block of text (`text.documents`): see `Block`. Blocks are the same for
every rung and every tokenizer, so that intervals and paired tests can be drawn over them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Floats, Statistic
from textladder.ragged import Example


class Block(IntEnum):
    """The columns of an outcome [R, 6]. What is counted of a block of text:"""

    NATS = 0  # -log p of its units, and of </s> if its document ends with it
    UNITS = 1  # how many these are
    CHARACTERS = 2  # of the text itself
    WORDS = 3  # stretches between white space
    UNKNOWN = 4  # units that are <unk>
    SPELLING = 5  # nats to write what the units leave open (`text.spelling`): unknown units, white space


class Judging:
    """What is said of a language model after predicting, from its outcomes [R, 6] alone: the same of a model
    that is trained by gradient (`Language`) and of one that is counted."""

    labels: dict[str, Any]  # see `Language`
    headline = "bits_per_character"
    higher_is_better = False
    streams: ClassVar[bool] = True
    texts_a_row: ClassVar[int] = 1
    judged_together: ClassVar[bool] = False

    @property
    def tokens(self) -> int:
        """Units of the tokenizer; those of labels come after them."""
        return int(self.labels["units"])

    @property
    def names(self) -> list[str]:
        return list(self.labels["labels"])

    @property
    def index(self) -> dict[str, int]:
        """Labels to their units."""
        return {name: self.tokens + number for number, name in enumerate(self.names)}

    @staticmethod
    def units(vocabulary: Sequence[str], labels: dict[str, Any]) -> Sequence[str]:
        return [*vocabulary, *(f"<label:{name}>" for name in labels["labels"])]

    def score(self, outcomes: NDArray[np.float64], examples: Sequence[Example]) -> Scores:
        """From blocks: bits per character of the text itself, whatever the units, and perplexities."""
        sums = outcomes.sum(axis=0)
        nats, units = sums[Block.NATS], max(sums[Block.UNITS], 1)
        whole = nats + sums[Block.SPELLING]
        values = {
            "bits_per_character": bits_per_character(sums),
            "perplexity": _exponential(nats / units),
            "perplexity_per_word": _exponential(whole / max(sums[Block.WORDS], 1)),
            "bits_per_unit": nats / units / math.log(2),
            "unknown_share": sums[Block.UNKNOWN] / units,
            "spelling_bits": sums[Block.SPELLING] / math.log(2) / max(sums[Block.CHARACTERS], 1),
        }
        signature = sign(
            self.headline,
            characters=int(sums[Block.CHARACTERS]),
            units=int(units),
            words=int(sums[Block.WORDS]),
            unknown_units=int(sums[Block.UNKNOWN]),
            **self.labels["spelling"].get("signature", {}),
        )
        details = {name.lower(): float(sums[column]) for name, column in Block.__members__.items()}
        return Scores(self.headline, values, signature, len(outcomes), self.higher_is_better, details)

    def present(self, outcomes: NDArray[np.float64], texts: Any = ()) -> list[dict[str, Any]]:
        """{"bits", "characters", "bits_per_character", "units"} per block."""
        return [
            {
                "bits": round(float(row[Block.NATS] + row[Block.SPELLING]) / math.log(2), 4),
                "characters": int(row[Block.CHARACTERS]),
                "units": int(row[Block.UNITS]),
                "bits_per_character": round(bits_per_character(row), 4),
            }
            for row in outcomes
        ]

    def judged(self, outcomes: NDArray[np.float64], examples: Sequence[Example]) -> list[dict[str, Any]]:
        return self.present(outcomes)

    def statistic(self, outcomes: NDArray[np.float64], examples: Sequence[Example]) -> Statistic:
        bits = (outcomes[:, Block.NATS] + outcomes[:, Block.SPELLING]) / math.log(2)
        return per_character(bits, outcomes[:, Block.CHARACTERS])

    def item_losses(self, outcomes: NDArray[np.float64], examples: Sequence[Example]) -> NDArray[np.float64]:
        return np.array([bits_per_character(row) for row in outcomes])


def per_character(bits: Floats, characters: Floats) -> Statistic:
    """Bits per character of blocks [R] as a Statistic of them. Blocks that cannot be (infinite bits) are
    summed apart: 0 times infinity, of a block that was not drawn, would be no number."""
    endless = np.isinf(bits)
    columns = [np.where(endless, 0, bits), characters, *([endless] if endless.any() else [])]
    return Statistic.rows(np.stack(columns, axis=1).astype(np.float64), _ratio)


def bits_per_character(sums: Floats) -> float:
    """From the columns of a `Block`, or from their sums."""
    whole = float(sums[Block.NATS] + sums[Block.SPELLING])
    return whole / math.log(2) / max(float(sums[Block.CHARACTERS]), 1.0)


def _ratio(sums: Floats) -> Floats:
    ratio = sums[..., 0] / np.maximum(sums[..., 1], 1)
    return ratio if sums.shape[-1] == 2 else np.where(sums[..., 2] > 0, math.inf, ratio)


def _exponential(nats: float) -> float:
    return math.exp(nats) if nats < 700 else math.inf
