"""What a model costs to use: seconds for one text, texts per second for many, memory."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from textladder.model import Model
from textladder.preparing import Part
from textladder.streams import count_characters, store_stream
from textladder.tasks.judging import Block
from textladder.text.store import Store
from textladder.text.tokenizing import BEGIN, END

ONE_TEXTS = 200  # single predictions timed
WARM_UP = 20  # before them, which are not: first calls choose kernels and fill caches
FEW_BLOCKS = 8  # of a language model's text judged together at first; doubled until it takes MANY_SECONDS
MANY_TEXTS = 5000  # texts predicted together
MANY_SECONDS = 0.5  # repeated until this long, so that fast models are not measured by one tick


def measure(model: Model, part: Part) -> dict[str, Any]:
    """{"latency_ms": {"p50", "p95"}, "throughput"}: from raw text to outcome, tokenising included, on texts
    of `part`; latency is of one text alone, throughput in texts/s when many are given at once."""
    examples = Part(part.corpus, part.rows[:MANY_TEXTS]).examples()
    asked_of = model.task.asked_of or model.task.texts_a_row
    texts = [e.texts[0] if asked_of == 1 else e.texts for e in examples]
    for text in texts[:WARM_UP]:
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


def measure_stream(model: Any, part: Part) -> dict[str, Any]:
    """The same of a language model (`Model`, or `CountedModel`): latency is of one more unit of one text, its
    distribution over the vocabulary included; throughput is in characters/s of texts that are judged, from
    raw text to what each block costs, so that rungs of different units can be compared."""
    p50, p95 = np.percentile(_unit_seconds(model, part), [50, 95]) * 1000
    throughput = _judged_per_second(model, part)
    return {"latency_ms": {"p50": round(p50, 4), "p95": round(p95, 4)}, "throughput": round(throughput, 1)}


def training_rates(part: Part, store: Store, seconds: float, epochs: float) -> dict[str, Any]:
    """What a language model was trained on, and how fast: {"training_units", "training_characters", each also
    "..._per_second"}. store: of `part`."""
    counts = {
        "units": int(store.columns["text"].offsets[-1]),
        "characters": sum(int(count_characters(texts).sum()) for texts in part.texts()),
    }
    rates = {f"{name}_per_second": round(n * epochs / max(seconds, 1e-9), 1) for name, n in counts.items()}
    return {f"training_{name}": value for name, value in (counts | rates).items()}


def _unit_seconds(model: Any, part: Part) -> list[float]:
    """Seconds for each of the units of the text, written one after the other."""
    begin, ids = BEGIN, [END]
    for texts in Part(part.corpus, part.rows[:FEW_BLOCKS]).texts():
        ids = model.tokenizer.encode(texts).flat[: WARM_UP + ONE_TEXTS].tolist() or ids
    step, start = model.stepper()
    seconds = []
    with model.predicting() if isinstance(model, Model) else nullcontext():
        state = start(1)
        for unit in [begin, *ids]:
            last = torch.tensor([unit])
            began = time.perf_counter()
            _, state = step(last, state)
            seconds.append(time.perf_counter() - began)
    return seconds[WARM_UP:] or seconds


def _judged_per_second(model: Any, part: Part) -> float:
    blocks, done, spent = FEW_BLOCKS, 0, 0.0
    while done == 0 or spent < MANY_SECONDS:
        taken = Part(part.corpus, part.rows[:blocks])
        with tempfile.TemporaryDirectory(prefix="textladder-") as folder:
            began = time.perf_counter()
            store = store_stream(taken, model.tokenizer, model.labels, Path(folder) / "ids", judged=True)
            found = model.block_outcomes(store)
            spent = time.perf_counter() - began
        done = int(found[:, Block.CHARACTERS].sum())
        if blocks >= len(part):
            break
        blocks *= 2
    return done / max(spent, 1e-9)


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in MB (10^6 bytes). On Linux not from getrusage,
    whose figure a process inherits from the one that started it (as in benchmarks/child.py, which must not
    import this)."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
