"""The values that all parts share, and the one legend of shape letters.

    B  texts of a batch          T  units of the longest text (padded width)
    N  units of all texts        D  width of a vector
    V  vocabulary                L  labels                       H  attention heads
    M  tokens of all texts (tagging)

A *unit* is what the tokenizer makes: a word, a character, a byte, a subword. Texts travel flat, one after the
other without padding (`Ragged` on the processor, `Tokens` in torch); the padded view is made only by those
encoders that need it, so that bag models never pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from textladder.letters import WIDTH
from textladder.ragged import Example, Ragged

__all__ = ["Batch", "Carry", "Encoded", "Example", "Loss", "Ragged", "Tokens", "move"]


@dataclass(frozen=True)
class Carry:
    """Which rows of a batch go on where rows of an earlier one ended (training on a stream): row i reads the
    state of lane `lanes[i]`, unless `fresh[i]`, and leaves its own there. `number` counts the batches of
    lanes in an epoch: a batch that is tried again reads the states that its first attempt read."""

    lanes: Tensor  # [B] int64, all different
    fresh: Tensor  # [B] bool
    number: int


@dataclass(frozen=True)
class Tokens:
    """Texts as ids. It holds no target: an encoder cannot see labels."""

    flat: Tensor  # [N] int64, text after text
    offsets: Tensor  # [B + 1] int64
    width: int  # T of the padded view, at least 1
    segments: Tensor | None = None  # [N]
    tree: Any = None
    carry: Carry | None = None
    ahead: Any = None  # what `Encoder.ahead` made of these texts, if it was asked
    letters: Tensor | None = None  # [N, W] how each unit is spelled (`text.alignment`), of tasks that know it

    @classmethod
    def of(cls, ragged: Ragged, letters: Ragged | None = None) -> Tokens:
        """letters: of each text those of its units, `letters.WIDTH` for each (`text.alignment`)."""
        flat = torch.from_numpy(np.ascontiguousarray(ragged.flat, dtype=np.int64))
        width = int(ragged.lengths.max(initial=1))
        spelled = None
        if letters is not None:
            rows = np.array(letters.flat, np.uint8).reshape(-1, WIDTH)
            longest = int((rows != 0).sum(1).max(initial=1))  # no batch pays for longer words than it has
            spelled = torch.from_numpy(rows[:, :longest].copy())
        offsets = torch.from_numpy(np.ascontiguousarray(ragged.offsets))
        return cls(flat, offsets, max(width, 1), letters=spelled)

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[int]]) -> Tokens:
        return cls.of(Ragged.of(rows))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def lengths(self) -> Tensor:
        return self.offsets[1:] - self.offsets[:-1]  # [B]

    @property
    def full(self) -> bool:
        """Whether all texts are as long as the padded view is wide."""
        return len(self.flat) == len(self) * self.width

    @cached_property
    def mask(self) -> Tensor:
        """[B, T] True where there is a unit."""
        return torch.arange(self.width, device=self.flat.device) < self.lengths[:, None]

    @cached_property
    def ids(self) -> Tensor:
        """[B, T] ids; 0 (<pad>) where `mask` is False."""
        return self.pad(self.flat)

    def pad(self, values: Tensor) -> Tensor:
        """[N, ...] -> [B, T, ...], zeros where there is no unit."""
        if self.full:  # nothing to pad, as for one text: a view
            return values.view(len(self), self.width, *values.shape[1:])
        padded = values.new_zeros(*self.mask.shape, *values.shape[1:])
        padded[self.mask] = values
        return padded

    def padded_to(self, width: int) -> Tokens:
        """The same texts in a wider padded view."""
        return replace(self, width=width)

    def to(self, device: torch.device | str) -> Tokens:
        return move(self, device)


@dataclass(frozen=True)
class Encoded:
    """What an encoder says of a batch. `states` are zero where `mask` is False.

    All three may be given as functions: what no task asks for is not made.
    """

    make_pooled: Tensor | Callable[[], Tensor] = field(repr=False)  # [B, D]
    make_mask: Tensor | Callable[[], Tensor] = field(repr=False)  # [B, T]
    make_states: Tensor | Callable[[], Tensor] = field(repr=False)  # [B, T, D]
    notes: dict[str, Any] = field(default_factory=dict)  # for inspection: attention maps, gates, ...

    @cached_property
    def pooled(self) -> Tensor:
        return self.make_pooled() if callable(self.make_pooled) else self.make_pooled

    @cached_property
    def mask(self) -> Tensor:
        return self.make_mask() if callable(self.make_mask) else self.make_mask

    @cached_property
    def states(self) -> Tensor:
        return self.make_states() if callable(self.make_states) else self.make_states


@dataclass(frozen=True)
class Batch:
    """One micro-batch: what goes in, what should come out, and how much it counts."""

    inputs: tuple[Tokens, ...]
    target: Any  # Tensor, Tokens or None: the task's own
    count: int  # what the loss is divided by: texts for classify, units for a language model, tokens for tag
    places: Any = None  # of tag: where tokens stand among the units (`Tag.collate`); of embed: equal texts
    together: bool = False  # the loss of a row depends on the others: a batch is not the sum of its parts

    def to(self, device: torch.device | str) -> Batch:
        return move(self, device)


@dataclass(frozen=True)
class Loss:
    """A sum and its count: divided once, at the end, so that padding, accumulation and processes come out
    exact."""

    total: Tensor  # scalar
    count: int


def move(value: Any, device: torch.device | str) -> Any:
    """The same value with every tensor in it on `device`."""
    if isinstance(value, Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, tuple):
        return tuple(move(item, device) for item in value)
    if isinstance(value, (Tokens, Batch, Carry)):
        changed = {f.name: move(getattr(value, f.name), device) for f in fields(value)}
        return replace(value, **changed)
    return value
