"""A CSV file read, tokenised and written into the store, as before every training."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child


def job(file: str, tokenizer: str, units: str) -> dict[str, Any]:
    began = time.perf_counter()
    from textladder.text.corpus import Corpus
    from textladder.text.reading import DataConfig, open_source
    from textladder.text.store import StoreWriter
    from textladder.text.tokenizing import Tokenizer, TokenizerConfig

    importing = time.perf_counter() - began
    cutter = Tokenizer.load(Path(tokenizer), TokenizerConfig(units=units))
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        began = time.perf_counter()
        corpus = Corpus.read(open_source(file, DataConfig()), Path(folder) / "corpus")
        reading = time.perf_counter() - began
        count = 0
        with StoreWriter(Path(folder) / "ids") as writer:
            for _, texts, _ in corpus.chunks():
                ids = cutter.encode(texts)
                writer.append({"text": ids})
                count += len(ids.flat)
        seconds = time.perf_counter() - began
    return {
        "import_seconds": importing,
        "reading_seconds": reading,
        "seconds": seconds,
        "texts_per_second": len(corpus) / seconds,
        "units": count,
    }


if __name__ == "__main__":
    child.run(job)
