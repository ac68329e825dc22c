"""spaCy's tagger over its default network, trained in the batches of its own quickstart configuration."""

from __future__ import annotations

import random
import time
from typing import Any

from benchmarks import child


def job(train: str, test: str, epochs: int) -> dict[str, Any]:
    began = time.perf_counter()
    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example
    from spacy.training.batchers import minibatch_by_words
    from thinc.api import compounding

    importing = time.perf_counter() - began
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("tagger")

    def made(path: str) -> list[tuple[Doc, list[str]]]:
        rows = child.read_conllu(path)
        return [(Doc(nlp.vocab, words=words), tags) for words, tags in rows]

    began = time.perf_counter()
    examples = [Example.from_dict(doc, {"tags": tags}) for doc, tags in made(train)]
    optimizer = nlp.initialize(lambda: examples)
    words = sum(len(example.reference) for example in examples)
    shuffler, sizes = random.Random(1), compounding(100, 1000, 1.001)
    preparing = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(epochs):
        shuffler.shuffle(examples)
        for batch in minibatch_by_words(examples, size=sizes, tolerance=0.2, discard_oversize=False):
            nlp.update(batch, sgd=optimizer)
    seconds = time.perf_counter() - began
    found = {
        "import_seconds": importing,
        "seconds": preparing + seconds,
        "epochs": epochs,
        "words_per_second": words * epochs / seconds,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }

    def tags_of(rows: list[list[str]]) -> list[list[str]]:
        docs = [Doc(nlp.vocab, words=words) for words in rows]
        return [[token.tag_ for token in doc] for doc in nlp.pipe(docs, batch_size=256)]

    assert nlp.pipe_names == ["tagger"], tagger
    return found | child.tagging_figures(tags_of, test)


if __name__ == "__main__":
    child.run(job)
