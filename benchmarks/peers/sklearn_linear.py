"""scikit-learn: TF-IDF of words and word pairs, logistic regression."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import child


def job(train: str, test: str, predict: bool = True, iterations: int = 300) -> dict[str, Any]:
    began = time.perf_counter()
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    importing = time.perf_counter() - began
    began = time.perf_counter()
    texts, labels = child.read_csv(train)
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=iterations),
    )
    model.fit(texts, labels)
    found = {
        "import_seconds": importing,
        "seconds": time.perf_counter() - began,
        "training_peak_memory_mb": child.peak_memory_mb(),
    }
    tests, gold = child.read_csv(test)
    found["accuracy"] = child.accuracy(model.predict(tests), gold)
    if predict:
        found["one_ms"] = child.milliseconds_of_one(lambda text: model.predict([text]), tests)
        found["texts_per_second"] = child.texts_per_second(model.predict, tests)
    return found


if __name__ == "__main__":
    child.run(job)
