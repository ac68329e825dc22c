"""How many threads torch works with: more than one only where they pay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from textladder.encoders.encoder import Encoder


@contextmanager
def threads_for(encoder: Encoder) -> Iterator[None]:
    """Inside, torch has one thread if the encoder's operations are too small to be shared
    (`Encoder.threads_pay`): waiting for each other would cost more than the work, and the other cores are
    needed for making batches."""
    before = torch.get_num_threads()
    if encoder.threads_pay or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
