"""How words are spelled, as rows of small numbers: what encoders that read letters are given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WIDTH = 20  # letters of a word that are kept, edges included: of a longer one the first and the last half
EDGES = (1, 2)  # ids of what stands before the first letter and after the last
LETTERS = 256  # ids of letters; 0 is padding


def spelled(words: Sequence[str]) -> NDArray[np.uint8]:
    """[n, WIDTH] the letters of words, with an edge before the first and after the last. ASCII has ids of its
    own, all other characters share the rest: no vocabulary, so that no letter is unknown."""
    found = np.zeros((len(words), WIDTH), np.uint8)
    room = WIDTH - 2
    short = [word if len(word) <= room else word[: room // 2] + word[-(room // 2) :] for word in words]
    codes = np.frombuffer("".join(short).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    lengths = np.array([len(word) for word in short], np.int64)
    ids = np.where(codes < 128, np.maximum(codes, 3), 128 + codes % 128).astype(np.uint8)
    row = np.repeat(np.arange(len(words)), lengths)
    column = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    found[row, column + 1] = ids
    found[:, 0] = EDGES[0]
    found[np.arange(len(words)), lengths + 1] = EDGES[1]
    return found
