"""fastText, as its authors run it: `train_supervised` on a tokenised file, which it reads itself.

Its texts come ready cut by our tokenizer, at no cost to it, in training and in use.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

from benchmarks import child


def job(train: str, test: str, epochs: int, predict: bool = True) -> dict[str, Any]:
    began = time.perf_counter()
    import fasttext

    importing = time.perf_counter() - began
    began = time.perf_counter()
    model = fasttext.train_supervised(
        train, dim=10, wordNgrams=2, epoch=epochs, lr=0.5, thread=child.threads(), verbose=0
    )
    seconds = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        model.save_model(os.path.join(folder, "model.bin"))
    found = {
        "import_seconds": importing,
        "seconds": seconds,
        "epochs": epochs,
        "whole_seconds": child.since_start(),
        "training_peak_memory_mb": child.peak_memory_mb(),
    }
    texts, labels = zip(*child.read_labelled_lines(test), strict=True)
    texts = list(texts)
    said = [label[0].removeprefix("__label__") for label in model.predict(texts)[0]]
    found["accuracy"] = child.accuracy(said, labels)
    if predict:
        found["one_ms"] = child.milliseconds_of_one(model.predict, texts)
        found["texts_per_second"] = child.texts_per_second(model.predict, texts)
    return found


if __name__ == "__main__":
    child.run(job)
