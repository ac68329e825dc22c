"""Skip-gram and CBOW in plain numpy, one row after the other: what the compiled kernels must equal."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BITS = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


@dataclass
class Draws:
    """splitmix64 as Steele, Lea and Flood (2014) publish it."""

    state: int

    def __post_init__(self) -> None:
        self.state = self.next_of(self.state)

    @staticmethod
    def next_of(state: int) -> int:
        z = (state + STEP) & BITS
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & BITS
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & BITS
        return z ^ (z >> 31)

    def bits(self) -> int:
        drawn = self.next_of(self.state)
        self.state = (self.state + STEP) & BITS
        return drawn

    def below(self, bound: int) -> int:
        return ((self.bits() >> 32) * bound) >> 32


@dataclass
class Oracle:
    """inputs [V, D], outputs [V or V - 1 inner nodes, D]: float64, changed by `block`."""

    inputs: Any
    outputs: Any
    window: int
    rate: float
    cbow: bool
    kept: Any  # [V] thresholds
    noise: Any = None  # (others, own)
    negative: int = 0
    paths: Any = None  # of each word: [(inner node, code)]
    group: int = 6
    coming: list[int] = field(default_factory=list)

    def block(self, sentences: list[list[int]], start: float, stop: float, seed: int) -> None:
        draws = Draws(seed)
        size, before = sum(map(len, sentences)), 0
        self.coming = [self._noise(draws) for _ in range(self.negative)]
        for sentence in sentences:
            words = [word for word in sentence if draws.bits() >> 32 <= self.kept[word]]
            for i, centre in enumerate(words):
                targets = self._targets(draws, centre)
                reach = self.window - draws.below(self.window)
                around = [j for j in range(max(0, i - reach), min(len(words), i + reach + 1)) if j != i]
                done = start + (stop - start) * (before + i / len(words) * len(sentence)) / size
                rate = self.rate * max(1 - done, 1e-4)
                if around:
                    self._centre([words[j] for j in around], targets, rate)
            before += len(sentence)

    def _targets(self, draws: Draws, centre: int) -> list[tuple[int, int]]:
        if self.negative == 0:
            return [(node, 1 - code) for node, code in self.paths[centre]]
        targets = [(centre, 1)]
        for k in range(self.negative):
            word = self.coming[k]
            for _ in range(8):
                if word != centre:
                    break
                word = self._noise(draws)
            targets.append((word, 0))
            self.coming[k] = self._noise(draws)
        return targets

    def _noise(self, draws: Draws) -> int:
        others, own = self.noise
        bits = draws.bits()
        entry = ((bits >> 32) * len(own)) >> 32
        return entry if bits & 0xFFFFFFFF <= own[entry] else int(others[entry])

    def _centre(self, around: list[int], targets: list[tuple[int, int]], rate: float) -> None:
        groups = [targets[at : at + self.group] for at in range(0, len(targets), self.group)]
        if self.cbow:
            mean = np.mean([self.inputs[word] for word in around], axis=0)
            gradient = sum(self._step(mean, group, rate) for group in groups)
            for word in around:
                self.inputs[word] += gradient
        else:
            for word in around:
                for group in groups:
                    self.inputs[word] += self._step(self.inputs[word].copy(), group, rate)

    def _step(self, h: Any, targets: list[tuple[int, int]], rate: float) -> Any:
        scores = [float(self.outputs[row] @ h) for row, _ in targets]
        gradient = np.zeros_like(h)
        for (row, label), score in zip(targets, scores, strict=True):
            error = rate * (label - 1 / (1 + math.exp(-score)))
            gradient += error * self.outputs[row]
            self.outputs[row] += error * h
        return gradient
