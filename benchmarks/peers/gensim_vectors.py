"""gensim as its documentation runs it: Word2Vec and FastText on a tokenised file (corpus_file, its fastest
way in), KeyedVectors for loading and for neighbours."""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks import child


def job(task: str, **arguments: Any) -> dict[str, Any]:
    began = time.perf_counter()
    import gensim  # noqa: F401

    importing = time.perf_counter() - began
    return {"import_seconds": importing} | {"train": train, "load": load, "similar": similar}[task](
        **arguments
    )


def train(file: str, words: int, method: str, out: str, epochs: int, sample: float) -> dict[str, Any]:
    """method: skipgram, cbow, or fasttext (skip-gram with n-grams of 3 to 6 characters). words: of file."""
    from gensim.models import FastText, Word2Vec

    options = {
        "corpus_file": file,
        "vector_size": 100,
        "window": 5,
        "negative": 5,
        "min_count": 5,
        "epochs": epochs,
        "sample": sample,
        "sg": int(method != "cbow"),
        "workers": child.threads(),
        "seed": 1,
    }
    began = time.perf_counter()
    model = FastText(**options, min_n=3, max_n=6) if method == "fasttext" else Word2Vec(**options)
    seconds = time.perf_counter() - began
    path = os.path.join(out, f"gensim-{method}-{os.getpid()}.bin")
    model.wv.save_word2vec_format(path, binary=True)
    return {
        "seconds": seconds,
        "words_per_second": words * epochs / seconds,
        "whole_seconds": child.since_start(),
        "epochs": epochs,
        "vocabulary": len(model.wv),
        "training_peak_memory_mb": child.peak_memory_mb(),
        "vectors": path,
    }


def load(file: str) -> dict[str, Any]:
    from gensim.models import KeyedVectors

    began = time.perf_counter()
    vectors = KeyedVectors.load_word2vec_format(file, binary=file.endswith(".bin"))
    return {"seconds": time.perf_counter() - began, "vocabulary": len(vectors)}


def similar(file: str, queries: list[str]) -> dict[str, Any]:
    """The ten nearest words of one word, again and again; the lengths of all rows are taken beforehand."""
    from gensim.models import KeyedVectors

    vectors = KeyedVectors.load_word2vec_format(file, binary=True)
    found = vectors.most_similar(queries[0], topn=10)
    milliseconds = child.milliseconds_of_one(lambda word: vectors.most_similar(word, topn=10), queries)
    return {"one_ms": milliseconds, "nearest": found[0][0], "vocabulary": len(vectors)}


if __name__ == "__main__":
    child.run(job)
