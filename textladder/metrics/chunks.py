"""From tags to spans of tokens, by the rule of conlleval, vectorised; pure numpy.

The rule (conlleval.pl of CoNLL-2000, https://www.cnts.ua.ac.be/conll2000/chunking/output.html) reads any
sequence of tags, legal or not: a chunk goes on only from B or I to I or E of the same type, and begins
wherever else a tag is not O. So IOB1, IOB2 and BIOES are all read by it, and an illegal I begins a chunk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.integer[Any]]
OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)  # what stands before the hyphen of a tag


def chunks(prefixes: Numbers, types: Numbers, firsts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[C, 3] (first token, token after the last, type) of each chunk, in order.

    prefixes, types: [N] of all tokens, sentence after sentence. firsts: [N] whether a sentence begins there.
    """
    inside = prefixes != OUTSIDE
    goes_on = np.zeros(len(prefixes), np.bool_)  # from the token before
    goes_on[1:] = (
        np.isin(prefixes[:-1], (BEGIN, INSIDE))
        & np.isin(prefixes[1:], (INSIDE, END))
        & (types[:-1] == types[1:])
        & ~firsts[1:]
    )
    starts = np.flatnonzero(inside & ~goes_on)
    ends = np.flatnonzero(inside & ~np.append(goes_on[1:], False)[: len(inside)]) + 1
    return np.stack([starts, ends, types[starts]], axis=1).astype(np.int64)
