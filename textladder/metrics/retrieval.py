"""How well texts are found among others by their vectors: mean reciprocal rank, recall@k, mean average
precision; pure numpy.

Manning et al. 2008, Introduction to Information Retrieval, section 8.4 (average precision); Voorhees 1999,
https://trec.nist.gov/pubs/trec8/papers/qa_report.pdf (reciprocal rank). Of candidates with equal scores the
right ones come last: a model that cannot tell texts apart is not rewarded for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.metrics.scores import Scores, sign
from textladder.metrics.statistic import Statistic

KS = (1, 5, 10)
HEADLINES = ("mrr", *(f"recall_at_{k}" for k in KS), "map")
BLOCK = 1 << 22  # scores of one matrix product
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Lookup:
    """Which texts are looked for among which, of n pairs. Texts that stand there often count once.

    queries [Q]: the pair whose first text is looked for; candidates [C]: the pair whose second may be found.
    owner, place [R], by rising owner: the query and the candidate of each right answer. itself [Q]: the
    candidate that is the query's own text and no right answer, which is not to be found; -1: none.
    """

    queries: Rows
    candidates: Rows
    owner: Rows
    place: Rows
    itself: Rows

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]], close: NDArray[np.bool_]) -> Lookup:
        """close [n]: whether the two texts of a pair belong together. A text without such a pair is no
        query. Memory is that of 16 bytes for each text."""
        firsts, seconds, queries = dict[bytes, int](), dict[bytes, int](), list[int]()
        candidates, right = list[int](), dict[tuple[int, int], None]()
        for row, (first, second) in enumerate(pairs):
            key = _digest(second)
            place = seconds.setdefault(key, len(seconds))
            if place == len(candidates):
                candidates.append(row)
            if close[row]:
                owner = firsts.setdefault(_digest(first), len(firsts))
                if owner == len(queries):
                    queries.append(row)
                right[owner, place] = None
        itself = [seconds.get(key, -1) for key in firsts]
        itself = [-1 if (owner, place) in right else place for owner, place in enumerate(itself)]
        pairs_found = np.array(sorted(right), np.int64).reshape(-1, 2)
        asked, there, own = (np.array(each, np.int64) for each in (queries, candidates, itself))
        return cls(asked, there, pairs_found[:, 0], pairs_found[:, 1], own)


@dataclass(frozen=True)
class Found:
    """What a search came to, of each query [Q]: the position of its first right answer, from 1; its average
    precision; its recall at each of KS [Q, K]; the candidate that came first, and its score."""

    rank: Rows
    average_precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    best: Rows
    best_score: NDArray[np.float32]

    def values(self, metric: str) -> NDArray[np.float64]:
        """[Q] one of HEADLINES of each query; its mean is the score."""
        if metric == "mrr":
            return 1 / self.rank
        if metric == "map":
            return self.average_precision
        return self.recall[:, KS.index(int(metric.removeprefix("recall_at_")))]


def search(lookup: Lookup, queries: NDArray[np.float32], candidates: NDArray[np.float32]) -> Found:
    """queries [Q, D], candidates [C, D]: vectors of length 1, so that products are cosines."""
    count = len(queries)
    bounds = np.searchsorted(lookup.owner, np.arange(count + 1))
    positions = np.zeros(len(lookup.owner), np.int64)
    best, best_score = np.zeros(count, np.int64), np.zeros(count, np.float32)
    step = max(BLOCK // max(len(candidates), 1), 1)
    for first in range(0, count, step):
        last = min(first + step, count)
        scores = queries[first:last] @ candidates.T  # [b, C]
        hidden = np.flatnonzero(lookup.itself[first:last] >= 0)
        scores[hidden, lookup.itself[first:last][hidden]] = -np.inf
        best[first:last] = scores.argmax(1)
        best_score[first:last] = scores.max(1)
        for query in range(first, last):
            right = slice(bounds[query], bounds[query + 1])
            row = scores[query - first]
            own = row[lookup.place[right]]
            row[lookup.place[right]] = -np.inf
            others = np.array([np.count_nonzero(row >= score) for score in own])
            order = np.argsort(-own, kind="stable")
            positions[right] = others + 1
            positions[right][order] += np.arange(len(own))
    return _found(count, bounds, positions, best, best_score)


def _found(count: int, bounds: Rows, positions: Rows, best: Rows, best_score: Any) -> Found:
    rank, precision = np.zeros(count, np.int64), np.zeros(count)
    recall = np.zeros((count, len(KS)))
    for query in range(count):
        at = np.sort(positions[bounds[query] : bounds[query + 1]])
        rank[query] = at[0]
        precision[query] = (np.arange(1, len(at) + 1) / at).mean()
        recall[query] = [(at <= k).mean() for k in KS]
    return Found(rank, precision, recall, best, best_score)


def score(lookup: Lookup, found: Found, metric: str) -> Scores:
    """Every one of HEADLINES, each the mean over queries."""
    values = {name: float(found.values(name).mean()) for name in HEADLINES}
    return Scores(metric, values, signature(lookup, metric), len(lookup.queries))


def signature(lookup: Lookup, metric: str) -> str:
    """How many texts were looked for, among how many different ones."""
    sizes = {"queries": len(lookup.queries), "candidates": len(lookup.candidates)}
    return sign(metric, **sizes, right=len(lookup.owner), itself="left-out", ties="last")


def statistic(found: Found, metric: str) -> Statistic:
    """One of HEADLINES as a Statistic of the queries."""
    return Statistic.mean(found.values(metric))


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).digest()
