"""Word vectors of ours: trained, loaded, asked; and the judge of everybody's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.harness import data_folder


def train(file: str, words: int, method: str, out: str, settings: dict[str, Any]) -> dict[str, Any]:
    """From the file to saved vectors. settings: of VectorsConfig. words: of the file."""
    import os

    began = time.perf_counter()
    from textladder.vectors.wordvectors import WordVectors

    importing = time.perf_counter() - began
    began = time.perf_counter()
    vectors = WordVectors(method, **{"units": "whitespace", "threads": child.threads(), **settings}).fit(file)
    seconds = time.perf_counter() - began
    path = Path(out) / f"ours-{method}-{os.getpid()}"
    vectors.save(path)
    epochs = vectors.config.passes
    return {
        "import_seconds": importing,
        "seconds": seconds,
        "words_per_second": words * epochs / seconds,
        "whole_seconds": child.since_start(),
        "epochs": epochs,
        "vocabulary": len(vectors.words),
        "training_peak_memory_mb": child.peak_memory_mb(),
        "vectors": str(path),
    }


def load(file: str) -> dict[str, Any]:
    from textladder.vectors.wordvectors import WordVectors

    began = time.perf_counter()
    vectors = WordVectors.load(file)
    return {"seconds": time.perf_counter() - began, "vocabulary": len(vectors.words)}


def similar(file: str, queries: list[str]) -> dict[str, Any]:
    """The ten nearest words of one word, again and again."""
    from textladder.vectors.wordvectors import WordVectors

    vectors = WordVectors.load(file)
    found = vectors.most_similar(queries[0], n=10)
    milliseconds = child.milliseconds_of_one(lambda word: vectors.most_similar(word, n=10), queries)
    return {"one_ms": milliseconds, "nearest": found[0][0], "vocabulary": len(vectors.words)}


def judge(paths: list[str]) -> dict[str, Any]:
    """Scores of saved vectors of any format over all shared sets, by words of the vocabulary alone."""
    from textladder.vectors.evaluating import Judge, mean_similarity
    from textladder.vectors.judgements import read_pairs, read_questions
    from textladder.vectors.wordvectors import WordVectors

    pairs = [read_pairs(path) for path in sorted((data_folder() / "word_similarity").glob("*.txt"))]
    questions = read_questions(data_folder() / "word_analogy" / "questions-words.txt")
    found = {}
    for path in paths:
        vectors = WordVectors.load(path)
        judge = Judge(vectors.words, vectors.matrix)
        similarities = [judge.similarity(one) for one in pairs]
        sections = {section.name: section.to_dict() for section in judge.analogies(questions)}
        found[path] = {
            "similarity": mean_similarity(similarities),
            "sets": {one.name: one.to_dict() for one in similarities},
            "analogies": {name: sections[name] for name in ("semantic", "syntactic", "total")},
        }
    return found


JOBS: dict[str, Callable[..., dict[str, Any]]] = {
    "train": train,
    "load": load,
    "similar": similar,
    "judge": judge,
}


def job(task: str, **arguments: Any) -> dict[str, Any]:
    return JOBS[task](**arguments)


if __name__ == "__main__":
    child.run(job)
