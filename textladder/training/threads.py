"""How many threads torch works with: more than one only where they pay."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from textladder.encoders.encoder import Encoder
from textladder.layers.together import one_thread_each
from textladder.tasks.task import Task


def threads_for(encoder: Encoder, task: Task | None = None) -> AbstractContextManager[None]:
    """Inside, torch has one thread if the operations of the encoder, and in training those of the task, are
    too small to be shared (`Encoder.threads_pay`): waiting for each other would cost more than the work, and
    the other cores are needed for making batches, or for another branch of the network."""
    pays = encoder.threads_pay or (task is not None and task.threads_pay)
    return nullcontext() if pays else one_thread_each()
