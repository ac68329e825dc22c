"""What a model costs to use: seconds for one text, texts per second for many, memory."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import numpy as np

from textladder.model import Model
from textladder.preparing import Part

ONE_TEXTS = 200  # single predictions timed
MANY_TEXTS = 5000  # texts predicted together
MANY_SECONDS = 0.5  # repeated until this long, so that fast models are not measured by one tick


def measure(model: Model, part: Part) -> dict[str, Any]:
    """{"latency_ms": {"p50", "p95"}, "throughput"}: from raw text to outcome, tokenising included, on texts
    of `part`; latency is of one text alone, throughput in texts/s when many are given at once."""
    texts = [example.texts[0] for example in Part(part.corpus, part.rows[:MANY_TEXTS]).examples()]
    for text in texts[:20]:  # first calls choose kernels and fill caches
        model.predict([text])
    seconds = []
    for text in texts[:ONE_TEXTS]:
        began = time.perf_counter()
        model.predict([text])
        seconds.append(time.perf_counter() - began)
    model.predict(texts[:100])
    done, began = 0, time.perf_counter()
    while done == 0 or time.perf_counter() - began < MANY_SECONDS:
        model.predict(texts)
        done += len(texts)
    throughput = done / (time.perf_counter() - began)
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return {"latency_ms": {"p50": round(p50, 4), "p95": round(p95, 4)}, "throughput": round(throughput, 1)}


def measure_stream(model: Model, part: Part) -> dict[str, Any]:
    """The same of a language model: latency is of one more unit of one text, throughput in units/s of texts
    that are judged."""
    return {"latency_ms": {"p50": 0.0, "p95": 0.0}, "throughput": 0.0}  # to be measured: issue 3


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in MB (10^6 bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
