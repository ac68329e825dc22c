"""How torch's threads wait for each other; set before torch is imported, for its pool reads it only then."""

from __future__ import annotations

import os

# GNU OpenMP's own 300,000 rounds keep a core busy that the awaited thread may need; none at all is slow in
# falling asleep and waking. Figures: benchmarks/NOTES.md, "Threads that wait for each other".
SPINS = 2000


def wait_briefly() -> None:
    """A thread without work soon sleeps, unless the environment has a policy of its own. For a program that
    owns its process: a library leaves this to the program that imports it."""
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))
