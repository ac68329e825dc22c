"""Counted language models: a text file, tokenised already, to a model's folder, and a text scored by it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import child

LINES_AT_ONCE = 8192


def job(
    train: str,
    valid: str,
    order: int,
    folder: str,
    estimator: str,
    prune: list[int],
    arpa: str | None = None,
    repeats: int = 1,
) -> dict[str, Any]:
    began = time.perf_counter()
    from textladder.batch import Ragged
    from textladder.ngrams.config import NgramConfig
    from textladder.ngrams.evaluating import perplexity
    from textladder.ngrams.model import NgramModel
    from textladder.text.tokenizing import Tokenizer, TokenizerConfig

    importing = time.perf_counter() - began
    cuts = TokenizerConfig(
        "whitespace", vocabulary_size=1 << 30, min_count=1, unicode="none", lowercase=False, html=False
    )
    began = time.perf_counter()
    tokenizer = Tokenizer.fit(chunks(train), cuts)
    vocabulary_seconds = time.perf_counter() - began
    ids = [tokenizer.encode(chunk) for chunk in chunks(train)]
    reading = time.perf_counter() - began
    place, config = Path(folder), NgramConfig(order, estimator, tuple(prune))  # type: ignore[arg-type]
    held_out = [tokenizer.encode(chunk) for chunk in chunks(valid)]
    some = Path(f"{folder}-warm")
    NgramModel.fit([ids[0]], tokenizer.vocabulary, config, some, held_out).log_probs(held_out[0])
    shutil.rmtree(some)
    began, processor = time.perf_counter(), time.process_time()
    model = NgramModel.fit(ids, tokenizer.vocabulary, config, place, held_out)
    seconds, processor = time.perf_counter() - began, time.process_time() - processor
    peak = child.peak_memory_mb()
    units = sum(len(chunk.flat) for chunk in ids)
    texts = Ragged.join(held_out * repeats)
    model.log_probs(texts)
    began = time.perf_counter()
    model.log_probs(texts)
    scoring = time.perf_counter() - began
    found = perplexity(model, held_out)
    result = {
        "import_seconds": importing,
        "vocabulary_seconds": vocabulary_seconds,
        "reading_seconds": reading,
        "seconds": seconds,
        "processor_seconds": processor,
        "all_seconds": reading + seconds,
        "words_per_second": units / seconds,
        "all_words_per_second": units / (reading + seconds),
        "training_peak_memory_mb": peak,
        "query_words_per_second": (len(texts.flat) + len(texts)) / scoring,
        "perplexity": found.value,
        "model_mb": sum(path.stat().st_size for path in place.iterdir()) / 1e6,
    }
    if arpa:
        began = time.perf_counter()
        model.arpa(arpa)
        result["arpa_seconds"] = time.perf_counter() - began
    return result


def chunks(path: str) -> Iterator[list[str]]:
    with open(path, encoding="utf-8", newline="\n") as file:
        while lines := list(islice(file, LINES_AT_ONCE)):
            yield [line.rstrip("\n") for line in lines]


if __name__ == "__main__":
    child.run(job)
