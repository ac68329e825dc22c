"""Language models: predict the next unit of a text. What is said of them afterwards: `judging`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from textladder.batch import Batch, Carry, Example, Loss, Ragged, Tokens
from textladder.errors import Problem
from textladder.layers.embedding import UnitEmbedding
from textladder.layers.softmax import IGNORED, AdaptiveSoftmax, UnitSoftmax, cutoffs_for
from textladder.tasks.judging import Block, Judging, bits_per_character, per_character
from textladder.tasks.task import Encode, Task
from textladder.text.tokenizing import BEGIN

# Units from which on the adaptive softmax is taken, where they are ordered by frequency: with 7,800 words it
# made a neural n-gram model as good (2.137 bits per character, not 2.138) in 56 % of the processor time.
ADAPTIVE_FROM = 6_000
SMALLEST = 64  # units that can have clusters

__all__ = ["Block", "Language", "bits_per_character", "per_character"]


class Language(Judging, Task):
    """The output layer over units, the loss, and what a text costs.

    labels: {"units": size of the tokenizer's vocabulary, "ranked": whether that is ordered by falling
    frequency, "labels": those that documents carry, "spelling": see `text.spelling`}. A labelled document
    begins with the unit of its label instead of <s>: the model is conditioned on it (Keskar et al. 2019,
    https://arxiv.org/abs/1909.05858), and never predicts it.
    """

    @dataclass(frozen=True)
    class Config:
        tied: bool = True  # the output layer shares the encoder's table of units
        softmax: Literal["auto", "full", "adaptive"] = "auto"  # auto: see ADAPTIVE_FROM
        activation_regularization: float = 0.0  # times the mean square of the states (Merity et al. 2018)
        temporal_regularization: float = 0.0  # times the mean square of their change from unit to unit

    needs_causal = True
    reads = "documents"

    def __init__(self, config: Config, dim: int, labels: dict[str, Any]) -> None:
        super().__init__(config, dim, labels)
        self.output = _output(config, dim, self.tokens, len(self.names), bool(labels.get("ranked")))

    @staticmethod
    def learn(
        examples: Iterable[Example], config: Config, times: Iterable[int] | None = None
    ) -> dict[str, Any]:
        """The labels of the documents, if they carry any; `units` and `spelling` come with the tokenizer."""
        return {"labels": sorted({label for example in examples for label in example.target or ()})}

    def tie(self, embedding: nn.Embedding | None) -> None:
        if self.config.tied and embedding is not None:
            self.output.tie(cast(nn.Parameter, embedding.weight))
            if isinstance(embedding, UnitEmbedding):
                embedding.shared = True

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


def _flat(states: Tensor, tokens: Tokens) -> Tensor:
    """[B, T, D] -> [N, D] without padding."""
    if len(tokens.flat) == len(tokens) * tokens.width:
        return states.reshape(-1, states.shape[-1])
    return states[tokens.mask]


def _output(
    config: Language.Config, dim: int, tokens: int, labels: int, ranked: bool
) -> UnitSoftmax | AdaptiveSoftmax:
    """The output layer that `config` asks for. Raises Problem where an adaptive softmax cannot be."""
    if config.softmax == "full" or (config.softmax == "auto" and not (ranked and tokens >= ADAPTIVE_FROM)):
        return UnitSoftmax(dim, tokens, labels)
    if not ranked or tokens < SMALLEST:
        why = f"{tokens} units are too few" if ranked else "these units are not ordered by frequency"
        raise Problem(
            "task.softmax",
            f"an adaptive softmax is for large vocabularies of words, and {why}.",
            "Set task.softmax=full, or auto.",
        )
    return AdaptiveSoftmax(dim, tokens, labels, cutoffs_for(tokens))
