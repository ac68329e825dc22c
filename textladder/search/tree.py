"""What a beam search kept and what it gave up, unit by unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from textladder.search.hypothesis import Hypothesis


@dataclass(frozen=True)
class Node:
    """A unit that was looked at after a hypothesis."""

    before: int  # the number of the node that it follows; -1: it is the first
    place: int  # how many units stand before it
    unit: int
    log_probability: float  # of this unit, in nats, with penalties
    total: float  # of all units up to it
    # over: it ended there, or nothing after it could come among the best
    fate: Literal["kept", "pruned", "over"]


class Tree:
    """The nodes of the search for one prompt, in the order of its steps."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._rows = [-1]  # the node that each row of the search has come to
        self._steps = 0

    def grow(
        self, candidates: tuple[Tensor, Tensor, Tensor], chosen: tuple[Tensor, Tensor], going: Tensor
    ) -> None:
        """One step: units, their log-probabilities and sums [R, C], of each row; rows and columns of those
        that were kept [K]; which of these go on [G]."""
        pairs = list(zip(*(part.tolist() for part in chosen), strict=True))
        kept = set(going.tolist())
        fates = {pair: "kept" if number in kept else "over" for number, pair in enumerate(pairs)}
        numbers: dict[tuple[int, int], int] = {}
        parts = zip(self._rows, *(part.tolist() for part in candidates), strict=True)
        for row, (before, *columns) in enumerate(parts):
            for at, (unit, own, total) in enumerate(zip(*columns, strict=True)):
                if total > float("-inf"):
                    fate = fates.get((row, at), "pruned")
                    numbers[row, at] = len(self.nodes)
                    self.nodes.append(Node(before, self._steps, unit, own, total, fate))  # type: ignore[arg-type]
        self._rows = [numbers[pairs[number]] for number in going.tolist()]
        self._steps += 1

    def path(self, found: Hypothesis) -> list[int]:
        """The numbers of the nodes of a hypothesis, from the first unit on."""
        ways: dict[tuple[int, int], int] = {}
        for number, node in enumerate(self.nodes):
            if node.fate != "pruned" or (node.before, node.unit) not in ways:
                ways[node.before, node.unit] = number
        before, path = -1, []
        for unit in found.ids:
            before = ways[before, unit]
            path.append(before)
        return path
