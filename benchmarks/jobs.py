"""What is measured: per job the systems that take turns, and the lines of the table that come out."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness import OUT, Result, System, run_once


@dataclass(frozen=True)
class Line:
    """One line of the table. `metric` and `peer_metric` name figures in what the systems report. reach: what
    is asked of ours / theirs, or of our figure; for "equal" how far the ratio, or its inverse, may be above
    1. quality: not met if our accuracy is lower."""

    what: str
    ours: str
    metric: str
    unit: str
    better: Literal["higher", "lower", "equal"]
    reach: float | None = None
    peer: str | None = None
    peer_metric: str | None = None
    reach_on: Literal["ratio", "value"] = "ratio"
    quality: bool = False

    def row(self, found: dict[str, Result]) -> dict[str, Any]:
        """The line with its figures; "met" is None where nothing was asked or nothing could be measured."""
        ours, theirs = found[self.ours], found.get(self.peer or "", {})
        value, other = ours.get(self.metric), theirs.get(self.peer_metric or self.metric)
        ratio = value / other if value is not None and other else None
        judged = ratio if self.reach_on == "ratio" else value
        met = None
        if self.reach is not None and judged is not None:
            if self.better == "equal":
                judged = max(judged, 1 / judged) if judged > 0 else math.inf
            met = judged >= self.reach if self.better == "higher" else judged <= self.reach
            if met and self.quality:
                both = [side.get("accuracy") for side in (ours, theirs)]
                met = None if None in both else both[0] >= both[1]
        return {
            "what": self.what,
            "unit": self.unit,
            "better": self.better,
            "ours": value,
            "peer": self.peer,
            "theirs": other,
            "ratio": ratio,
            "reach": self.reach,
            "reach_on": self.reach_on,
            "met": met,
            "quality": [ours.get("accuracy"), theirs.get("accuracy")],
            "memory": [ours.get("training_peak_memory_mb"), theirs.get("training_peak_memory_mb")],
            "errors": [side["error"] for side in (ours, theirs) if "error" in side],
        }


@dataclass(frozen=True)
class Job:
    systems: list[System]
    lines: list[Line]
    repeats: int | None = None  # None: what the caller asks for
    files: list[Path] = field(default_factory=list)  # removed afterwards
    full: list[System] = field(default_factory=list)  # by name: run apart and not timed, for their quality


def made(make: str, **arguments: Any) -> dict[str, Any]:
    """Files of a job, made in a process of their own."""
    found = run_once(System(make, "benchmarks.ours.data", {"make": make, **arguments}), threads=2)
    if "error" in found:
        raise SystemExit(f"The files for {make} could not be made: {found['error']}")
    return found


def ours(name: str, rung: str, files: dict[str, Any], kind: str = "csv", **more: Any) -> System:
    parts = {part: files[f"{part}_{kind}"] for part in ("train", "dev", "test")}
    return System(name, "benchmarks.ours.classify", {"rung": rung, **parts, **more})


def peer(name: str, module: str, **arguments: Any) -> System:
    return System(name, f"benchmarks.peers.{module}", arguments, python="peers")


TOKENISED = "ngrams, tokenised file"
SAME_CUTS = ['tokenizer.units="whitespace"']  # the file is tokenised already, for fastText and for us


def bags(quick: bool) -> Job:
    """`ngrams` and `bow` on AG News: training, one text, many texts."""
    files = made("shuffled", name="ag_news", limit=600 if quick else 0)
    epochs = 2 if quick else 15
    systems = [
        *tokenised(files, epochs),
        ours("ngrams", "ngrams", files, epochs=epochs),
        peer("scikit-learn", "sklearn_linear", train=files["train_csv"], test=files["test_csv"]),
        ours("bow", "bow", files, epochs=epochs),
        peer(
            "spaCy bow",
            "spacy_textcat",
            train=files["train_csv"],
            test=files["test_csv"],
            kind="bow",
            epochs=1,
        ),
    ]
    lines = [
        *training_lines("AG News sample"),
        *(
            Line(f"{rung}: one text, p50", rung, "one_ms", "ms", "lower", 0.15, other, reach_on="value")
            for rung in ("ngrams", "bow")
            for other in ("fastText", "scikit-learn", "spaCy bow")
        ),
        *(
            Line(f"{rung}: many texts", rung, "texts_per_second", "texts/s", "higher", reach, other)
            for rung in ("ngrams", "bow")
            for other, reach in (("fastText", 1.0), ("scikit-learn", None), ("spaCy bow", None))
        ),
    ]
    return Job(systems, lines)


def bags_many(quick: bool) -> Job:
    """`ngrams` on 500,000 rows."""
    count = 5000 if quick else 500_000
    files = made("many", count=count, limit=600 if quick else 0)
    epochs = 1 if quick else 5
    return Job(tokenised(files, epochs, predict=False), training_lines(f"{count:,} rows"))


def tokenised(files: dict[str, str], epochs: int, predict: bool = True) -> list[System]:
    """Ours and fastText's on the same file, whose units have a blank between them. predict: of fastText."""
    given = {"train": files["train_txt"], "test": files["test_txt"], "epochs": epochs, "predict": predict}
    return [
        ours(TOKENISED, "ngrams", files, "txt", epochs=epochs, settings=SAME_CUTS, predict=False),
        peer("fastText", "fasttext_supervised", **given),
    ]


