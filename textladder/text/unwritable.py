"""What no translator writes: target units that its vocabulary does not have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from textladder.text.tokenizing import UNKNOWN, Tokenizer

if TYPE_CHECKING:
    from textladder.text.store import Store

NAMED = 5  # words that are said
SHOWN = 30  # characters of each


def in_store(name: str, store: Store) -> list[str]:
    """What is to be said of the targets of a part that is in units already."""
    units = store.columns["label"].flat
    unknown = int((np.asarray(units) == UNKNOWN).sum())
    store.release()
    return _said(name, unknown, len(units), Counter())


def in_texts(name: str, chunks: Iterable[Sequence[str]], tokenizer: Tokenizer) -> list[str]:
    """What is to be said of texts that should be written, and which words those are."""
    units, words = 0, Counter[str]()
    for texts in chunks:
        ids = tokenizer.encode(texts)
        # Of each text </s> is written, and no <s>; `ids` has both, or neither.
        units += len(ids.flat) + (-len(texts) if tokenizer.config.ends else len(texts))
        places = np.flatnonzero(np.asarray(ids.flat) == UNKNOWN)
        rows = np.searchsorted(ids.offsets, places, side="right") - 1
        for row in np.unique(rows).tolist():
            spans = tokenizer.offsets(texts[row])
            here = (places[rows == row] - ids.offsets[row]).tolist()
            words.update(texts[row][slice(*spans[place])] for place in here)
    return _said(name, words.total(), units, words)


def _said(name: str, unknown: int, units: int, words: Counter[str]) -> list[str]:
    if not unknown:
        return []
    share = f"{unknown:,} of {units:,} target units ({unknown / units:.1%})"
    listed = [f"{word[:SHOWN]!r} ({times:,})" for word, times in words.most_common(NAMED)]
    more = ", ..." if len(words) > len(listed) else ""
    which = f": {', '.join(listed)}{more}" if listed else ""
    what = "are not in the vocabulary, and cannot be written (--units bpe can write all)"
    return [f"{name}: {share} {what}{which}."]
