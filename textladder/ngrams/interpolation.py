"""Linear interpolation (Jelinek and Mercer 1980): a weighted mean of the relative frequencies of all orders
and the uniform distribution.

    P(w | h) = weight_n f(w | h) + weight_{n-1} f(w | h') + ... + weight_1 f(w) + weight_0 / V

After a context that was never seen, the weights of the orders that need it go to the others in proportion:
with passed_k = (weight_0 + ... + weight_{k-1}) / (weight_0 + ... + weight_k), each order gives P_k = (1 -
passed_k) f_k + passed_k P_{k-1}, and an order without a context gives P_{k-1}. In this form the weights are
learnt on held-out text by EM (Dempster, Laird and Rubin 1977), which never lowers its likelihood.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import create
from textladder.ngrams.counting import framed
from textladder.ngrams.estimating import Counted, Estimated, mix_down, unit_shares
from textladder.ngrams.trie import child
from textladder.text.tokenizing import BEGIN, END


def estimate(counted: Counted) -> Estimated:
    config, trie = counted.config, counted.trie
    facts: dict[str, Any] = {}
    if config.weights is not None:
        weights = np.array(config.weights)
    else:
        weights, facts = learn(counted)
    below = np.cumsum(weights)
    passed = np.divide(below[:-1], below[1:], out=np.ones(trie.order), where=below[1:] > 0)
    units = unit_shares(np.asarray(trie.counts[: trie.starts[1]]))
    counted.probability[: trie.starts[1]] = (1 - passed[0]) * units + passed[0] / counted.vocabulary
    counted.silence()
    for level in range(2, trie.order + 1):
        least, shorter = config.threshold(level), float(passed[level - 1])

        def task(begin: int, end: int, least: int = least, shorter: float = shorter) -> None:
            arrays = (trie.first, trie.counts, counted.suffix)
            mix_down(begin, end, *arrays, least, shorter, counted.probability, counted.backoff)

        counted.each_context(level - 1, task)
    return Estimated({"weights": weights.tolist()} | facts)


def learn(counted: Counted) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Weights [order + 1] that make the held-out text likely, the first that of the uniform distribution."""
    if counted.held_out is None:
        raise Problem(
            "interpolation",
            "its weights are learnt on text that was not counted, and there is none.",
            "Give held_out, or the weights themselves.",
        )
    trie, size = counted.trie, int(counted.trie.starts[1])
    totals = create(trie.folder / "totals", "<i4", int(trie.starts[-2]))
    for level in range(1, trie.order):
        counted.each_context(
            level, lambda begin, end: add_up(begin, end, trie.first, trie.counts, totals), totals
        )
    sum_of_units = float(trie.counts[:size].sum(dtype=np.int64))
    parts: list[tuple[NDArray[np.float32], NDArray[np.int8]]] = []
    state = (-1, 0)
    for number, texts in enumerate(counted.held_out, 1):
        stream = framed(texts, size, f"held-out text, chunk {number}")
        count = int(np.count_nonzero((stream != BEGIN) & (stream < counted.given)))
        shares, depths = np.zeros((count, trie.order + 1), np.float32), np.empty(count, np.int8)
        arrays = (trie.ids, trie.first, trie.counts, counted.suffix, totals)
        uniform = 1 / counted.vocabulary
        facts = (counted.given, trie.starts, *arrays, sum_of_units, uniform)
        state = components(stream, *state, *facts, shares, depths)
        parts.append((shares, depths))
    if not parts or not sum(len(depths) for _, depths in parts):
        raise Problem("held-out text", "there is no text in it.", "Give at least one text.")
    shares, depths = (np.concatenate([part[k] for part in parts]) for k in range(2))
    passed = np.full(trie.order, 0.5)
    before, iterations, gain = -math.inf, 0, math.inf
    while iterations < counted.config.em_iterations and gain > counted.config.em_tolerance:
        likelihood = expectation(shares, depths, passed) / len(depths)
        iterations, gain, before = iterations + 1, likelihood - before, likelihood
    weights = np.append(1.0, 1 - passed) * np.append(np.cumprod(passed[::-1])[::-1], 1.0)
    return weights, {
        "held_out_units": len(depths),
        "held_out_nats_per_unit": -before,
        "em_iterations": iterations,
    }


@kernel
def add_up(begin: int, end: int, first: Any, counts: Any, totals: Any) -> None:
    """How often each of the nodes begin..end was followed by a unit."""
    for node in range(begin, end):
        total = 0
        for below in range(first[node], first[node + 1]):
            total += counts[below]
        totals[node] = total


@kernel
def components(
    stream: Any,
    state: int,
    level: int,
    given: int,
    starts: Any,
    ids: Any,
    first: Any,
    counts: Any,
    suffix: Any,
    totals: Any,
    sum_of_units: float,
    uniform: float,
    shares: Any,
    depths: Any,
) -> tuple[int, int]:
    """For each unit of a framed stream but those that begin texts: its relative frequency by each order, the
    uniform one first [U, order + 1]; and the highest order whose context was seen [U]. `state` is the node of
    the context so far, of `level` units; returns those after the stretch."""
    order, n = len(starts) - 1, 0
    for unit in stream:
        if unit == BEGIN or unit >= given:
            state, level = (unit, 1) if order > 1 else (-1, 0)
            continue
        shares[n, 0], shares[n, 1] = uniform, counts[unit] / sum_of_units
        depths[n] = 1
        node, at = state, level
        state, level = (unit, 1) if order > 1 else (-1, 0)
        while node >= 0:
            if totals[node] > 0:
                depths[n] = max(depths[n], at + 1)
                below = child(ids, first, node, unit)
                if below >= 0:
                    shares[n, at + 1] = counts[below] / totals[node]
                    if at + 1 > level and at + 1 < order:
                        state, level = below, at + 1
            node, at = suffix[node], at - 1
        n += 1
        if unit == END:
            state, level = -1, 0
    return state, level


@kernel
def expectation(shares: Any, depths: Any, passed: Any) -> float:
    """One step of EM; log-likelihood before it. `passed` [order]: what each order from 1 on leaves to the
    lower."""
    order = len(passed)
    stops, arrivals, likelihood = np.zeros(order), np.zeros(order), 0.0
    gives = np.empty(order + 1)
    for n in range(len(depths)):
        left, total = 1.0, 0.0
        for k in range(depths[n], 0, -1):
            gives[k] = left * (1 - passed[k - 1]) * shares[n, k]
            left *= passed[k - 1]
            total += gives[k]
        gives[0] = left * shares[n, 0]
        total += gives[0]
        likelihood += np.log(total)
        reached = gives[0] / total
        for k in range(1, depths[n] + 1):
            reached += gives[k] / total
            stops[k - 1] += gives[k] / total
            arrivals[k - 1] += reached
    for k in range(order):
        if arrivals[k] > 0:
            passed[k] = 1 - stops[k] / arrivals[k]
    return likelihood
