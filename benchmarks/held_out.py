"""How language models of all systems are judged on a held-out text. Standard library alone: a peer has no
more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

Check = tuple[float, float]  # (seconds of training, held-out nats per unit)


def windows(length: int, width: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, counted) over a text of `length` units: a model reads begin .. end - 1, and what follows
    the positions counted .. end - 1 is judged. Every unit but the first is judged once, with `width - stride`
    units or more before it, as far as the text has them. It is what `textladder score` does for attention,
    with a stride of half the width."""
    end = counted = 0
    while end < length - 1:
        end = min(max(width, end + stride), length - 1)
        yield max(end - width, 0), end, counted
        counted = end


def crossing(checks: Sequence[Check], target: float) -> float | None:
    """Seconds of training until the held-out loss is `target`, on a line between the checks beside it; None
    if it never is."""
    before: Check | None = None
    for seconds, nats in checks:
        if nats <= target:
            if before is None or before[1] == nats:
                return seconds
            share = (before[1] - target) / (before[1] - nats)
            return before[0] + share * (seconds - before[0])
        before = (seconds, nats)
    return None


def bits(nats: float) -> float:
    return nats / math.log(2)
