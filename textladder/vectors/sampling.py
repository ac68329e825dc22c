"""What is drawn by chance: words left out for being frequent, widths of windows, noise words."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

NOISE_POWER = 0.75  # of a word's count: how often it is drawn as noise (Mikolov et al. 2013b, section 2.2)
_MOST = 2**32 - 1
U32 = np.uint64(32)
STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31 = np.uint64(27), np.uint64(30), np.uint64(31)


def kept_share(counts: NDArray[np.int64], sample: float) -> NDArray[np.float64]:
    """The chance of each word to stay in the text: sqrt(t / f) + t / f, at most 1, for a share f of the text
    and t = `sample`, as word2vec's program has it (the paper has sqrt(t / f) alone)."""
    total = counts.sum()
    if sample == 0 or total == 0:
        return np.ones(len(counts))
    ratio = sample * total / np.maximum(counts, 1)
    return np.minimum(np.sqrt(ratio) + ratio, 1.0)


def thresholds(shares: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Chances as what a draw of 32 bits must not exceed."""
    return np.round(shares * _MOST).astype(np.uint32)


def noise(
    counts: NDArray[np.int64], power: float = NOISE_POWER
) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
    """Tables for drawing a word by counts ** power in constant time (Walker 1977, as Vose 1991 builds them):
    the other word of each entry [V], and the threshold of the entry's own word [V]."""
    weights = counts.astype(np.float64) ** power
    weights *= len(counts) / weights.sum()
    others, own = np.arange(len(counts), dtype=np.int32), np.ones(len(counts))
    _pair(weights, others, own)
    return others, thresholds(own)


@numba.njit(cache=True)
def _pair(weights: Any, others: Any, own: Any) -> None:
    """Fills every entry that is lighter than the mean, 1, up with a part of a heavier one."""
    light, heavy = np.flatnonzero(weights < 1), np.flatnonzero(weights >= 1)
    lights, heavies = len(light), len(heavy)
    while lights and heavies:
        lights -= 1
        entry, giver = light[lights], heavy[heavies - 1]
        own[entry], others[entry] = weights[entry], giver
        weights[giver] -= 1 - weights[entry]
        if weights[giver] < 1:
            heavies -= 1
            light[lights] = giver
            lights += 1


@numba.njit(cache=True, nogil=True, inline="always")
def draw(state: Any) -> Any:
    """64 random bits from a state, which then grows by STEP: splitmix64 (Steele, Lea and Flood 2014)."""
    z = state + STEP
    z = (z ^ (z >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return z ^ (z >> _U31)


@numba.njit(cache=True, nogil=True, inline="always")
def below(bits: Any, bound: Any) -> Any:
    """The upper 32 bits as a number from 0 to bound - 1."""
    return np.int64(((bits >> U32) * np.uint64(bound)) >> U32)


@numba.njit(cache=True, nogil=True, inline="always")
def noise_word(bits: Any, others: Any, own: Any) -> Any:
    """A word from the tables of `noise`: the upper bits choose an entry, the lower ones its own or other
    word."""
    entry = below(bits, len(own))
    return entry if np.uint32(bits) <= own[entry] else np.int64(others[entry])