def training_lines(data: str) -> list[Line]:
    """Of `tokenised`. Seconds are of the same epochs over the same texts: their inverse ratio is that of
    texts/s."""
    what, name = f"ngrams, {data}:", TOKENISED
    same: dict[str, Any] = {"peer": "fastText", "quality": True}
    return [
        Line(f"{what} reading, tokenising, training", name, "seconds", "s", "lower", 1.0, **same),
        Line(
            f"{what} training steps alone",
            name,
            "training_seconds",
            "s",
            "lower",
            peer="fastText",
            peer_metric="seconds",
        ),
        Line(f"{what} whole process, file to saved model", name, "whole_seconds", "s", "lower", **same),
    ]


def bilstm(quick: bool) -> Job:
    """`bilstm` for two epochs, beside the notebook's loop of the same widths."""
    systems, lines = [], []
    limit = 300 if quick else 0
    for data in ("ag_news", "rt_polarity"):
        files = made("shuffled", name=data, limit=limit)
        mine, other = f"bilstm {data}", f"notebook {data}"
        notebook = {"train": files["train_csv"], "test": files["test_csv"], "epochs": 2}
        systems += [
            ours(mine, "bilstm", files, epochs=2),
            System(other, "benchmarks.peers.notebook_bilstm", notebook),  # in our environment: the same torch
        ]
        lines += [
            Line(f"bilstm, {data}: training", mine, "words_per_second", "words/s", "higher", 4.0, other),
            Line(
                f"bilstm, {data}: one text, p50", mine, "one_ms", "ms", "lower", 0.8, other, reach_on="value"
            ),
        ]
    return Job(systems, lines)


def cnn(quick: bool) -> Job:
    """`cnn` as shipped, beside spaCy's ensemble in five epochs: what is loaded once counts for little."""
    files = made("shuffled", name="ag_news", limit=300 if quick else 0)
    systems = [
        ours("cnn", "cnn", files, epochs=1 if quick else None),
        peer(
            "spaCy ensemble",
            "spacy_textcat",
            train=files["train_csv"],
            test=files["test_csv"],
            kind="ensemble",
            epochs=1 if quick else 5,
        ),
    ]
    what = "cnn, AG News sample: training"
    return Job(
        systems,
        [Line(what, "cnn", "words_per_second", "words/s", "higher", 10.0, "spaCy ensemble", quality=True)],
    )


def attention(quick: bool) -> Job:
    """Share of the machine's matrix rate, for the shipped recipe and for wider nets."""
    short = made("shuffled", name="ag_news", limit=300 if quick else 0)
    steps = 3 if quick else 60
    systems, lines = [], []
    wide = [
        "encoder.embedding_dim={0}",
        "encoder.feedforward_dim={1}",
        "encoder.num_heads={2}",
        "encoder.num_layers=4",
    ]
    for name, settings in (
        ("attention as shipped", []),
        ("attention, width 256, 4 layers", [part.format(256, 1024, 4) for part in wide]),
        ("attention, width 384, 4 layers", [part.format(384, 1536, 6) for part in wide]),
    ):
        # Both precisions: where the processor has matrix instructions for bfloat16, its rate is many times
        # that of float32, a smaller share of it is reached, and training is faster all the same.
        for precision in ("float32", "bfloat16"):
            system = f"{name}, {precision}"
            arguments = {
                "train": short["train_csv"],
                "dev": short["dev_csv"],
                "settings": [*settings, f'training.precision="{precision}"'],
                "steps": steps,
            }
            systems.append(System(system, "benchmarks.ours.attention", arguments))
            what = f"{system}: share of the matrix rate in training"
            lines.append(Line(what, system, "share", "of 1", "higher", 0.4, reach_on="value"))
    return Job(systems, lines)


