"""What is measured of taggers: parts of speech of English EWT, beside spaCy and CRFsuite."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks import child
from benchmarks.harness import OUT, System, data_folder
from benchmarks.jobs import Job, Line, peer

FOLDER = "ud_english_ewt"
EPOCHS = {"window": 6, "bilstm": 4, "spaCy tagger": 3}  # the fewest that come to spaCy's accuracy on dev
ITERATIONS = 30
RUNGS = ("window", "bilstm")
# What early stopping would find is of no use here, and no rung takes more epochs than it is given.
FIXED = ["training.min_steps=0"]


def tagging(quick: bool) -> Job:
    """Training of so many epochs, and tags of given words; each system reads the same sentences."""
    parts = {part: str(_part(part, 200 if quick else 0)) for part in ("train", "dev", "test")}
    given = {"train": parts["train"], "test": parts["test"]}
    epochs = dict.fromkeys(EPOCHS, 1) if quick else EPOCHS
    systems = [
        *(
            System(
                name,
                "benchmarks.ours.tagging",
                {"rung": name, **parts, "epochs": epochs[name], "settings": FIXED},
            )
            for name in RUNGS
        ),
        peer("spaCy tagger", "spacy_tagger", **given, epochs=epochs["spaCy tagger"]),
        peer("CRFsuite", "crfsuite_tagger", **given, iterations=2 if quick else ITERATIONS),
    ]
    return Job(systems, [line for name in RUNGS for line in _lines(name)])


def _lines(name: str) -> list[Line]:
    what, spacy = f"{name}, parts of speech of EWT:", "spaCy tagger"
    better: dict[str, Any] = {"quality": True}
    return [
        Line(f"{what} training", name, "words_per_second", "tokens/s", "higher", 6.0, spacy, **better),
        Line(f"{what} reading and training, all of it", name, "seconds", "s", "lower", 1.0, spacy, **better),
        Line(
            f"{what} tagging", name, "tagged_per_second", "tokens/s", "higher", 1e5, spacy, reach_on="value"
        ),
        Line(f"{what} tagging", name, "tagged_per_second", "tokens/s", "higher", None, "CRFsuite"),
    ]


def _part(part: str, limit: int) -> Path:
    """The file, or its first sentences."""
    whole = data_folder() / FOLDER / f"{part}.conllu.gz"
    if not limit:
        return whole
    path = OUT / "data" / f"{FOLDER}-{part}-{limit}.conllu"
    path.parent.mkdir(parents=True, exist_ok=True)
    with child.opened(whole) as file:
        blocks = islice(file.read().split("\n\n"), limit)
    path.write_text("".join(f"{block}\n\n" for block in blocks), encoding="utf-8")
    return path
