"""Counting the words of a corpus of any size, on all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from textladder.ragged import Ragged
from textladder.text import fitting
from textladder.text.tokenizing import SPECIAL, TokenizerConfig
from textladder.vectors.config import VectorsConfig
from textladder.vectors.progress import Progress, Report, processors

REPORT_SECONDS = 0.25


def tokenizing(config: VectorsConfig) -> TokenizerConfig:
    """How texts are cut into words."""
    return TokenizerConfig(units=config.units, lowercase=config.lowercase)


@dataclass(frozen=True)
class Counted:
    """How often words occur: those that were asked for, and the most frequent ones in any case. total: of all
    words; different: how many there are. size: bytes read. notes: what had to be forgotten."""

    counts: Mapping[str, int]
    total: int
    different: int
    size: int
    notes: list[str]


def count(
    chunks: Iterator[Ragged],
    config: VectorsConfig,
    report: Report | None,
    *,
    least: int = 1,
    most_words: int | None = None,
) -> Counted:
    """How often each word occurs in texts (UTF-8) that does so `least` times or more.

    Each thread counts the chunks that it takes. There are at most `most_words` different words in memory:
    beyond it the rarest are forgotten (lossy counting, Manku and Motwani 2002).
    """
    threads = processors(config.threads)
    limit = max((most_words or fitting.MOST_UNITS) // threads, 1)
    forgotten: list[int] = []
    shared = _Shared(chunks)
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        try:
            parts = [
                pool.submit(fitting.tally, shared, tokenizing(config), limit, forgotten.append)
                for _ in range(threads)
            ]
            while wait(parts, REPORT_SECONDS).not_done:
                if report is not None:
                    seconds = time.perf_counter() - began
                    report(Progress("count", shared.bytes / 1e6, None, seconds, unit="MB"))
        finally:
            shared.stopped = True
    tally = parts.pop().result()
    while parts:
        tally.add(parts.pop().result())
    counts, total, different = tally.frequent(least)
    for unit in SPECIAL:
        if unit in counts:  # <unk> as a text may spell it
            total, different = total - counts.pop(unit), different - 1
    notes = []
    if forgotten:
        notes.append(
            f"there were more than {limit * threads:,} different words: the rarest were forgotten "
            f"{len(forgotten)} times while counting, so that counts may be up to {sum(forgotten):,} too low."
        )
    return Counted(counts, total, different, shared.bytes, notes)


class _Shared:
    """An iterator from which several threads take."""

    def __init__(self, chunks: Iterator[Ragged]) -> None:
        self._chunks, self._lock = chunks, threading.Lock()
        self.bytes, self.stopped = 0, False

    def __iter__(self) -> Iterator[Ragged]:
        while True:
            with self._lock:
                chunk = None if self.stopped else next(self._chunks, None)
                if chunk is None:
                    return
                self.bytes += len(chunk.flat)
            yield chunk