def reading(quick: bool) -> Job:
    """A CSV file into the store, beside tokenising alone."""
    files = made("imdb", limit=300 if quick else 0)
    systems, lines = [], []
    for units in ("word", "bpe"):
        arguments = {"file": files["csv"], "tokenizer": files[units]}
        mine, other = f"store, {units}", f"tokenizers, {units}"
        systems += [
            System(mine, "benchmarks.ours.reading", {**arguments, "units": units}),
            System(other, "benchmarks.peers.tokenizers_encode", arguments),
        ]
        what = f"reading + tokenising IMDB into the store, {units} units"
        lines.append(Line(what, mine, "texts_per_second", "texts/s", "higher", 0.8, other))
    return Job(systems, lines)


def memory(quick: bool) -> Job:
    """Peak memory of training on IMDB once, 10 and 40 times over."""
    times = (1, 2) if quick else (1, 10, 40)
    systems, lines, files = [], [], []
    limit = 300 if quick else 0
    held = "training_peak_memory_mb"
    for count in times:
        found = made("repeated", limit=limit, repeats=count)
        files.append(Path(found["csv"]).parent)
        command = [
            "train",
            found["csv"],
            "--rung",
            "ngrams",
            "--out",
            "{out}",
            "--set",
            "training.epochs=1",
            "--overwrite",
        ]
        systems += [
            System(f"ngrams x{count}", "benchmarks.ours.command", {"arguments": command}),
            peer(
                f"fastText x{count}",
                "fasttext_supervised",
                train=found["txt"],
                test=made("shuffled", name="ag_news", limit=300)[
                    "test_txt"
                ],  # only memory in training counts
                epochs=1,
                predict=False,
            ),
        ]
        if count <= 10:
            test = made("shuffled", name="ag_news", limit=300)["test_csv"]
            systems.append(
                peer(
                    f"scikit-learn x{count}",
                    "sklearn_linear",
                    train=found["csv"],
                    test=test,
                    predict=False,
                    iterations=20,
                )
            )
    once = f"x{times[0]}"
    for count in times[1:]:
        for name, most in (("ngrams", 1.1), ("fastText", None), ("scikit-learn", None)):
            if name != "scikit-learn" or count <= 10:
                what = f"{name}: peak memory, IMDB x{count} over {once}"
                lines.append(Line(what, f"{name} x{count}", held, "MB", "lower", most, f"{name} {once}"))
    return Job(systems, lines, repeats=1, files=files)


def starting(quick: bool) -> Job:
    """`--help` and imports."""
    repeats = 1 if quick else 5
    systems = [
        System("textladder", "benchmarks.ours.starting", {"repeats": repeats}),
        peer("spaCy", "starting", names=["spacy"], repeats=repeats),
    ]
    lines = [
        Line(
            "textladder --help, whole process",
            "textladder",
            "help_seconds",
            "s",
            "lower",
            0.3,
            reach_on="value",
        ),
        Line(
            "import textladder",
            "textladder",
            "import textladder",
            "s",
            "lower",
            None,
            "spaCy",
            "import spacy",
        ),
        Line(
            "import textladder.run",
            "textladder",
            "import textladder.run",
            "s",
            "lower",
            None,
            "spaCy",
            "import spacy",
        ),
        Line("import torch", "textladder", "import torch", "s", "lower", None, "spaCy", "import spacy"),
    ]
    return Job(systems, lines, repeats=1)


JOBS: dict[str, Callable[[bool], Job]] = {
    "starting": starting,
    "bags": bags,
    "bags-many": bags_many,
    "bilstm": bilstm,
    "cnn": cnn,
    "attention": attention,
    "reading": reading,
    "memory": memory,
}


def clean(job: Job) -> None:
    """Remove what is too large to keep."""
    for folder in job.files:
        if OUT in folder.parents:
            shutil.rmtree(folder, ignore_errors=True)
