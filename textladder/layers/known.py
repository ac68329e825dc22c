"""What attention keeps of units that it has read, so that the next unit costs one unit and not all of them.

A `Known` is nested tuples of tensors, texts first, so that texts can be chosen, repeated and put in another
order. Its room grows by doubling, so that a step copies one unit and not all; steps write into it in place.
"""

from __future__ import annotations

import torch
from torch import Tensor

FIRST_ROOM = 64  # units

# ids [B, C], keys and values of each layer [B, layers, C, 2D], units known [B], units written [B]. What is
# known is a state's own; what is written is the memory's, which it shares with those after it.
Known = tuple[Tensor, Tensor, Tensor, Tensor]


def nothing_known(texts: int, layers: int, dim: int, like: Tensor, room: int) -> Known:
    """Of `texts` texts no unit, with room for some; of the type and on the device of `like`."""
    room = min(room, FIRST_ROOM)
    ids = torch.zeros(texts, room, dtype=torch.int64, device=like.device)
    length = torch.zeros(texts, dtype=torch.int64)  # on the processor, where it is read
    return ids, like.new_empty(texts, layers, room, 2 * dim), length, length.clone()


def units_known(known: Known) -> int:
    """The same of each text: they are read side by side."""
    length = known[2]
    return int(length[0]) if len(length) else 0


def with_room(known: Known, units: int, most: int) -> Known:
    """The same with room for `units` more, of at most `most`. A copy too if a later state has written there:
    any state can be gone on from more than once."""
    ids, values, length, written = known
    now, room = units_known(known), ids.shape[1]
    if now + units <= room and (not len(written) or int(written[0]) == now):
        return known
    while room < now + units:
        room = min(2 * room, most)
    more_ids, more_values = (
        ids.new_zeros(len(ids), room),
        values.new_empty(*values.shape[:2], room, values.shape[3]),
    )
    more_ids[:, :now], more_values[:, :, :now] = ids[:, :now], values[:, :, :now]
    return more_ids, more_values, length, length.clone()


def gone_on(known: Known, units: int) -> Known:
    """After `units` more have been written."""
    ids, values, length, written = known
    written += units
    return ids, values, length + units, written
