"""What an encoder promises. One rung per file beside this one; `ENCODERS` in `__init__.py` names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from textladder.batch import Encoded, Tokens


class Encoder(nn.Module):
    """Ids to vectors: a vector per unit (`states`) and one per text (`pooled`).

    Promises, checked by the contract suite for every entry of `ENCODERS`: more padding changes nothing, states are
    zero where there is no unit, a causal encoder sees no later unit, every parameter gets gradient, an empty text
    works (also a batch of nothing but empty texts), bfloat16 and other devices agree with float32.

    A subclass has a frozen dataclass `Config` beside it, where each default lives, once, and is built as
    `Cls(config, vocabulary)`: `vocabulary` lists the tokenizer's units by id (0 is <pad>, 1 is <unk>).
    """

    @dataclass(frozen=True)
    class Config:
        pass

    source: ClassVar[str] = ""  # paper and address, shown by `textladder rungs`
    causal: bool = False
    dim: int  # D of states and pooled
    max_length: int | None = None  # longest text in units that positions allow; None: any
    embedding: nn.Embedding | None = None  # the table that word vectors can fill; None: no row per unit

    def __init__(self, config: Any, vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.config = config

    def forward(self, tokens: Tokens) -> Encoded:
        raise NotImplementedError(f"{type(self).__name__}.forward")
