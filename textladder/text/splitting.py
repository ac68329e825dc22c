"""Rows into train, dev and test: stratified by label, seeded, a text and its copies always in one part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.text.corpus import Corpus
from textladder.text.leakage import text_keys

Array = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts, each in ascending order, and what had to be said about them."""

    train: Array
    dev: Array
    test: Array
    notes: list[str] = field(default_factory=list)

    @property
    def sizes(self) -> dict[str, int]:
        return {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)}


def split(
    corpus: Corpus,
    dev_share: float,
    test_share: float,
    seed: int,
    *,
    rare: str = "error",
    duplicates: str = "keep",
) -> Split:
    """Splits the rows of a corpus; the same everywhere for the same texts and seed.

    dev_share, test_share: shares of each class; 0 makes an empty part. A class with three different texts
    or more is in every part. Copies of a text (case and white space aside) stay in one part, so that no test
    text can have been trained on; with duplicates="drop" only the first copy is used. For several labels per
    text the stratum is the text's rarest label.

    Raises a Problem if there are no labels, one class only, or (rare="error") a class with one text;
    rare="drop" leaves such texts out and says so, rare="keep" trains on them.
    """
    rows, notes = np.arange(len(corpus)), list[str]()
    counts = corpus.label_counts()
    check_classes(corpus.name, counts, rare)
    single = {label for label, number in counts.items() if number == 1}
    if single and rare == "drop":
        keep = np.array([not single.intersection(labels) for labels in corpus.label_sets])
        rows = rows[keep[corpus.label_codes]]
        notes.append(f"{len(corpus) - len(rows):,} texts of classes with one text were left out.")
    keys = text_keys(corpus, rows)
    _, first, group_of = np.unique(keys, return_index=True, return_inverse=True)
    copies = len(rows) - len(first)
    if duplicates == "drop":
        rows, group_of, first = rows[np.sort(first)], np.arange(len(first)), np.arange(len(first))
        if copies:
            notes.append(f"{copies:,} repeated texts were left out.")
    elif copies:
        notes.append(f"{copies:,} texts repeat another; copies were kept in the same part.")
    strata = _strata(corpus.label_sets, counts)[corpus.label_codes[rows]]
    part_of_group = _assigned(
        strata[first], np.bincount(group_of), (dev_share, test_share), np.random.default_rng(seed)
    )
    part = part_of_group[group_of]
    return Split(rows[part == 0], rows[part == 1], rows[part == 2], notes)


def check_classes(where: str, counts: dict[str, int], rare: str = "error") -> None:
    """Raises a Problem for labels that nothing can be learned from. counts: texts per label."""
    if not counts:
        raise Problem(where, "no text has a label.", "Give the column of the labels with --label.")
    if len(counts) == 1:
        raise Problem(
            where,
            f"there is one class only: every text is {next(iter(counts))!r}.",
            "Add texts of at least one other class, or check --label.",
        )
    single = [label for label, number in counts.items() if number == 1]
    if single and rare == "error":
        names = ", ".join(repr(label) for label in single[:5]) + (", ..." if len(single) > 5 else "")
        classes = "class has" if len(single) == 1 else "classes have"
        raise Problem(
            where,
            f"{len(single):,} {classes} one example only ({names}): it cannot be both trained on and tested.",
            "Add examples, join the class with another, or leave it out with --set data.rare=drop",
        )
    if rare != "keep" and len(counts) - len(single) < 2:
        raise Problem(
            where,
            "fewer than two classes have two examples or more.",
            "Add examples of each class, or check --label.",
        )


def _strata(label_sets: Sequence[tuple[str, ...]], counts: dict[str, int]) -> Array:
    """For each label set the number of its rarest label, by name; -1 for a set without labels."""
    number = {label: i for i, label in enumerate(sorted(counts))}
    return np.array(
        [number[min(labels, key=lambda x: (counts[x], x))] if labels else -1 for labels in label_sets],
        np.int64,
    )


def _assigned(
    strata: Array, sizes: Array, shares: tuple[float, float], random: np.random.Generator
) -> NDArray[np.int8]:
    """The part (0 train, 1 dev, 2 test) of each group of equal texts. strata, sizes: [groups]."""
    part = np.zeros(len(strata), np.int8)
    order = random.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    bounds = np.flatnonzero(np.diff(strata[order])) + 1
    for members in np.split(order, bounds):
        total = int(sizes[members].sum())
        start = 0
        for which, share in ((2, shares[1]), (1, shares[0])):
            if share <= 0:
                continue
            ends = np.cumsum(sizes[members[start:]])
            taken = int(np.searchsorted(ends, round(total * share), side="right"))
            # At least one, but never what train and the part still to be filled need.
            needed = 1 + (which == 2 and shares[0] > 0)
            taken = max(0, min(max(taken, 1), len(members) - start - needed))
            part[members[start : start + taken]] = which
            start += taken
    return part
