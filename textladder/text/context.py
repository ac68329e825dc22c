"""Sentences with the tokens that stand around them in their document."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING

import numpy as np

from textladder.ragged import Around, Example, Ragged

if TYPE_CHECKING:
    from textladder.text.alignment import Aligned
    from textladder.text.sentences import Sentence
    from textladder.text.tokens import Bounds

NOTHING: Around = ((), ())


def with_context(sentences: Iterable[Sentence], count: int) -> Iterator[Sentence]:
    """Each sentence with up to `count` tokens before it and as many after it, of other sentences of its
    document. No more are held than these tokens are of."""
    if not count:
        yield from sentences
        return
    for _, document in groupby(sentences, key=lambda sentence: sentence.document):
        yield from _of_document(document, count)


def _of_document(sentences: Iterable[Sentence], count: int) -> Iterator[Sentence]:
    before: deque[str] = deque(maxlen=count)
    held: deque[tuple[Sentence, list[str]]] = deque()
    beyond = 0  # tokens of those that are held, but for the first

    def first() -> Sentence:
        sentence, words = held.popleft()
        after = islice(chain.from_iterable(others for _, others in held), count)
        made = replace(sentence, around=(tuple(before), tuple(after)))
        before.extend(words)
        return made

    for sentence in sentences:
        words = [sentence.text[start:end] for start, end in sentence.tokens]
        beyond += len(words) if held else 0
        held.append((sentence, words))
        while beyond >= count:
            yield first()
            beyond -= len(held[0][1])
    while held:
        yield first()


@dataclass(frozen=True)
class Surrounded:
    """Sentences as a model reads them. texts, tokens: with what stands around; begins, sizes: of each the
    first of its own tokens among them, and how many there are."""

    texts: list[str]
    tokens: list[Sequence[Bounds]]
    begins: list[int]
    sizes: list[int]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> Surrounded:
        made = [_joined(example) for example in examples]
        sizes = [len(example.tokens or ()) for example in examples]
        return cls([m[0] for m in made], [m[1] for m in made], [m[2] for m in made], sizes)

    def own(self, aligned: Aligned) -> Aligned:
        """Only the sentences' own tokens count."""
        sizes, begins = np.array(self.sizes, np.int64), np.array(self.begins, np.int64)
        offsets = np.append(0, np.cumsum(sizes))
        starts = aligned.firsts.offsets[:-1] + begins
        places = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
        return replace(aligned, firsts=Ragged(aligned.firsts.flat[places], offsets))


def _joined(example: Example) -> tuple[str, Sequence[Bounds], int]:
    text, tokens = example.texts[0], example.tokens or ()
    before, after = example.around or NOTHING
    if not (before or after):
        return text, tokens, 0
    parts, bounds, at = [], [], 0
    for word in before:
        bounds.append((at, at + len(word)))
        parts.append(f"{word} ")
        at += len(word) + 1
    bounds += [(at + start, at + end) for start, end in tokens]
    parts.append(text)
    at += len(text)
    for word in after:
        bounds.append((at + 1, at + 1 + len(word)))
        parts.append(f" {word}")
        at += len(word) + 1
    return "".join(parts), bounds, len(before)
