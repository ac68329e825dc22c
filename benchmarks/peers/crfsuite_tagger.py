"""CRFsuite by python-crfsuite, with the features that taggers of this kind are given: the word, its case and
shape, its ends, and the words beside it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import child

SHAPES = (str.isupper, str.istitle, str.isdigit)


def job(train: str, test: str, iterations: int) -> dict[str, Any]:
    began = time.perf_counter()
    import pycrfsuite

    importing = time.perf_counter() - began
    rows = child.read_conllu(train)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        model = str(Path(folder) / "model")
        began = time.perf_counter()
        trainer = pycrfsuite.Trainer(verbose=False)
        trainer.set_params({"c1": 0.1, "c2": 0.1, "max_iterations": iterations})
        for words, tags in rows:
            trainer.append(features(words), tags)
        fitting = time.perf_counter()
        trainer.train(model)
        ended = time.perf_counter()
        tagger = pycrfsuite.Tagger()
        tagger.open(model)

        def tags_of(sentences: list[list[str]]) -> list[list[str]]:
            return [tagger.tag(features(words)) for words in sentences]

        return {
            "import_seconds": importing,
            "seconds": ended - began,
            "epochs": iterations,
            "words_per_second": sum(len(words) for words, _ in rows) * iterations / (ended - fitting),
            "training_peak_memory_mb": child.peak_memory_mb(),
        } | child.tagging_figures(tags_of, test)


def features(words: list[str]) -> list[list[str]]:
    """Of each word, as strings."""
    own = [_of_word(word) for word in words]
    low = ["<s>", *(word.lower() for word in words), "</s>"]
    return [
        [*found, f"before={low[i]}", f"after={low[i + 2]}", f"here+after={low[i + 1]} {low[i + 2]}"]
        for i, found in enumerate(own)
    ]


def _of_word(word: str) -> list[str]:
    low = word.lower()
    kinds = [test.__name__ for test in SHAPES if test(word)]
    ends = [f"end={low[-n:]}" for n in (1, 2, 3)] + [f"begin={low[:n]}" for n in (1, 2, 3)]
    return ["bias", f"word={word}", f"low={low}", *ends, *kinds]


if __name__ == "__main__":
    child.run(job)
