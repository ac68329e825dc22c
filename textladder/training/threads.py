"""How many threads torch works with: more than one only where they pay."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from textladder.encoders.encoder import Encoder
from textladder.layers.together import one_thread_each


def threads_for(encoder: Encoder) -> AbstractContextManager[None]:
    """Inside, torch has one thread if the encoder's operations are too small to be shared
    (`Encoder.threads_pay`): waiting for each other would cost more than the work, and the other cores are
    needed for making batches, or for another branch of the network."""
    return nullcontext() if encoder.threads_pay else one_thread_each()
