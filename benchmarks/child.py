"""In a measured process: arguments in, one JSON line out. Standard library alone: a peer has no more."""

from __future__ import annotations

import csv
import gzip
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

STARTED = "BENCHMARK_STARTED"  # environment: time.time() when the process was started
THREADS = "BENCHMARK_THREADS"
WARM_UP_TEXTS = 50
ONE_TEXTS = 300
MANY_SECONDS = 2.0


def run(job: Callable[..., dict[str, Any]]) -> None:
    """Call `job` with the JSON object on the command line; print what it found and what it took of memory."""
    found = job(**json.loads(sys.argv[1]))
    print(json.dumps(found | {"peak_memory_mb": round(peak_memory_mb(), 1)}), flush=True)


def threads() -> int:
    return int(os.environ.get(THREADS, "2"))


def since_start() -> float:
    """Seconds since this process was started: interpreter and imports included."""
    return time.time() - float(os.environ[STARTED])


def peak_memory_mb() -> float:
    """The most memory held so far, in MB (10^6 bytes). On Linux not from getrusage, whose figure a process
    inherits from the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def milliseconds_of_one(answer: Callable[[str], Any], texts: Sequence[str]) -> float:
    """Median over texts, one call each, after a warm-up."""
    for text in texts[:WARM_UP_TEXTS]:
        answer(text)
    seconds = []
    for text in texts[:ONE_TEXTS]:
        began = time.perf_counter()
        answer(text)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1e3


def texts_per_second(answer: Callable[[list[Any]], Any], texts: list[Any]) -> float:
    """All texts given at once, again and again for a while, after one warm-up call."""
    answer(texts)
    done, began = 0, time.perf_counter()
    while done == 0 or time.perf_counter() - began < MANY_SECONDS:
        answer(texts)
        done += len(texts)
    return done / (time.perf_counter() - began)


def accuracy(said: Iterable[Any], labels: Sequence[Any]) -> float:
    return sum(one == other for one, other in zip(said, labels, strict=True)) / len(labels)


def opened(path: str | Path) -> TextIO:
    opener: Any = gzip.open if str(path).endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8", newline="")


def read_csv(path: str | Path) -> tuple[list[str], list[str]]:
    """(texts, labels) of a file with the columns text and label."""
    csv.field_size_limit(16 << 20)
    with opened(path) as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def read_labelled_lines(path: str | Path) -> Iterator[tuple[str, str]]:
    """(text, label) of each line "__label__NAME TEXT"."""
    with opened(path) as file:
        for line in file:
            label, _, text = line.rstrip("\n").partition(" ")
            yield text, label.removeprefix("__label__")


def read_conllu(path: str | Path) -> list[tuple[list[str], list[str]]]:
    """(forms, universal parts of speech) of each sentence; multiword tokens and empty nodes left out."""
    found: list[tuple[list[str], list[str]]] = []
    words: list[str] = []
    tags: list[str] = []
    with opened(path) as file:
        for line in chain(file, [""]):
            row = line.rstrip("\n").split("\t")
            if len(row) > 1:
                if row[0].isdecimal():
                    words.append(row[1])
                    tags.append(row[3])
            elif words and not line.startswith("#"):
                found.append((words, tags))
                words, tags = [], []
    return found


def tagging_figures(tags_of: Callable[[list[list[str]]], list[list[str]]], test: str) -> dict[str, Any]:
    """Accuracy of the tags of given words, and words tagged each second, all sentences given at once."""
    sentences = read_conllu(test)
    rows, golds = [words for words, _ in sentences], [tag for _, tags in sentences for tag in tags]
    said = [tag for tags in tags_of(rows) for tag in tags]
    rate = texts_per_second(tags_of, rows)
    return {"accuracy": accuracy(said, golds), "tagged_per_second": rate * len(golds) / len(rows)}
