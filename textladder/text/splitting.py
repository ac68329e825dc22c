"""Rows into train, dev and test, seeded, a text and its copies always in one part: texts stratified by label,
text that runs on by documents or by its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.corpus import Corpus
from textladder.text.cutting import BLOCK_CHARACTERS
from textladder.text.lacking import LISTED
from textladder.text.leakage import text_keys

Array = NDArray[np.int64]
LARGEST = 0.05  # of the rows that share a first text, the share above which they may be parted


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
    classes: bool = True,
    stratified: bool = True,
) -> Split:
    """Splits the rows of a corpus; the same everywhere for the same texts and seed.

    dev_share, test_share: shares of each class; 0 makes an empty part. A class with three different texts
    or more is in every part; with several labels per text nearly always, and every label is in train. Copies
    of a text (case and white space aside) stay in one part, so that no test text can have been trained on;
    with duplicates="drop" only the first copy is used. Rows that share the first of two texts stay together
    too: a premise or a passage that was trained on is known. classes: False where labels are of parts of a
    text, so that one of them, or none, is no fault of the texts. stratified: False where labels are numbers,
    of which no part needs them all.

    Raises a Problem if there are no labels, one class only, or (rare="error") a class with one text;
    rare="drop" leaves such texts out and says so, rare="keep" trains on them.
    """
    rows, notes = np.arange(len(corpus)), list[str]()
    counts = corpus.label_counts()
    if classes:
        check_classes(corpus.name, counts, rare)
    single = {label for label, number in counts.items() if number == 1}
    if single and rare == "drop":
        keep = np.array([not single.intersection(labels) for labels in corpus.label_sets])
        rows = rows[keep[corpus.label_codes]]
        texts = corpus.rows_are
        notes.append(f"{len(corpus) - len(rows):,} {texts} of classes with one {texts[:-1]} were left out.")
    keys = text_keys(corpus, rows)
    _, first, group_of = np.unique(keys, return_index=True, return_inverse=True)
    copies = len(rows) - len(first)
    if duplicates == "drop":
        if copies:
            left = np.setdiff1d(np.arange(len(rows)), first)[:LISTED]
            places = ", ".join(corpus[int(row)].where for row in rows[left])
            more = ", ..." if copies > len(left) else ""
            notes.append(f"{copies:,} repeated {corpus.rows_are} were left out ({places}{more}).")
        rows, group_of, first = rows[np.sort(first)], np.arange(len(first)), np.arange(len(first))
    elif copies:
        notes.append(f"{_repeat(copies, corpus.rows_are)} another; copies were kept in the same part.")
    if len(corpus.text_columns) > 1:
        group_of, said = _of_first_texts(corpus, rows, group_of)
        notes += said
    part_of_group = _assigned(
        _groups_of_labels(corpus, rows, group_of, counts if stratified else {}),
        np.bincount(group_of),
        (dev_share, test_share),
        np.random.default_rng(seed),
    )
    part = part_of_group[group_of]
    return Split(rows[part == 0], rows[part == 1], rows[part == 2], notes)


def _of_first_texts(corpus: Corpus, rows: Array, group_of: Array) -> tuple[Array, list[str]]:
    """The number of each row's first text in place of its group, unless too many rows share one."""
    _, first = np.unique(text_keys(corpus, rows, ["text"]), return_inverse=True)
    sizes = np.bincount(first)
    shared = int(group_of.max(initial=-1)) + 1 - len(sizes)
    if shared <= 0:
        return group_of, []
    if sizes.max() > LARGEST * len(rows):
        often = f"{sizes.max():,} of {len(rows):,} {corpus.rows_are}"
        return group_of, [f"One first text stands in {often}: parts may share first texts."]
    said = f"The {corpus.rows_are} have {len(sizes):,} first texts; those of one are in the same part."
    return first, [said]


def split_documents(corpus: Corpus, dev_share: float, test_share: float, seed: int) -> Split:
    """Splits texts that run on (`text.documents`); shares are of the blocks, and 0 makes an empty part.

    One text in its order: test is its end, dev what stands before it, for a language model is judged on what
    comes after the text that it has seen. Many documents are drawn at random, copies of one together, and
    each label is in train; too few for that are cut like one text.

    Raises a Problem if there are fewer blocks than parts.
    """
    count = len(corpus)
    shares = [share for share in (dev_share, test_share) if share > 0]
    if count <= len(shares):
        raise Problem(
            corpus.name,
            f"{count:,} {'block is' if count == 1 else 'blocks are'} too few to hold some out: a block is "
            f"up to {BLOCK_CHARACTERS:,} characters of a document.",
            "Give more text, or other files with --dev and --test.",
        )
    column = corpus.store.columns.get("start")
    starts = np.ones(count, np.bool_) if column is None else np.array(column.flat, np.bool_)
    starts[0] = True
    few = starts.sum() * min(shares, default=1) < 1
    if corpus.in_order or (few and not any(corpus.label_sets)):
        return _cut_at(starts, dev_share, test_share, corpus.name)
    return _drawn(corpus, starts, (dev_share, test_share), np.random.default_rng(seed))


