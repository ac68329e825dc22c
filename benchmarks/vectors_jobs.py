"""What is measured of word vectors: per job the systems that take turns, and the lines of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.harness import OUT, System, run_once
from benchmarks.jobs import Job, Line

HELD = "training_peak_memory_mb"
# Each peer keeps its own default of the sub-sampling threshold; ours takes that of the peer beside it.
GENSIM_SAMPLE, FASTTEXT_SAMPLE = 1e-3, 1e-4
# Peers of no asked figure that take six minutes for five epochs are timed over fewer, and so is ours beside
# them; the quality of both is that of runs over all epochs, made apart (`--quality`).
TIMED_EPOCHS = 1
SAVED = OUT / "vectors" / "saved"


def made(make: str, **arguments: Any) -> dict[str, Any]:
    """Files of a job, made in a process of their own."""
    found = run_once(System(make, "benchmarks.ours.vectors_data", {"make": make, **arguments}), threads=2)
    if "error" in found:
        raise SystemExit(f"The files for {make} could not be made: {found['error']}")
    return found


def corpus(quick: bool, repeats: int = 1) -> dict[str, Any]:
    SAVED.mkdir(parents=True, exist_ok=True)
    found = made("corpus", quick=quick, repeats=repeats)
    return {"file": found["file"], "words": found["words"], "out": str(SAVED)}


def ours(name: str, method: str, files: dict[str, Any], **settings: Any) -> System:
    arguments = {"task": "train", "method": method, **files, "settings": settings}
    return System(name, "benchmarks.ours.vectors", arguments)


def gensim(name: str, method: str, files: dict[str, Any], epochs: int) -> System:
    arguments = {"task": "train", "method": method, **files, "epochs": epochs, "sample": GENSIM_SAMPLE}
    return System(name, "benchmarks.peers.gensim_vectors", arguments, python="peers")


def fasttext(name: str, method: str, files: dict[str, Any], epochs: int, subwords: bool) -> System:
    arguments = {
        "method": method,
        **files,
        "epochs": epochs,
        "sample": FASTTEXT_SAMPLE,
        "subwords": subwords,
    }
    return System(name, "benchmarks.peers.fasttext_vectors", arguments, python="peers")


def speed(what: str, mine: str, reach: float | None, other: str) -> list[Line]:
    """Words a second from the file to vectors in memory, and whole processes, with quality beside them."""
    return [
        Line(f"{what}: training", mine, "words_per_second", "words/s", "higher", reach, other, quality=True),
        Line(f"{what}: whole process", mine, "whole_seconds", "s", "lower", None, other, quality=True),
    ]


def skipgram(quick: bool, epochs: int) -> Job:
    files = corpus(quick)
    systems = [
        ours("skip-gram", "skipgram", files, epochs=epochs, sample=GENSIM_SAMPLE),
        gensim("gensim skip-gram", "skipgram", files, epochs),
    ]
    return Job(
        systems,
        [
            *speed("skip-gram", "skip-gram", 4.0, "gensim skip-gram"),
            Line("skip-gram: peak memory", "skip-gram", HELD, "MB", "lower", 1.5, "gensim skip-gram"),
        ],
    )


def plain(quick: bool, epochs: int) -> Job:
    """Skip-gram beside fastText's program without its subwords, which takes minutes: see TIMED_EPOCHS."""
    files = corpus(quick)
    mine, other = "skip-gram beside fastText", "fastText without subwords"

    def systems(passes: int) -> list[System]:
        return [
            ours(mine, "skipgram", files, epochs=passes, sample=FASTTEXT_SAMPLE),
            fasttext(other, "skipgram", files, passes, subwords=False),
        ]

    lines = speed("skip-gram", mine, None, other)
    return Job(systems(TIMED_EPOCHS), lines, full=systems(epochs))


def cbow(quick: bool, epochs: int) -> Job:
    files = corpus(quick)
    systems = [
        ours("CBOW", "cbow", files, epochs=epochs, sample=GENSIM_SAMPLE),
        gensim("gensim CBOW", "cbow", files, epochs),
    ]
    memory = Line("CBOW: peak memory", "CBOW", HELD, "MB", "lower", 1.5, "gensim CBOW")
    return Job(systems, [*speed("CBOW", "CBOW", 2.0, "gensim CBOW"), memory])


def subwords(quick: bool, epochs: int) -> Job:
    files = corpus(quick)
    systems = [
        ours("subwords 3-6", "fasttext", files, epochs=epochs, sample=FASTTEXT_SAMPLE),
        fasttext("fastText 3-6", "skipgram", files, epochs, subwords=True),
    ]
    memory = Line("subwords 3-6: peak memory", "subwords 3-6", HELD, "MB", "lower", None, "fastText 3-6")
    return Job(systems, [*speed("subwords 3-6", "subwords 3-6", 4.0, "fastText 3-6"), memory])


