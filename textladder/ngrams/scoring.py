"""Walking through the tree: the log probability of every unit, and of all units after one context.

The state between two units is the longest n-gram below the highest order that the text so far ends with and
that the model knows (`node`, ROOT for none), and how many units of context there are to know (`length`, at
most order - 1). Where the state has no child for the next unit, its backoff is added and the walk goes on
at its suffix.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textladder.layers.kernels import kernel
from textladder.ngrams.trie import ROOT, child
from textladder.text.tokenizing import BEGIN, END


class Arrays(NamedTuple):
    """What the kernels walk on; see `trie.py` for the first four."""

    starts: NDArray[np.int64]
    ids: NDArray[np.int32]
    first: NDArray[np.int32]
    suffix: NDArray[np.int32]
    log_probability: NDArray[np.float32]  # [N]
    log_backoff: NDArray[np.float32]  # [M]
    unseen: float  # log factor of each step from a context that is not in the tree
    uniform: float  # log probability of a unit when nothing is known
    straight: bool  # back off to `uniform` at once
    given: int  # units from this one on begin texts, as <s> does, and are never predicted


@kernel
def level_of(starts: Any, node: int) -> int:
    """How many units a node has; 0 for ROOT."""
    level = 0
    while node >= starts[level]:
        level += 1
    return level


@kernel
def advance(arrays: Any, node: int, length: int, unit: int) -> tuple[float, int, int]:
    """(log probability of `unit`, new node, new length)."""
    starts, ids, first, suffix, log_probability, log_backoff, unseen, uniform, straight, _ = arrays
    order = len(starts) - 1
    score, missing = 0.0, 0
    if unseen != 0 or straight:
        missing = length - level_of(starts, node)
        score = missing * unseen
    longest, below = node, -1
    while node >= 0:
        below = child(ids, first, node, unit)
        if below >= 0:
            break
        score += log_backoff[node]
        node = suffix[node]
    if below < 0:
        below = unit
    score += log_probability[below]
    if straight and (missing > 0 or node != longest):
        score = uniform + (log_backoff[longest] if missing == 0 else 0.0)
    return score, suffix[below] if below >= starts[order - 1] else below, min(length + 1, order - 1)


@kernel
def begin_text(arrays: Any) -> tuple[int, int]:
    """(node, length) after <s>."""
    return (BEGIN, 1) if len(arrays[0]) > 2 else (ROOT, 0)


@kernel
def score_texts(arrays: Any, flat: Any, offsets: Any, first_text: int, last_text: int, scores: Any) -> None:
    """Log probabilities of the units of each text and of its end; those of text b begin at offsets[b] + b."""
    origin = offsets[0]
    for b in range(first_text, last_text):
        node, length = begin_text(arrays)
        n = offsets[b] - origin + b
        for i in range(offsets[b], offsets[b + 1]):
            scores[n], node, length = advance(arrays, node, length, flat[i])
            n += 1
        scores[n], node, length = advance(arrays, node, length, END)


@kernel
def score_stream(arrays: Any, totals: Any, flat: Any, begin: int, end: int, scores: Any) -> None:
    """Log probabilities [end - begin] of the units begin..end of a stream (texts end to end, each from the
    unit that begins it to </s>); 0 for those that begin texts. What stands before `begin` is context.
    totals: see `log_totals`; none for scores that are probabilities."""
    order, given = len(arrays[0]) - 1, arrays[9]
    start = begin  # order - 1 units are all that is remembered
    while start > max(begin - order + 1, 0) and not begins_text(flat[start], given):
        start -= 1
    node, length = np.int64(ROOT), 0
    for i in range(start, end):
        unit = flat[i]
        if begins_text(unit, given):
            node, length = np.int64(ROOT), 0
            _, node, length = advance(arrays, node, length, unit)
            score = 0.0
        else:
            over = log_total(arrays, totals, node, length)
            score, node, length = advance(arrays, node, length, unit)
            score -= over
        if i >= begin:
            scores[i - begin] = score


@kernel
def begins_text(unit: int, given: int) -> bool:
    return unit == BEGIN or unit >= given


@kernel
def log_totals(arrays: Any, totals: Any) -> None:
    """Sets totals [M + 1], zeros: the logarithm of what the scores of all units add up to after each node
    below the highest order, at the end after ROOT."""
    _, _, first, suffix, log_probability, log_backoff, _, _, _, _ = arrays
    for unit in range(arrays[0][1]):
        totals[ROOT] += math.exp(log_probability[unit])
    for node in range(len(totals) - 1):
        seen, covered = 0.0, 0.0
        for below in range(first[node], first[node + 1]):
            seen += math.exp(log_probability[below])
            covered += math.exp(log_probability[suffix[below]])
        totals[node] = seen + math.exp(log_backoff[node]) * max(totals[suffix[node]] - covered, 0.0)
    for node in range(len(totals)):
        totals[node] = math.log(totals[node])


@kernel
def log_total(arrays: Any, totals: Any, node: int, length: int) -> float:
    """What is to be taken off the scores after a context, so that they are log probabilities."""
    if len(totals) == 0:
        return 0.0
    return totals[node] + (length - level_of(arrays[0], node)) * arrays[6]


@kernel
def step_all(arrays: Any, totals: Any, last: Any, nodes: Any, lengths: Any, scores: Any) -> None:
    """One more unit of each of B texts: their states (`nodes`, `lengths` [B]) are changed to those after the
    units `last` [B], and scores [B, V] set to the log probabilities of all units there."""
    for b in range(len(last)):
        _, nodes[b], lengths[b] = advance(arrays, nodes[b], lengths[b], last[b])
        distribution(arrays, nodes[b], lengths[b], scores[b])
        scores[b] -= log_total(arrays, totals, nodes[b], lengths[b])


@kernel
def distribution(arrays: Any, node: int, length: int, scores: Any) -> None:
    """Log probabilities of all units [V] after a context."""
    starts, ids, first, suffix, log_probability, log_backoff, unseen, uniform, straight, given = arrays
    chain, levels = np.empty(len(starts), np.int64), 0
    missing = length - level_of(starts, node)
    if straight:
        scores[:] = uniform
        scores[0] = scores[BEGIN] = -np.inf
        scores[given:] = -np.inf
        if missing > 0 or node < 0:
            if length == 0:
                scores[:] = log_probability[: len(scores)]
            return
        chain[0], levels = node, 1
    else:
        scores[:] = log_probability[: len(scores)]
        while node >= 0:
            chain[levels] = node
            node = suffix[node]
            levels += 1
    for k in range(levels - 1, -1, -1):
        scores += log_backoff[chain[k]]
        for below in range(first[chain[k]], first[chain[k] + 1]):
            scores[ids[below]] = log_probability[below]
    scores += missing * unseen


@kernel
def sound(starts: Any, ids: Any, first: Any, suffix: Any) -> bool:
    """Whether walking on these arrays ends, and never leaves them."""
    order, size, parents = len(starts) - 1, starts[1], starts[-2]
    for level in range(order):
        if starts[level] > starts[level + 1]:
            return False
        for node in range(starts[level], starts[level + 1]):
            if not 0 <= ids[node] < size:
                return False
            if level == 0 and suffix[node] != ROOT:
                return False
            if level > 0 and not 0 <= suffix[node] < starts[level]:
                return False
            if node < parents and not starts[level + 1] <= first[node] <= first[node + 1]:
                return False
            if node < parents and first[node + 1] > starts[level + 2]:
                return False
    return True
