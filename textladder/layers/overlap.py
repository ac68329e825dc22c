"""What two texts have in common, counted: the oldest sign of a paraphrase, and a strong one of few pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from textladder.batch import Tokens
from textladder.layers.embedding import UNKNOWN
from textladder.layers.matching import sides

LENGTHS = (1, 2, 3)  # of n-grams
FEATURES = 2 * len(LENGTHS) + 1


def overlap(tokens: Tokens) -> Tensor:
    """[2B texts] -> [B, FEATURES], all from 0 to 1: the share of the first text's units that stand in the
    second, and of the second's that stand in the first; the same of two and three units in a row; the shorter
    length over the longer. An unknown unit (<unk>) is like no other.

    The precision of n-grams that BLEU is made of, both ways round, as Bowman et al. 2015 give it to their
    lexicalised classifier (https://aclanthology.org/D15-1075, section 3.2).
    """
    first, second = sides(tokens.ids)  # [B, T]
    in_first, in_second = sides(tokens.mask)
    same = (first[:, :, None] == second[:, None]) & (first != UNKNOWN)[:, :, None]
    same &= in_first[:, :, None] & in_second[:, None]  # [B, T, T]
    found, alike, one, other = [], same, in_first, in_second
    for length in LENGTHS:
        if length > 1:  # n-grams that begin here: a unit, and a shorter n-gram behind it
            alike = same[:, : 1 - length, : 1 - length] & alike[:, 1:, 1:]
            one, other = (in_first[:, : 1 - length] & one[:, 1:], in_second[:, : 1 - length] & other[:, 1:])
        found += [_share(alike.any(2), one), _share(alike.any(1), other)]
    lengths = torch.stack([in_first.sum(1), in_second.sum(1)]).float()
    return torch.stack([*found, lengths.amin(0) / lengths.amax(0).clamp(min=1)], -1)


def _share(hits: Tensor, among: Tensor) -> Tensor:
    """[B, T] twice -> [B] of `among` how many are `hits`; 0 of none."""
    return (hits & among).sum(1) / among.sum(1).clamp(min=1)
