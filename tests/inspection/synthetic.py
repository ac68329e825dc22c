"""A compare folder as a real comparison leaves it, with invented answers: 4 rungs, 300 texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from textladder.comparing import summarise
from textladder.metrics.intervals import bootstrap
from textladder.metrics.reports import score_single, statistic_single

LABELS = ["English", "Greek", "עברית", "Czech & Slovak", "<script>alert('label')</script>"]
TEXTS = 300
# rung: (accuracy aimed at, p50 ms, training seconds, MB, parameters)
RUNGS = {
    "bow": (0.70, 0.04, 1.4, 0.9, 61_205),
    "ngrams": (0.82, 0.05, 2.1, 8.4, 2_100_005),
    "cnn": (0.80, 0.31, 14.0, 3.1, 760_325),
    "bilstm": (0.86, 0.74, 41.0, 3.6, 893_445),
}
STOPPED = {"rnn": "stopped after round 1 (12 s): dev 0.610, behind bilstm by 0.220"}
PIECES = ["σήμερα", "dnešek", "today", "היום", "a fox", "jumped", "<b>bold</b>", "👩‍👩‍👧", "&amp;", "naïve"]


def make(folder: Path, *, seeds: int = 1, texts: int = TEXTS, curve: bool = True) -> dict[str, Any]:
    """Write the run folders under `folder` and return the comparison, with compare.json written too."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, len(LABELS), texts)
    written = [" ".join(rng.choice(PIECES, rng.integers(1, 7))) for _ in range(texts)]
    written[0] = "<script>alert('text')</script> " + written[0]
    written[1] = "long " * 400
    hard = rng.normal(size=texts)
    runs = []
    for rung, (aim, *costs) in RUNGS.items():
        for seed in range(1, seeds + 1):
            for share in (0.1, 0.3, 1.0) if curve and rung == "bilstm" else (1.0,):
                name = f"runs/{rung}-seed{seed}" + ("" if share == 1 else f"-{share * 100:.0f}pct")
                probabilities = _answers(rng, gold, hard, aim - 0.1 * (1 - share))
                scores = _run(folder / name, rung, seed, share, written, gold, probabilities, costs)
                runs.append((name, share, scores))
    comparison = summarise(
        runs,
        folder=folder,
        stopped=STOPPED,
        command="textladder compare 'my reviews.csv' --rungs bow,ngrams,rnn,cnn,bilstm --out runs/reviews",
        data={
            "file": "my reviews.csv",
            "train": 2400,
            "dev": 300,
            "test": texts,
            "notes": [
                "text column: review; label column: language",
                "12 exact duplicates were left out of train",
            ],
        },
        environment={
            "textladder": "0.1.0",
            "python": "3.11.9",
            "processor": "Some Processor <8 cores>",
            "threads": 2,
        },
    )
    (folder / "compare.json").write_text(json.dumps(comparison, ensure_ascii=False), encoding="utf-8")
    return comparison


def _answers(rng: np.random.Generator, gold: Any, hard: Any, aim: float) -> Any:
    """Probabilities [n, L]: right on about a share `aim` of the texts; some texts are hard for every rung."""
    count = len(gold)
    right = 0.8 * hard + 0.6 * rng.normal(size=count) < np.quantile(hard, aim)
    other = (gold + rng.integers(1, len(LABELS), count)) % len(LABELS)
    logits = rng.normal(size=(count, len(LABELS)))
    logits[np.arange(count), np.where(right, gold, other)] += 2.5 + rng.exponential(1.5, count)
    logits = 1.6 * logits
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _run(
    folder: Path, rung: str, seed: int, share: float, texts: Any, gold: Any, probabilities: Any, costs: Any
) -> dict[str, Any]:
    folder.mkdir(parents=True)
    predicted = probabilities.argmax(axis=1)
    scored = score_single(probabilities, gold, LABELS)
    interval = bootstrap(statistic_single(gold, predicted, len(LABELS), "accuracy"))
    p50, seconds, size, parameters = costs
    scores = {
        "format_version": 1,
        "task": "classify",
        "rung": rung,
        "seed": seed,
        "units": "word",
        "metric": "accuracy",
        "higher_is_better": True,
        "dev": {"score": scored.headline - 0.004, "interval": [0, 1], "count": 300, "scores": {}},
        "test": {
            "score": scored.headline,
            "interval": [interval.low, interval.high],
            "count": len(gold),
            "scores": scored.values,
            "details": scored.details,
        },
        "training_seconds": seconds * share,
        "epochs": 5,
        "best_epoch": 4,
        "stopped": "max_seconds" if rung == "cnn" else "early stopping",
        "peak_memory_mb": 412.0,
        "parameters": parameters,
        "size_mb": size,
        "latency_ms": {"p50": p50, "p95": p50 * 1.8},
        "throughput": 4000 / p50,
        "training_texts": int(2400 * share),
        "precision": "float32",
        "tokenizer": {"units": "word", "vocabulary": 12000, "texts_cut": {"train": 3, "test": 0}},
    }
    (folder / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    with (folder / "predictions.jsonl").open("w", encoding="utf-8") as file:
        for i, text in enumerate(texts):
            line = {
                "where": f"my reviews.csv:{i + 2}",
                "text": text,
                "label": LABELS[gold[i]],
                "predicted": LABELS[predicted[i]],
                "correct": bool(gold[i] == predicted[i]),
                "confidence": float(probabilities[i].max()),
                "probabilities": dict(zip(LABELS, probabilities[i].tolist(), strict=True)),
            }
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    best = scored.headline - 0.004
    log = [{"event": "step", "step": 10, "epoch": 0.4, "seconds": 1.0, "loss": 1.1}]
    for epoch in range(1, 6):
        log.append(
            {
                "event": "check",
                "step": epoch * 25,
                "epoch": epoch,
                "seconds": seconds * epoch / 5,
                "dev_score": best - 0.25 / epoch**1.5 + 0.25 / 8 if epoch < 4 else best - 0.01 * (epoch == 5),
                "dev_loss": 1.2 / epoch,
                "best": epoch <= 4 or rung == "cnn",
            }
        )
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log), encoding="utf-8")
    return scores