def _cut_at(starts: NDArray[np.bool_], dev_share: float, test_share: float, name: str) -> Split:
    """train, dev and test one after the other, each at least a block; they begin where a document does if
    there is a beginning not further off than half of a part."""
    count, heads, notes = len(starts), np.flatnonzero(starts), []
    held_out = [max(round(count * share), int(share > 0)) for share in (dev_share, test_share)]
    test = count - held_out[1]
    dev = max(test - held_out[0], 1)
    test = max(test, dev + (dev_share > 0))

    def near(place: int, low: int, high: int) -> int:
        """The beginning of a document nearest to `place` in low..high, else `place`."""
        there = heads[np.searchsorted(heads, low) : np.searchsorted(heads, high, side="right")]
        return int(there[np.argmin(np.abs(there - place))]) if len(there) else place

    if test < count:
        test = near(test, max(test - (test - dev) // 2, dev + 1), test + (count - test) // 2)
    if dev < test:
        dev = near(dev, max(dev - (test - dev) // 2, 1), dev + (test - dev) // 2)
    inside = [part for part, at in (("dev", dev), ("test", test)) if at < count and not starts[at]]
    if inside:
        notes.append(f"{name}: {' and '.join(inside)} held out from its end, cut inside a document.")
    rows = np.arange(count)
    return Split(rows[:dev], rows[dev:test], rows[test:], notes)


def _drawn(
    corpus: Corpus, starts: NDArray[np.bool_], shares: tuple[float, float], random: np.random.Generator
) -> Split:
    """Whole documents at random, until a part has its share of the blocks."""
    heads = np.flatnonzero(starts)
    sizes = np.diff(np.append(heads, len(starts)))
    keys = text_keys(corpus, np.arange(len(starts)))
    if len(heads) < len(starts):  # of documents of several blocks: of all of these, in their order
        place = (np.arange(len(starts)) - np.repeat(heads, sizes)).astype(np.uint64)
        keys = np.bitwise_xor.reduceat((keys + place) * (2 * place + 1), heads)
    _, first, group_of = np.unique(keys, return_index=True, return_inverse=True)
    order = random.permutation(len(first))
    blocks = np.bincount(group_of, sizes)[order]
    before = (np.cumsum(blocks) - blocks) / len(starts)  # the share of the blocks that is given out already
    part_of_group = np.zeros(len(first), np.int8)
    part_of_group[order] = np.where(before < shares[1], 2, np.where(before < sum(shares), 1, 0))
    second = order[int(shares[1] > 0) :][:1]
    part_of_group[second] = 1 if shares[0] > 0 else part_of_group[second]
    part, codes = part_of_group[group_of], corpus.label_codes[heads]
    learned = np.zeros(len(corpus.label_sets), np.bool_)
    learned[codes[part == 0]] = True
    part = np.where(np.isin(group_of, group_of[~learned[codes]]), 0, part)
    copies, notes = len(heads) - len(first), list[str]()
    if copies:
        kept = "; copies were kept in the same part" if any(shares) else ""
        notes.append(f"{_repeat(copies, 'documents')} another{kept}.")
    row_part = np.repeat(part, sizes)
    train, dev, test = (np.flatnonzero(row_part == n) for n in range(3))
    return Split(train, dev, test, notes)


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


def _groups_of_labels(corpus: Corpus, rows: Array, group_of: Array, counts: dict[str, int]) -> list[Array]:
    """For each label of `counts`, the rarest first, the groups of equal texts that have it; last those that
    have none."""
    number = {label: i for i, label in enumerate(sorted(counts, key=lambda label: (counts[label], label)))}
    sets = Ragged.of(
        [sorted(number[label] for label in labels if label in number) for labels in corpus.label_sets]
    )
    labels = sets.take(corpus.label_codes[rows].astype(np.int64))
    owners = np.repeat(group_of, labels.lengths)
    order = np.argsort(labels.flat, kind="stable")
    bounds = np.cumsum(np.bincount(labels.flat, minlength=len(number)))
    groups = [np.unique(found) for found in np.split(owners[order], bounds[:-1])] if number else []
    return [*groups, np.setdiff1d(group_of, owners)]


def _assigned(
    groups_of_labels: list[Array], sizes: Array, shares: tuple[float, float], random: np.random.Generator
) -> NDArray[np.int8]:
    """The part (0 train, 1 dev, 2 test) of each group of equal texts. sizes: [groups].

    Iterative stratification (Sechidis et al. 2011, "On the Stratification of Multi-label Data") with a fixed
    order of the labels: the rarest label shares out its texts first, and a more frequent one only those that
    are left, in proportions that mend what the others did to it.
    """
    part = np.full(len(sizes), -1, np.int8)
    place = np.argsort(random.permutation(len(sizes)))
    for members in groups_of_labels:
        free = members[part[members] < 0]
        free = free[np.argsort(place[free])]
        total = int(sizes[members].sum())
        has = [int(sizes[members[part[members] == which]].sum()) for which in range(3)]
        start = 0
        for which, share in ((2, shares[1]), (1, shares[0])):
            if share <= 0:
                continue
            ends = np.cumsum(sizes[free[start:]])
            taken = int(np.searchsorted(ends, round(total * share) - has[which], side="right"))
            # At least one, but never what train and the part still to be filled need.
            needed = (not has[0]) + (which == 2 and shares[0] > 0 and not has[1])
            taken = max(0, min(max(taken, not has[which]), len(free) - start - needed))
            part[free[start : start + taken]] = which
            start += taken
        part[free[start:]] = 0
    for members in groups_of_labels:  # rarer labels may have kept train from a label
        if len(members) and (part[members] > 0).all():
            part[members[np.argmin(place[members])]] = 0
    return part


def _repeat(copies: int, rows: str) -> str:
    return f"1 {rows[:-1]} repeats" if copies == 1 else f"{copies:,} {rows} repeat"