def subwords_gensim(quick: bool, epochs: int) -> Job:
    files = corpus(quick)
    mine, other = "subwords 3-6 beside gensim", "gensim FastText 3-6"

    def systems(passes: int) -> list[System]:
        return [
            ours(mine, "fasttext", files, epochs=passes, sample=GENSIM_SAMPLE),
            gensim(other, "fasttext", files, passes),
        ]

    return Job(systems(TIMED_EPOCHS), speed("subwords 3-6", mine, None, other), full=systems(epochs))


def glove(quick: bool, epochs: int) -> Job:
    """No peer of GloVe is on PyPI: it stands beside our own skip-gram."""
    files = corpus(quick)
    systems = [
        ours("GloVe", "glove", files, epochs=15),
        ours("skip-gram beside GloVe", "skipgram", files, epochs=epochs, sample=GENSIM_SAMPLE),
    ]
    asked: dict[str, Any] = {"peer": "skip-gram beside GloVe", "quality": True}
    return Job(
        systems,
        [
            Line("GloVe: counting and 15 iterations", "GloVe", "seconds", "s", "lower", 1.0, **asked),
            Line("GloVe: peak memory", "GloVe", HELD, "MB", "lower", None, "skip-gram beside GloVe"),
        ],
    )


def neighbours(quick: bool, epochs: int) -> Job:
    found = made("made_up", quick=quick)
    arguments = {"task": "similar", "file": found["binary"], "queries": found["queries"]}
    systems = [
        System("most_similar", "benchmarks.ours.vectors", arguments),
        System("gensim most_similar", "benchmarks.peers.gensim_vectors", arguments, python="peers"),
    ]
    what = "most_similar, one word in 400,000 x 300, p50"
    return Job(systems, [Line(what, "most_similar", "one_ms", "ms", "lower", 1 / 1.5, "gensim most_similar")])


def loading(quick: bool, epochs: int) -> Job:
    found = made("made_up", quick=quick)
    systems, lines = [], []
    for kind, reach in (("text", 1 / 3), ("binary", None)):
        arguments = {"task": "load", "file": found[kind]}
        mine, other = f"loading, {kind}", f"gensim loading, {kind}"
        systems += [
            System(mine, "benchmarks.ours.vectors", arguments),
            System(other, "benchmarks.peers.gensim_vectors", arguments, python="peers"),
        ]
        lines += [
            Line(f"loading 400,000 x 300, {kind}", mine, "seconds", "s", "lower", reach, other),
            Line(
                f"loading 400,000 x 300, {kind}: memory", mine, "peak_memory_mb", "MB", "lower", None, other
            ),
        ]
    return Job(systems, lines)


def growth(quick: bool, epochs: int) -> Job:
    """The corpus ten times over: ten times the time, the same memory. The same words are kept."""
    systems = [
        ours(
            f"skip-gram x{times}",
            "skipgram",
            corpus(quick, times),
            epochs=1,
            sample=GENSIM_SAMPLE,
            min_count=5 * times,
        )
        for times in (1, 10)
    ]
    lines = [
        Line(
            f"skip-gram, corpus x10 over x1: {what}",
            "skip-gram x10",
            key,
            unit,
            "lower",
            reach,
            "skip-gram x1",
        )
        for what, key, unit, reach in (("time", "seconds", "s", 10.5), ("peak memory", HELD, "MB", 1.1))
    ]
    return Job(systems, lines)


def threads(quick: bool, epochs: int) -> Job:
    files = corpus(quick)
    systems, lines = [], []
    for method in ("skipgram", "cbow"):
        one, two = f"{method}, 1 thread", f"{method}, 2 threads"
        systems += [
            ours(name, method, files, epochs=1, sample=GENSIM_SAMPLE, threads=count)
            for name, count in ((one, 1), (two, 2))
        ]
        lines.append(
            Line(f"{method}: 2 threads over 1", two, "words_per_second", "words/s", "higher", 1.8, one)
        )
    return Job(systems, lines)


JOBS: dict[str, Callable[[bool, int], Job]] = {
    "skipgram": skipgram,
    "plain": plain,
    "cbow": cbow,
    "subwords": subwords,
    "subwords-gensim": subwords_gensim,
    "glove": glove,
    "neighbours": neighbours,
    "loading": loading,
    "growth": growth,
    "threads": threads,
}
