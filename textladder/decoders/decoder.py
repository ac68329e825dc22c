"""What a decoder promises. One per file beside this one; `DECODERS` in `__init__.py` names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from textladder.batch import Encoded, Tokens
from textladder.errors import Problem
from textladder.layers.embedding import UnitEmbedding
from textladder.search.state import State


class Decoder(nn.Module):
    """What a source says and the units so far to a vector for the next unit.

    Promises, checked by the contract suite for every entry of `DECODERS`: step by step it gives what
    `forward` gives of the whole prefix; no vector depends on a later unit; more padding, of source or prefix,
    changes nothing; every parameter gets gradient; an empty source works.

    A subclass has a frozen dataclass `Config` beside it, where each default lives, once, and is built as
    `Cls(config, units, memory_dim)`: `units` of the vocabulary that it writes, and the width of the encoder's
    vectors.
    """

    @dataclass(frozen=True)
    class Config:
        pass

    source: ClassVar[str] = ""  # paper and address
    dim: int  # D of the vectors that it gives
    max_length: int | None = None  # longest prefix in units that positions allow; None: any
    # True: it does not share out a batch itself, and its operations are wide enough to be shared by threads
    threads_pay: bool = False
    attends: bool = True  # False: it has no alignment to show
    sequential: ClassVar[bool] = False  # True: it goes through a text unit by unit, also in training
    own: UnitEmbedding | None  # its table of units; None: it shares another's (`share`)

    def __init__(self, config: Any, units: int, memory_dim: int) -> None:
        super().__init__()
        self.config, self.units, self.memory_dim = config, units, memory_dim
        self._shared: tuple[UnitEmbedding, ...] = ()  # in a tuple: the table belongs to the encoder

    def share(self, embedding: UnitEmbedding) -> None:
        """From now on read the rows of another's table, of the same width."""
        self.own, self._shared = None, (embedding,)
        embedding.shared = True

    @property
    def embedding(self) -> UnitEmbedding:
        """The table of units that it reads."""
        return self._shared[0] if self.own is None else self.own

    def rows(self, ids: Tensor) -> Tensor:
        """Ids of any shape -> that shape with the width of the table behind it; dropout is the decoder's."""
        table = self.embedding
        if table.before_reading is not None:
            table.before_reading(ids)
        return F.embedding(ids, table.weight, padding_idx=0)

    def check_length(self, width: int) -> None:
        """Raises Problem for a prefix of more units than there are positions for."""
        if self.max_length is not None and width > self.max_length:
            raise Problem(
                "decoder.max_length",
                f"a text has {width} units, and there are positions for {self.max_length}.",
                "Raise decoder.max_length, cut long texts, or set decoder.positions=sinusoidal.",
            )

    def forward(self, prefix: Tokens, memory: Encoded, maps: list[Tensor] | None = None) -> Tensor:
        """prefix: <s> and the units after it, as they should be -> [B, T, D], vector t for the unit after
        unit t; what stands at padding means nothing. maps: gets the shares [B, H, T, S] that each layer with
        attention to the source gave its units, in float32, in the order of the layers."""
        raise NotImplementedError(f"{type(self).__name__}.forward")

    def start(self, memory: Encoded) -> State:
        """The state before the first unit of each source: nested tuples of tensors, each [B, ...], and of
        values without rows, which all rows share. A state is not changed by the steps after it."""
        raise NotImplementedError(f"{type(self).__name__}.start")

    def step(self, last: Tensor, state: State, maps: list[Tensor] | None = None) -> tuple[Tensor, State]:
        """One more unit of each row: ids [B] -> vectors for the next [B, D], and the state after it. maps:
        gets the shares [B, H, S] of each layer, as those of `forward`."""
        raise NotImplementedError(f"{type(self).__name__}.step")

    def looking(self, last: Tensor, state: State) -> tuple[Tensor, State, Tensor]:
        """`step`, and the shares [B, S] by which its rows looked at the units of the source."""
        maps: list[Tensor] = []
        vectors, state = self.step(last, state, maps)
        return vectors, state, aligning(maps).mean(1)


def aligning(maps: Sequence[Tensor]) -> Tensor:
    """Of the maps of all layers that which says most of what came from where: of the last but one, or of the
    only one (Garg et al. 2019, https://aclanthology.org/D19-1453, section 4.2)."""
    return maps[max(len(maps) - 2, 0)]
