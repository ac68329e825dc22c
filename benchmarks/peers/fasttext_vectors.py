"""fastText, as its authors run it: `train_unsupervised` on a tokenised file, which it reads itself."""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks import child


def job(
    file: str, words: int, method: str, out: str, epochs: int, sample: float, subwords: bool
) -> dict[str, Any]:
    """method: skipgram or cbow. subwords: character n-grams of 3 to 6, or none. words: of the file."""
    began = time.perf_counter()
    import fasttext

    importing = time.perf_counter() - began
    began = time.perf_counter()
    model = fasttext.train_unsupervised(
        file,
        model=method,
        dim=100,
        ws=5,
        neg=5,
        minCount=5,
        epoch=epochs,
        t=sample,
        minn=3 if subwords else 0,
        maxn=6 if subwords else 0,
        thread=child.threads(),
        verbose=0,
    )
    seconds = time.perf_counter() - began
    path = os.path.join(out, f"fasttext-{method}-{subwords}-{os.getpid()}.bin")
    model.save_model(path)
    return {
        "import_seconds": importing,
        "seconds": seconds,
        "words_per_second": words * epochs / seconds,
        "whole_seconds": child.since_start(),
        "epochs": epochs,
        "vocabulary": len(model.words),
        "training_peak_memory_mb": child.peak_memory_mb(),
        "vectors": path,
    }


if __name__ == "__main__":
    child.run(job)
