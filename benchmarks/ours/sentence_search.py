"""The exact search over sentence vectors, as `textladder search` does it."""

from __future__ import annotations

from typing import Any

from benchmarks import child
from benchmarks.sentence_vectors import made, timed
from textladder.vectors.neighbours import Neighbours


def job(rows: int, dim: int, queries: int, top: int) -> dict[str, Any]:
    corpus, asked = made(rows, dim, queries)
    search = Neighbours(corpus, unit=True)

    def found(some: Any) -> Any:
        return search.nearest(some[0], top)[0][None] if len(some) == 1 else search.nearest_many(some, top)[0]

    return timed(found, asked)


if __name__ == "__main__":
    child.run(job)
