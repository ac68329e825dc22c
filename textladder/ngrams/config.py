"""What a counted model can be told, and every default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from textladder.errors import Problem

HIGHEST_ORDER = 7


@dataclass(frozen=True)
class NgramConfig:
    """Of a model of n-grams up to `order` units."""

    order: int = 3  # units of the longest n-gram, 1 to 7: each unit is predicted from order - 1 before it
    # How counts become probabilities. kneser-ney: modified; interpolation: with weights learnt on dev.
    estimator: Literal["kneser-ney", "interpolation", "stupid-backoff", "add-k"] = "kneser-ney"
    # N-grams counted this often or less are left out: one number per order from 1 on, the last one for all
    # higher orders, as lmplz --prune. Units are never left out: that is the tokenizer's min_count.
    prune: tuple[int, ...] = (0,)
    # Discounts of counts 1, 2 and 3+ where the corpus has too few n-grams to estimate them (lmplz
    # --discount_fallback); the model's notes say where they were used.
    fallback_discounts: tuple[float, float, float] = (0.5, 1.0, 1.5)
    # interpolation: weights of the uniform distribution and of orders 1 to order; None: learnt on held-out.
    weights: tuple[float, ...] | None = None
    em_iterations: int = 200  # at most
    em_tolerance: float = 1e-6  # nats per unit: a smaller gain ends the iterations
    backoff: float = 0.4  # stupid-backoff: the factor of every step to a shorter context
    k: float = 0.1  # add-k: what is added to every count
    run_units: int = 1 << 22  # units counted in memory at a time; 24 bytes each
    threads: int = 0  # 0: one per core

    def __post_init__(self) -> None:
        """Raises Problem for values that no model can have."""
        if not 1 <= self.order <= HIGHEST_ORDER:
            raise Problem("order", f"{self.order} is not between 1 and {HIGHEST_ORDER}.", "Choose another.")
        rising = all(a <= b for a, b in zip(self.prune, self.prune[1:], strict=False))
        if not 1 <= len(self.prune) <= self.order or self.prune[0] != 0 or not rising:
            raise Problem(
                "prune",
                f"{self.prune} are not thresholds: 0 for units, then numbers that never fall, at most one "
                "per order.",
                "Give for example (0, 0, 1): no trigram that was seen once.",
            )
        one_to_three = enumerate(self.fallback_discounts, 1)
        if len(self.fallback_discounts) != 3 or not all(0 < d <= count for count, d in one_to_three):
            raise Problem(
                "fallback_discounts",
                f"{self.fallback_discounts} are not three discounts, each above 0 and at most its count.",
                "Give for example (0.5, 1, 1.5).",
            )
        if self.weights is not None and not (
            len(self.weights) == self.order + 1
            and all(weight >= 0 for weight in self.weights)
            and math.isclose(sum(self.weights), 1, abs_tol=1e-6)
        ):
            raise Problem(
                "weights",
                f"{self.weights} are not {self.order + 1} weights that sum to 1 (uniform, order 1, ...).",
                "Give one per order and one for the uniform distribution, or none: they are learnt.",
            )
        if not 0 < self.backoff <= 1:
            raise Problem("backoff", f"{self.backoff} is not above 0 and at most 1.", "0.4 is usual.")
        if not (self.k > 0 and math.isfinite(self.k)):
            raise Problem("k", f"{self.k} is not above 0.", "1 is Laplace's; 0.01 to 0.1 is better.")
        if self.run_units < 1024 or self.threads < 0 or self.em_iterations < 1:
            raise Problem(
                "run_units, threads, em_iterations", "one of them is too small.", "Use the defaults."
            )

    def threshold(self, order: int) -> int:
        """The count at and below which n-grams of an order are left out."""
        return self.prune[min(order, len(self.prune)) - 1]
