"""faiss, every vector read for every query (IndexFlatIP)."""

from __future__ import annotations

from typing import Any

from benchmarks import child
from benchmarks.sentence_vectors import made, timed


def job(rows: int, dim: int, queries: int, top: int) -> dict[str, Any]:
    import faiss

    faiss.omp_set_num_threads(child.threads())
    corpus, asked = made(rows, dim, queries)
    index = faiss.IndexFlatIP(dim)
    index.add(corpus)
    return timed(lambda some: index.search(some, top)[1], asked)


if __name__ == "__main__":
    child.run(job)
