"""Parts of a corpus: what is trained on, chosen by, or tested on, and their targets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar, overload

import numpy as np

from textladder.ragged import Example, Numbers, Pairs, Ragged
from textladder.text.corpus import Corpus

T = TypeVar("T")
CHUNK = 8192  # rows that are turned into Python objects at a time
SENTENCES = 1024  # the same of sentences with their tokens


@dataclass(frozen=True)
class Part:
    """Some rows of a corpus: what is trained on, chosen by, or tested on. searched: each text is looked for
    among those of the other rows, so that targets are judged with their texts."""

    corpus: Corpus
    rows: Numbers
    searched: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def examples(self) -> Iterator[Example]:
        return self.corpus.examples(self.rows)

    def texts(self) -> Iterator[Ragged]:
        """Chunks of UTF-8 texts, BATCH_ROWS at a time; of pairs first texts and second ones in turn."""
        return self.corpus.text_chunks(self.rows)

    def places(self, rows: Numbers) -> list[str]:
        """Where rows of the corpus stand, for messages."""
        return [self.corpus.place(int(line)) for line in self.corpus.store.columns["line"].flat[rows]]

    @cached_property
    def golds(self) -> Golds | SpanGolds | TextGolds:
        """The targets alone: scoring needs no texts, which may be larger than memory; or answers and
        translations, which are compared as texts, with these, from disk."""
        if self.corpus.marked:
            return SpanGolds(self)
        texts = "second" in self.corpus.store.columns and not any(self.corpus.label_sets)
        return TextGolds(self) if texts or self.searched else self.labels

    @cached_property
    def labels(self) -> Golds:
        """The labels alone."""
        return Golds(self)

    def targets(self) -> Iterator[Ragged]:
        """Chunks of the second texts, UTF-8."""
        for _, taken in self.corpus.taken(self.rows, names=("second",)):
            yield taken["second"]

    def inputs(self) -> Iterator[Any]:
        """Chunks of what a task is given to predict: UTF-8 texts, Pairs of them, or sentences with their
        tokens and questions with their passages, as Examples."""
        if self.corpus.marked:
            for start in range(0, len(self), SENTENCES):
                yield list(self.corpus.examples(self.rows[start : start + SENTENCES]))
        elif "second" in self.corpus.store.columns:
            for _, taken in self.corpus.taken(self.rows, names=self.corpus.text_columns):
                yield Pairs(taken["text"], taken["second"], taken.get("negative"))
        else:
            yield from self.texts()

    def first(self, share: float, seed: int) -> Part:
        """A random share of the rows, the same for the same seed; a larger share holds the smaller one. Of
        documents in blocks, whole documents; of one text in its order the end, which stands next to what it
        is judged on."""
        if self.corpus.in_order:
            return replace(self, rows=self.rows[-max(1, round(share * len(self.rows))) :])
        document = np.arange(len(self.rows))
        if "start" in self.corpus.store.columns:
            starts = np.asarray(self.corpus.store.columns["start"].flat)[self.rows].astype(bool)
            starts[:1] = True
            document = np.cumsum(starts) - 1
        order = np.random.default_rng([seed, 0x5EED]).permutation(document[-1] + 1)
        kept = order[: max(1, round(share * len(order)))]
        return replace(self, rows=self.rows[np.isin(document, kept)])


class LookedUp(Sequence[T]):
    """Entries that are made when they are asked for."""

    @abstractmethod
    def at(self, index: slice | list[int]) -> list[T]: ...

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self.at(index) if isinstance(index, slice) else self.at([index])[0]


class Golds(LookedUp[Example]):
    """The targets of a part as Examples without texts, one for each *kind* of target: what is kept in memory
    does not grow with the rows. `where` is the first row of that kind."""

    def __init__(self, part: Part) -> None:
        corpus = part.corpus
        self._codes = corpus.label_codes[part.rows]
        self._known, first, self.times = np.unique(self._codes, return_index=True, return_counts=True)
        places = part.places(part.rows[first])
        self._kinds = {
            int(code): Example((), corpus.label_sets[code], place)
            for code, place in zip(self._known, places, strict=True)
        }

    def __len__(self) -> int:
        return len(self._codes)

    def at(self, index: slice | list[int]) -> list[Example]:
        return [self._kinds[code] for code in self._codes[index].tolist()]

    def __iter__(self) -> Iterator[Example]:
        for start in range(0, len(self), CHUNK):
            yield from self[start : start + CHUNK]

    @property
    def kinds(self) -> list[Example]:
        """One Example of each kind; `times` says how many rows each stands for."""
        return list(self._kinds.values())

    def numbers(self, rows: Numbers) -> Numbers:
        """Which of `kinds` the rows named of the part are."""
        return np.searchsorted(self._known, self._codes[rows])


@dataclass(frozen=True)
class Places(LookedUp[str]):
    """Where rows of a corpus stand, looked up only when a message asks."""

    part: Part
    rows: Numbers

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, index: slice | list[int]) -> list[str]:
        return self.part.places(self.rows[index])


class ReadGolds(LookedUp[Example]):
    """Targets of a part that are read from disk when they are asked for."""

    def __init__(self, part: Part) -> None:
        self._part = part

    @staticmethod
    @abstractmethod
    def read(part: Part, rows: Numbers) -> Iterator[Example]:
        """The targets of rows of the corpus of `part`."""

    def __len__(self) -> int:
        return len(self._part)

    def at(self, index: slice | list[int]) -> list[Example]:
        return list(self.read(self._part, self._part.rows[index]))

    def __iter__(self) -> Iterator[Example]:
        return self.read(self._part, self._part.rows)

    @property
    def kinds(self) -> Sequence[Example]:
        """All of them: hardly two are alike."""
        return self


class SpanGolds(ReadGolds):
    """The places that are the targets of a part (`Corpus.golds`)."""

    @staticmethod
    def read(part: Part, rows: Numbers) -> Iterator[Example]:
        return part.corpus.golds(rows)


class TextGolds(ReadGolds):
    """Texts and what they should become, of a part of pairs without labels."""

    @staticmethod
    def read(part: Part, rows: Numbers) -> Iterator[Example]:
        return part.corpus.examples(rows)
