"""Label strings and label ids: what training texts teach about labels, and what may not be said later."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from textladder.batch import Example, Ragged
from textladder.errors import Problem, suggest


def labels_of(target: Any) -> tuple[str, ...] | None:
    """A target as a tuple of labels; None when there is none. A bare string is one label."""
    if target is None or isinstance(target, tuple):
        return target
    return (target,) if isinstance(target, str) else tuple(target)


def natural_order(label: str) -> list[Any]:
    """Sort key that reads runs of digits as numbers: "2" before "10", "a2" before "a10"."""
    parts = re.split(r"([0-9]+)", label)
    return [(int(part), part) if i % 2 else (part.casefold(), part) for i, part in enumerate(parts)]


def learn_labels(
    examples: Iterable[Example], kind: str, times: Iterable[int] | None = None
) -> dict[str, Any]:
    """{"kind", "labels" in natural order, "counts" {label: texts}, "texts"} of the labelled training texts.

    kind: "single", "multi", or "auto": multi when a text has several labels. A target of None is unlabelled;
    one of no labels is so too, unless the kind is multi, where it says that no label applies. Raises Problem
    when there is nothing to tell apart, and for several labels where one was announced.

    times: how many texts each example stands for (None: one).
    """
    counts: Counter[str] = Counter()
    texts = unlabelled = empty = 0
    several = where = ""
    for example, number in zip(examples, times or itertools.repeat(1), strict=times is not None):
        found = labels_of(example.target)
        texts += number
        where = where or example.where
        unlabelled += number * (found is None)
        empty += number * (found == ())
        if found and len(set(found)) > 1:
            several = several or example.where
        counts.update(dict.fromkeys(found or (), number))
    file = where.rpartition(":")[0] or where or "training texts"
    if kind == "auto":
        kind = "multi" if several else "single"
    elif kind == "single" and several:
        raise Problem(several, "the text has several labels.", "Set task.kind=multi, or give it one label.")
    labelled = texts - unlabelled - (empty if kind == "single" else 0)
    divides = len(counts) > 1 or (kind == "multi" and 0 < counts.total() < labelled)
    if not divides:
        only = f"the only label is {next(iter(counts))!r}" if counts else "there is no label"
        raise Problem(
            file,
            f"{only} in {texts:,} training texts; a classifier needs at least two.",
            "Look at the label column (textladder look FILE), or name the right one with --label.",
        )
    names = sorted(counts, key=natural_order)
    return {
        "kind": kind,
        "labels": names,
        "counts": {name: counts[name] for name in names},
        "texts": labelled,
    }


def label_ids(targets: Sequence[Any], wheres: Sequence[str], index: dict[str, int], multi: bool) -> Ragged:
    """Targets -> ids of their labels, int64. Raises Problem for a text without a label, for one with several
    when there is one per text, and for labels that are not in `index`, the labels of training."""
    rows = [labels_of(target) for target in targets]
    try:
        ids = [index[label] for row in rows for label in row]  # type: ignore[union-attr]
    except (KeyError, TypeError):
        raise _unusable(rows, wheres, index, multi) from None
    lengths = np.fromiter((len(row) for row in rows if row is not None), np.int64, len(rows))
    if not multi and (lengths != 1).any():
        raise _unusable(rows, wheres, index, multi)
    return Ragged(np.array(ids, np.int64), np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))


def _unusable(
    rows: Sequence[tuple[str, ...] | None], wheres: Sequence[str], index: dict[str, int], multi: bool
) -> Problem:
    bare = [i for i, row in enumerate(rows) if row is None or (not row and not multi)]
    if bare:
        return Problem(
            wheres[bare[0]],
            f"there is no label ({len(bare):,} of {len(rows):,} texts have none).",
            "Give every text a label, or take these texts out.",
        )
    unseen = Counter(label for row in rows for label in row or () if label not in index)
    if unseen:
        first = next(i for i, row in enumerate(rows) if not unseen.keys().isdisjoint(row or ()))
        listed = ", ".join(f"{label!r} ({count:,})" for label, count in unseen.most_common(10))
        more = f" and {len(unseen) - 10} more" if len(unseen) > 10 else ""
        return Problem(
            wheres[first],
            f"labels that no training text has: {listed}{more}.",
            f"{suggest(next(iter(unseen)), index)} Correct them, take these texts out, or train with them.",
        )
    first = next(i for i, row in enumerate(rows) if len(row or ()) > 1)
    return Problem(
        wheres[first],
        f"the text has {len(rows[first] or ())} labels; every training text has one.",
        "Give it one label, or train with task.kind=multi.",
    )
