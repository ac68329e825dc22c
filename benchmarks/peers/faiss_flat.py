"""faiss, every vector read for every query (IndexFlatIP), by whichever of its two ways is faster here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.sentence_vectors import made, timed

BLAS = 20, 1 << 30  # queries from which on it multiplies matrices: as it comes, and never


def job(rows: int, dim: int, queries: int, top: int) -> dict[str, Any]:
    # The OpenBLAS in its wheel takes processors newer than itself for ones without AVX.
    if "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8"):
        os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    import faiss

    faiss.omp_set_num_threads(child.threads())
    corpus, asked = made(rows, dim, queries)
    index = faiss.IndexFlatIP(dim)
    index.add(corpus)
    results = []
    for least in BLAS:
        faiss.cvar.distance_compute_blas_threshold = least
        results.append(timed(lambda some: index.search(some, top)[1], asked))
    best = {name: max(result[name] for result in results) for name in results[0]}
    return best | {"milliseconds_of_one": min(result["milliseconds_of_one"] for result in results)}


if __name__ == "__main__":
    child.run(job)
