"""Labels that are numbers: whether they are, so that they can be judged by how far they are off."""

from __future__ import annotations

import math
from collections.abc import Collection

WHOLE = 20  # whole numbers are classes if there are no more different ones


def number_of(label: str) -> float | None:
    """The finite number that a label writes, or None."""
    try:
        value = float(label)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def are_scores(labels: Collection[str]) -> bool:
    """Whether different labels are a scale and not classes: most are numbers, and either some have decimals
    other than zeros or there are more than WHOLE of them."""
    numbers = [value for label in labels if (value := number_of(label)) is not None]
    if 2 * len(numbers) <= len(labels):
        return False
    return len(numbers) > WHOLE or not all(value.is_integer() for value in numbers)
