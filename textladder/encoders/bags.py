"""What `bow` and `ngrams` share: a text is a bag of rows of one table, summed with weights, never padded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from textladder.batch import Encoded, Ragged, Tokens, move
from textladder.encoders.encoder import Encoder
from textladder.errors import Problem
from textladder.layers.bags import Ids, NgramIndex, RowTable, plain

CHUNK = 2048  # texts pooled at a time: bounds the memory of their entries, and keeps them in the cache

Entries = tuple[Ids, NDArray[np.float32], Ids]  # rows [M], weights [M], offsets [B + 1]
# As tensors: rows, offsets, weights, and, where a gradient is wanted, `RowTable.ranked` of the rows.
Bags = tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor] | None]


class BagEncoder(Encoder):
    """Rows of a text (`NgramIndex`), their weights (`weigh`, a subclass's), their sum, and what comes after
    it.

    Entries are integers and are made on the processor wherever the table is. `prepare` learns which n-grams
    get a row; without it there are only the rows of units.
    """

    pads = False
    threads_pay = False
    embedding: RowTable
    row_weights: Tensor  # [R] where a subclass registers such a buffer: what is counted of the training texts

    def __init__(
        self,
        config: Any,
        vocabulary: Sequence[str],
        *,
        char_orders: tuple[int, int],
        scale: float,
    ) -> None:
        super().__init__(config, vocabulary)
        _check(config, char_orders)
        self.index = NgramIndex(vocabulary, config.orders, char_orders)
        self.embedding = RowTable(self.index.num_rows, config.dim, scale)
        self.dim = config.dim
        self.register_load_state_dict_post_hook(_check_rows)

    def weigh(self, rows: Ids, offsets: Ids) -> Entries:
        """Rows with repeats [M] and their offsets to the entries of each text."""
        raise NotImplementedError(f"{type(self).__name__}.weigh")

    def after(self, pooled: Tensor) -> Tensor:
        """What follows the sum, for texts [B, D] as for single units [N, D]."""
        return pooled

    def pool(
        self, rows: Tensor, offsets: Tensor, weights: Tensor, ranked: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        return self.embedding.bags(rows, offsets, weights, ranked)

    def prepare(self, texts: Iterable[Ragged], labels: Iterable[Ragged] | None = None) -> None:
        """Choose the n-grams of units that get a row, from the unit ids of the training texts, in one
        pass."""
        if self.index.orders > 1:
            self.learn(texts, count_units=False)

    def learn(self, texts: Iterable[Ragged], *, count_units: bool = True) -> NDArray[np.int64]:
        """Number of texts that hold each row, then that of all (see `NgramIndex.learn`); the table has the
        rows it needs."""
        config = self.config
        seen = self.index.learn(texts, config.max_ngrams, config.min_count, count_units=count_units)
        self.embedding.resize(self.index.first_ngram, self.index.num_rows)
        return seen

    def ahead(self, texts: Ragged, bounds: Sequence[int]) -> list[Bags]:
        rows, ends, weights, _ = self._bags(*plain(texts))
        starts = ends[bounds].tolist()
        ranked = self.embedding.ranked(rows, starts)
        return [
            (rows[start:stop], ends[bounds[k] : bounds[k + 1] + 1] - start, weights[start:stop], ranked[k])
            for k, (start, stop) in enumerate(pairwise(starts))
        ]

    def _bags(self, flat: Ids, offsets: Ids) -> Bags:
        rows, weights, ends = self.weigh(*self.index.entries(flat, offsets))
        return torch.from_numpy(rows), torch.from_numpy(ends), torch.from_numpy(weights), None

    def forward(self, tokens: Tokens) -> Encoded:
        made: Bags | None = tokens.ahead
        if made is None:
            made = self._bags(tokens.flat.cpu().numpy(), tokens.offsets.cpu().numpy())
        rows, offsets, weights, ranked = made if made[0].device == self.device else move(made, self.device)
        if self.training and self.config.word_dropout > 0:
            weights = F.dropout(weights, self.config.word_dropout)
        pooled = self.after(self.pool(rows, offsets, weights, ranked))  # [B, D]

        def states() -> Tensor:
            return tokens.pad(self.after(self.embedding(tokens.flat)))  # [B, T, D]

        return Encoded(pooled, lambda: tokens.mask, states)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: object) -> None:
        saved = state_dict.get(prefix + "row_weights")
        if saved is not None and hasattr(self, "row_weights"):
            self.row_weights = self.row_weights.new_empty(len(saved))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def device(self) -> torch.device:
        return self.embedding.weight.device

    def bag_pooled(self, texts: Ragged) -> NDArray[np.float32]:
        """What `forward` gives in evaluation as `pooled` [B, D], for any number of texts and without its
        cost."""
        was_training = self.training
        if was_training:
            self.eval()
        with torch.inference_mode():
            parts = []
            for start in range(0, max(len(texts), 1), CHUNK):
                part = texts if len(texts) <= CHUNK else texts.slice(start, min(start + CHUNK, len(texts)))
                bags = move(self._bags(*plain(part)), self.device)
                parts.append(self.after(self.pool(*bags)).float().cpu().numpy())
        if was_training:
            self.train()
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _check_rows(encoder: BagEncoder, _: Any) -> None:
    """Raises RuntimeError, as torch does for a shape that does not fit, if a table that was read has not the
    rows that units and n-grams call for."""
    rows = encoder.index.num_rows
    tables = {"embedding.weight": encoder.embedding.weight, **dict(encoder.named_buffers(recurse=False))}
    for name, table in tables.items():
        if len(table) != rows:
            raise RuntimeError(f"{name} has {len(table):,} rows, but there are {rows:,} units and n-grams")


def _check(config: Any, char_orders: tuple[int, int]) -> None:
    if config.orders < 1:
        raise Problem("encoder.orders", f"{config.orders} is not a length of n-grams.", "1 is units alone.")
    lowest, highest = char_orders
    if char_orders != (0, 0) and not 1 <= lowest <= highest:
        raise Problem(
            "encoder.char_orders",
            f"{list(char_orders)} is not a shortest and a longest length.",
            "For example [3, 6]; [0, 0] for no character n-grams.",
        )
