"""Memory that is free is given back to the system, so that the peak of a process does not grow with its
data."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_back() -> None:
    """Hands freed memory back, which glibc does not do by itself once it has handed out arrays of a few MB
    from its heap; nothing happens with another C library. Called where large tables have just been let go:
    it takes some milliseconds."""
    gc.collect()
    trim()


def trim() -> None:
    """The same without looking for what is free. Tensors of ever other sizes leave gaps in the heap, which
    grows for as long as a training lasts: half of 3 GB were such gaps (`benchmarks/NOTES.md`)."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
