"""From counts to probabilities: what every estimator is given, and what it fills in."""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem, suggest
from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import in_threads
from textladder.ngrams.config import NgramConfig
from textladder.ngrams.trie import Trie
from textladder.ragged import Ragged
from textladder.text.tokenizing import BEGIN

# name -> "module:function"; a new estimator is one file and one line.
ESTIMATORS: dict[str, str] = {
    "kneser-ney": "textladder.ngrams.kneser_ney:estimate",
    "interpolation": "textladder.ngrams.interpolation:estimate",
    "stupid-backoff": "textladder.ngrams.stupid_backoff:estimate",
    "add-k": "textladder.ngrams.add_k:estimate",
}
SILENT = 2  # units of every vocabulary that are never predicted: <pad> and <s>


@dataclass(frozen=True)
class Counted:
    """The counts of a corpus, and the two arrays that an estimator fills in (linear, not yet logarithms).

    probability [N]: of each n-gram's last unit after the units before it.
    backoff [M]: what the probability after a shorter context is multiplied by after this context, for every
    node below the highest order; 1 where the node is no context.
    """

    trie: Trie
    suffix: NDArray[np.int32]
    probability: NDArray[np.float32]
    backoff: NDArray[np.float32]
    config: NgramConfig
    held_out: Iterable[Ragged | NDArray[np.int32]] | None
    given: int  # units from this one on begin texts, as <s> does

    @property
    def vocabulary(self) -> int:
        """Units that can be predicted: all but <pad> and those that begin texts."""
        return self.given - SILENT

    def silence(self) -> None:
        """What is never predicted has a probability of 0."""
        size = int(self.trie.starts[1])
        self.probability[0] = self.probability[BEGIN] = 0
        self.probability[self.given : size] = 0

    def each_context(self, level: int, task: Callable[[int, int], Any], *more: NDArray[Any]) -> None:
        """`task(begin, end)` over the nodes of a level, which are the contexts of the next."""
        begin, end = int(self.trie.starts[level - 1]), int(self.trie.starts[level])
        used = (self.trie.ids, self.trie.first, self.trie.counts, self.suffix)
        in_threads(task, begin, end, self.config.threads, (*used, self.probability, self.backoff, *more))


@dataclass(frozen=True)
class Estimated:
    """What is to be known of an estimate beside its arrays."""

    facts: dict[str, Any] = field(default_factory=dict)  # discounts, weights: what was estimated or given
    notes: tuple[str, ...] = ()  # what was not as expected, in sentences
    unseen: float = 1.0  # the factor of each step from a context that was never seen to a shorter one
    straight: bool = False  # a unit not seen after the whole context backs off to the uniform, at once


def estimator(name: str) -> Callable[[Counted], Estimated]:
    """The function behind a name in `ESTIMATORS`; Problem for an unknown name."""
    if name not in ESTIMATORS:
        raise Problem("estimator", f"there is no estimator {name!r}.", suggest(name, ESTIMATORS))
    module, _, attribute = ESTIMATORS[name].partition(":")
    return getattr(import_module(module), attribute)


def unit_shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Level 1, maximum likelihood [V]: counts over their sum."""
    return counts / max(int(counts.sum(dtype=np.int64)), 1)


@kernel
def logarithms(values: Any) -> None:
    """Natural logarithms, in place."""
    for i in range(len(values)):
        values[i] = math.log(values[i]) if values[i] > 0 else -np.inf


@kernel
def mix_down(
    begin: int,
    end: int,
    first: Any,
    counts: Any,
    suffix: Any,
    threshold: int,
    shorter: float,
    probability: Any,
    backoff: Any,
) -> None:
    """Children of the contexts begin..end: P(w | h) = (1 - shorter) c(h w) / c(h) + shorter P(w | h').

    What n-grams that are left out would have had goes to the shorter context, so that the sum stays one.
    """
    for node in range(begin, end):
        total, lost = 0.0, 0.0
        for below in range(first[node], first[node + 1]):
            total += counts[below]
            if counts[below] <= threshold:
                lost += counts[below]
        if total == 0:
            backoff[node] = 1
            continue
        rest = shorter + (1 - shorter) * lost / total
        backoff[node] = rest
        for below in range(first[node], first[node + 1]):
            lower = probability[suffix[below]]
            probability[below] = (1 - shorter) * counts[below] / total + rest * lower
