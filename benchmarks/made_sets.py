"""Files of `benchmarks.sets` that are made of files of the data folder."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks import child
from benchmarks.harness import OUT
from benchmarks.ours.data import write_csv

LABELS = {"0": "0", "1": "0", "3": "1", "4": "1"}  # negative, positive; 2 is neutral
_PIECE = re.compile(r"\(|\)|[^\s()]+")
_WRITTEN = {"-LRB-": "(", "-RRB-": ")", "-LCB-": "{", "-RCB-": "}", "-LSB-": "[", "-RSB-": "]"}


def phrases(tree: str) -> Iterator[tuple[str, str]]:
    """(text, label) of every node of a bracketed tree, "(3 (2 It) (4 works))"; a node after its children."""
    open_nodes: list[tuple[str, list[str]]] = []
    pieces = _PIECE.findall(tree)
    for piece, before in zip(pieces, ["", *pieces], strict=False):
        if piece == "(":
            continue
        if before == "(":
            open_nodes.append((piece, []))
        elif piece == ")":
            label, words = open_nodes.pop()
            if open_nodes:
                open_nodes[-1][1].extend(words)
            yield " ".join(words), label
        else:
            open_nodes[-1][1].append(_WRITTEN.get(piece, piece.replace("\\/", "/").replace("\\*", "*")))


def polar_phrases(trees: Iterator[str], held_out: set[str]) -> list[tuple[str, str]]:
    """Every phrase that is negative or positive, once, without those that are a sentence of dev or test. A
    phrase with both labels (the same words in two sentences) is left out."""
    labels: dict[str, set[str]] = {}
    for tree in trees:
        for text, label in phrases(tree):
            if label in LABELS and same(text) not in held_out:
                labels.setdefault(text, set()).add(LABELS[label])
    return [(text, next(iter(found))) for text, found in labels.items() if len(found) == 1]


def same(text: str) -> str:
    """What two texts have in common that differ in case and spaces alone."""
    return "".join(text.lower().split())


def make_phrases(folder: Path, part: str) -> Path:
    """The training part alone: dev and test are the sentences of the data folder."""
    path = OUT / "data" / f"sst2_phrases-{part}.csv"
    if not path.exists():
        held_out = {
            same(t) for part in ("dev", "test") for t in child.read_csv(folder / f"sst2/{part}.csv")[0]
        }
        with (folder / "sst_trees" / "train.txt").open(encoding="utf-8") as trees:
            write_csv(path, polar_phrases(trees, held_out))
    return path


def intents(file: Path) -> Iterator[tuple[str, str]]:
    """(text, intent) of tagged sentences, as `--task classify --label intent` reads them; of several intents,
    "flight#airfare", the first."""
    from textladder.text.reading import DataConfig, open_source

    for example in open_source(file, DataConfig(label="intent")):
        yield example.texts[0], example.target[0].partition("#")[0]


def make_intents(name: str, folder: Path, part: str) -> Path:
    """Without the texts whose intent no training text has: none can be right, and `train` refuses them."""
    path = OUT / "data" / f"{name}_intents-{part}.csv"
    if not path.exists():
        files = [folder / name / f"{which}.conll" for which in ("train", part)]
        known, rows = (list(intents(file)) for file in files)
        names = {intent for _, intent in known}
        kept = [row for row in rows if row[1] in names]
        print(
            f"{path.name}: {len(rows) - len(kept)} of {len(rows)} texts have an intent that is not in train"
        )
        write_csv(path, kept)
    return path


DIGITS, LONGEST = "0123456789", 8
TOYS: dict[str, Callable[[str], str]] = {
    "copy": lambda text: text,
    "reverse": lambda text: text[::-1],
    "sort": lambda text: "".join(sorted(text)),
}
TOY_PARTS = {"train": 20_000, "dev": 5_000, "test": 1_000}


def toy_strings() -> dict[str, list[str]]:
    """Strings of one to eight digits: half of all short ones, an equal share of each greater length. None is
    in two parts."""
    draw, listed = random.Random(0), list[str]()
    every = sum(TOY_PARTS.values())
    for length in range(1, LONGEST + 1):
        share = min(10**length // 2, (every - len(listed)) // (LONGEST + 1 - length))
        listed += [f"{number:0{length}}" for number in draw.sample(range(10**length), share)]
    draw.shuffle(listed)
    ends = iter(listed)
    return {part: [next(ends) for _ in range(count)] for part, count in TOY_PARTS.items()}


def make_toy(folder: Path, part: str) -> Path:
    """`part`: "copy-train" and so on."""
    path = OUT / "data" / f"toy_{part}.csv"
    if not path.exists():
        toy, _, which = part.partition("-")
        write_csv(path, [(text, TOYS[toy](text)) for text in toy_strings()[which]])
    return path


MADE: dict[str, Callable[[Path, str], Path]] = {  # by what stands before "/" in the name of a file
    "phrases": make_phrases,
    "atis_intents": partial(make_intents, "atis"),
    "snips_intents": partial(make_intents, "snips"),
    "toys": make_toy,
}
