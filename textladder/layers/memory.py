"""States of lanes between the windows of a stream (`batch.Carry`), for truncated back-propagation."""

from __future__ import annotations

import torch
from torch import Tensor

from textladder.batch import Carry


class Memory:
    """What each lane's state was after each of the last batches of lanes, by their number.

    A batch reads what the one before it left, not what came last: batches that are trained again because
    memory ran out, all at once or in pieces, read what their first attempt read. `kept`: batches that may be
    tried again together, those of one optimizer step.
    """

    def __init__(self) -> None:
        self.kept = 1
        self._left: dict[int, tuple[Tensor, Tensor]] = {}  # number -> states [lanes, ...], known [lanes]

    def read(self, carry: Carry, initial: Tensor) -> Tensor:
        """The states [B, ...] that the rows of a batch begin with; `initial` [...] where they are fresh."""
        states = initial.expand(len(carry.lanes), *initial.shape)
        if bool(carry.fresh.all()):
            return states
        if carry.number - 1 not in self._left:
            raise RuntimeError(f"batch {carry.number} of lanes came without the one before it")
        left, known = self._left[carry.number - 1]
        lanes = carry.lanes.to(left.device)
        if not bool((known[lanes] | carry.fresh.to(left.device)).all()):
            raise RuntimeError(f"batch {carry.number} goes on from lanes of another process")
        fresh = carry.fresh.view(-1, *[1] * initial.ndim)
        return torch.where(fresh, states, left[lanes].to(initial.device, initial.dtype))

    def write(self, carry: Carry, states: Tensor) -> None:
        """states [B, ...]: after the rows of a batch."""
        states = states.detach()
        left, known = self._left.get(carry.number, (states.new_zeros(0, *states.shape[1:]), None))
        lanes = int(carry.lanes.max()) + 1
        if known is None:
            known = torch.zeros(0, dtype=torch.bool, device=states.device)
        if lanes > len(left):  # a piece of a batch knows only its own lanes
            left = torch.cat([left, left.new_zeros(lanes - len(left), *left.shape[1:])])
            known = torch.cat([known, known.new_zeros(lanes - len(known))])
        left[carry.lanes], known[carry.lanes] = states, True
        oldest = carry.number - self.kept
        self._left = {n: s for n, s in self._left.items() if oldest <= n < carry.number}
        self._left[carry.number] = left, known

    def state_tensors(self) -> dict[str, Tensor]:
        """What the next batch reads, a row per lane; empty if there was none. Those of several processes may
        be joined."""
        if not self._left:
            return {}
        number = max(self._left)
        left, known = self._left[number]
        lanes = known.nonzero()[:, 0]
        return {
            "lanes": lanes.cpu(),
            "states": left[lanes].cpu(),
            "numbers": torch.full((len(lanes),), number),
        }

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        """The reverse. A process may know lanes that are not its own."""
        self._left = {}
        if tensors:
            lanes = tensors["lanes"]
            number = int(tensors["numbers"].max())
            self.write(Carry(lanes, torch.zeros(len(lanes), dtype=torch.bool), number), tensors["states"])
