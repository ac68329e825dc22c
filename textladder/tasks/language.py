"""Language models: predict the next unit of a text.

An outcome is a row of numbers per block of text (`text.documents`): see `Block`. Blocks are the same for
every rung and every tokenizer, so that intervals and paired tests can be drawn over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from textladder.batch import Batch, Carry, Example, Loss, Ragged, Tokens
from textladder.layers.softmax import IGNORED, UnitSoftmax
from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Floats, Statistic
from textladder.tasks.task import Encode, Task
from textladder.text.tokenizing import BEGIN


class Block(IntEnum):
    """The columns of an outcome [R, 6]. What is counted of a block of text:"""

    NATS = 0  # -log p of its units, and of </s> if its document ends with it
    UNITS = 1  # how many these are
    CHARACTERS = 2  # of the text itself
    WORDS = 3  # stretches between white space
    UNKNOWN = 4  # units that are <unk>
    SPELLING = 5  # nats to write what the units leave open (`text.spelling`): unknown units, white space


class Language(Task):
    """The output layer over units, the loss, and what a text costs.

    labels: {"units": size of the tokenizer's vocabulary, "labels": those that documents carry, "spelling":
    see `text.spelling`}. A labelled document begins with the unit of its label instead of <s>: the model is
    conditioned on it (Keskar et al. 2019, https://arxiv.org/abs/1909.05858), and never predicts it.
    """

    @dataclass(frozen=True)
    class Config:
        tied: bool = True  # the output layer shares the encoder's table of units
        activation_regularization: float = 0.0  # times the mean square of the states (Merity et al. 2018)
        temporal_regularization: float = 0.0  # times the mean square of their change from unit to unit

    headline = "bits_per_character"
    higher_is_better = False
    needs_causal = True
    streams = True

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        self.tokens: int = labels["units"]
        self.names: list[str] = labels["labels"]
        self.index = {name: self.tokens + number for number, name in enumerate(self.names)}
        self.output = UnitSoftmax(dim, self.tokens + len(self.names))

    @staticmethod
    def learn(examples: Iterable[Example], config: Config) -> dict[str, Any]:
        """The labels of the documents, if they carry any; `units` and `spelling` come with the tokenizer."""
        return {"labels": sorted({label for example in examples for label in example.target or ()})}

    @staticmethod
    def units(vocabulary: Sequence[str], labels: dict[str, Any]) -> Sequence[str]:
        return [*vocabulary, *(f"<label:{name}>" for name in labels["labels"])]

    def tie(self, embedding: nn.Embedding | None) -> None:
        if self.config.tied and embedding is not None:
            self.output.tie(cast(nn.Parameter, embedding.weight))

    # Training.

    def collate(self, columns: dict[str, Ragged]) -> Batch:
        """Windows to a batch. columns: "text", "target" (of the same lengths; -1 where nothing is predicted),
        and for lanes "lane", "number", "fresh"."""
        target = torch.from_numpy(columns["target"].flat)
        # What no text spells is given, not predicted: the beginning of a document.
        given = (target == BEGIN) | (target >= self.tokens) | (target < 0)
        target = target.masked_fill(given, IGNORED)
        tokens = Tokens.of(columns["text"])
        if "lane" in columns and len(tokens) and columns["lane"].flat[0] >= 0:
            number = int(columns["number"].flat[0])
            fresh = torch.from_numpy(columns["fresh"].flat.astype(np.bool_))
            carry = Carry(torch.from_numpy(columns["lane"].flat.astype(np.int64)), fresh, number)
            tokens = Tokens(tokens.flat, tokens.offsets, tokens.width, carry=carry)
        return Batch((tokens,), target, int((~given).sum()))

    def loss(self, encode: Encode, batch: Batch) -> Loss:
        """Summed over predicted units, in nats."""
        (tokens,) = batch.inputs
        states = encode(tokens).states  # [B, T, D]
        total = self.output.loss(_flat(states, tokens), batch.target)
        config = self.config
        if config.activation_regularization or config.temporal_regularization:
            total = total + batch.count * self._regularization(states, tokens)
        return Loss(total, batch.count)

    def _regularization(self, states: Tensor, tokens: Tokens) -> Tensor:
        """Per predicted unit. Merity et al. 2018, https://arxiv.org/abs/1708.02182, section 4.7."""
        states, both = states.float(), tokens.mask[:, 1:, None]
        steps = (states[:, 1:] - states[:, :-1]).square() * both
        held = len(tokens.flat) * states.shape[-1]
        moved = max(int(both.sum()), 1) * states.shape[-1]
        return (
            self.config.activation_regularization * states.square().sum() / held
            + self.config.temporal_regularization * steps.sum() / moved
        )

    def predict(self, encode: Encode, batch: Batch) -> NDArray[np.float32]:
        """[N] nats of each predicted unit, 0 where nothing is predicted."""
        (tokens,) = batch.inputs
        with torch.no_grad():
            return self.output.losses(_flat(encode(tokens).states, tokens), batch.target).cpu().numpy()

    # After predicting.

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
            ends="predicted",
            unknown=f"{int(sums[Block.UNKNOWN])} predicted as <unk> and spelled",
            white_space="counted",
        )
        details = {name.lower(): float(sums[column]) for name, column in Block.__members__.items()}
        return Scores(self.headline, values, signature, len(outcomes), self.higher_is_better, details)

    def present(self, outcomes: NDArray[np.float64]) -> list[dict[str, Any]]:
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
    """Bits per character of blocks [R] as a Statistic of them."""
    return Statistic.rows(np.stack([bits, characters], axis=1).astype(np.float64), _ratio)


def bits_per_character(sums: Floats) -> float:
    """From the columns of a `Block`, or from their sums."""
    whole = float(sums[Block.NATS] + sums[Block.SPELLING])
    return whole / math.log(2) / max(float(sums[Block.CHARACTERS]), 1.0)


def _ratio(sums: Floats) -> Floats:
    return sums[..., 0] / np.maximum(sums[..., 1], 1)


def _exponential(nats: float) -> float:
    return math.exp(nats) if nats < 700 else math.inf


def _flat(states: Tensor, tokens: Tokens) -> Tensor:
    """[B, T, D] -> [N, D] without padding."""
    if len(tokens.flat) == len(tokens) * tokens.width:
        return states.reshape(-1, states.shape[-1])
    return states[tokens.mask]
