"""Scheduled sampling: training on histories that the model wrote itself, in part (Bengio et al. 2015,
https://arxiv.org/abs/1506.03099)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from textladder.batch import Encoded, Tokens

if TYPE_CHECKING:
    from textladder.tasks.translate import Translate

ScheduleName = Literal["linear", "exponential", "sigmoid", "constant"]
STEEPNESS = 12.0  # of the sigmoid: it goes from 0.25 % to 99.75 % of its height


def share_at(most: float, schedule: ScheduleName, done: float) -> float:
    """The share of units that are the model's own when so much of the training is done, from 0 to 1. It rises
    to `most` as the paper lets that of the truth fall (section 2.4): linear; exponential, the truth's by the
    same factor each step; sigmoid; or it is `most` throughout."""
    match schedule:
        case "linear":
            return most * done
        case "exponential":
            return 1 - (1 - most) ** done
        case "sigmoid":
            return most / (1 + math.exp(STEEPNESS * (0.5 - done)))
        case _:
            return most


@torch.no_grad()
def mixed(task: Translate, memory: Encoded, source: Tokens, prefix: Tokens, share: float) -> Tokens:
    """The prefixes, in which about `share` of the units after <s>, drawn from torch's generator, are those
    that the model thought the most probable there, given the units before.

    A decoder that goes through a text unit by unit (`Decoder.sequential`) reads what it has written itself so
    far, as in the paper. One that computes all units at once reads the truth for that, and a second time what
    was mixed (Mihaylova and Martins 2019, https://arxiv.org/abs/1906.07651). Which units are taken has no
    gradient in either.
    """
    own = torch.rand(len(prefix.flat), device=prefix.flat.device) < share
    own[prefix.offsets[:-1][prefix.lengths > 0]] = False  # <s> stays
    written = _one_by_one if task.decoder.sequential else _at_once
    return Tokens(written(task, memory, source, prefix, own), prefix.offsets, prefix.width)


def _at_once(task: Translate, memory: Encoded, source: Tokens, prefix: Tokens, own: Tensor) -> Tensor:
    (places,) = torch.where(own)
    if not len(places):
        return prefix.flat
    said = task.rows_said(task.said(memory, source, prefix), places - 1)
    return prefix.flat.index_copy(0, places, task.likeliest(said))


def _one_by_one(task: Translate, memory: Encoded, source: Tokens, prefix: Tokens, own: Tensor) -> Tensor:
    ids, wanted = prefix.ids.clone(), prefix.pad(own)
    with torch.autocast(ids.device.type, enabled=False):
        state = task.begin(memory, source)
        for place in range(1, prefix.width):
            said, state = task.step(ids[:, place - 1], state)
            (rows,) = torch.where(wanted[:, place])
            if len(rows):
                ids[rows, place] = task.likeliest(task.rows_said(said, rows))
    return ids[prefix.mask]
