"""spaCy's text categoriser, trained with `nlp.update` as in its documentation."""

from __future__ import annotations

import random
import time
from typing import Any

from benchmarks import child

BATCH = 128
MODELS = {
    "bow": {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": True,
        "ngram_size": 2,
        "no_output_layer": False,
        "length": 262144,
    },
    "ensemble": None,  # textcat's default
}


def job(
    train: str, test: str, kind: str, epochs: int, predict: bool = True, limit: int = 0
) -> dict[str, Any]:
    began = time.perf_counter()
    import spacy
    from spacy.training import Example

    importing = time.perf_counter() - began
    texts, labels = child.read_csv(train)
    texts, labels = (texts[:limit], labels[:limit]) if limit else (texts, labels)
    names = sorted(set(labels))
    nlp = spacy.blank("en")
    config = {"model": MODELS[kind]} if MODELS[kind] else {}
    nlp.add_pipe("textcat", config=config)
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == label) for name in names}})
        for text, label in zip(texts, labels, strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    words = sum(len(example.reference) for example in examples)
    shuffler = random.Random(1)
    began = time.perf_counter()
    for _ in range(epochs):
        shuffler.shuffle(examples)
        for start in range(0, len(examples), BATCH):
            nlp.update(examples[start : start + BATCH], sgd=optimizer)
    seconds = time.perf_counter() - began
    found = {
        "import_seconds": importing,
        "seconds": seconds,
        "epochs": epochs,
        "words_per_second": words * epochs / seconds,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }

    def label_of(doc: Any) -> str:
        return max(doc.cats, key=doc.cats.get)

    tests, gold = child.read_csv(test)
    found["accuracy"] = child.accuracy([label_of(doc) for doc in nlp.pipe(tests, batch_size=256)], gold)
    if predict:
        found["one_ms"] = child.milliseconds_of_one(lambda text: label_of(nlp(text)), tests)
        found["texts_per_second"] = child.texts_per_second(
            lambda many: [label_of(doc) for doc in nlp.pipe(many, batch_size=256)], tests[:2000]
        )
    return found


if __name__ == "__main__":
    child.run(job)
