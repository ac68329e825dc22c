"""A code for short strings that no vocabulary lists: rare words, rare white space.

Characters given the ones before, backed off to ever shorter contexts; a character never seen costs what a new
one does, and log(0x110000) more: all of Unicode is equally likely. The estimate is that of Witten and Bell
(1991, "The Zero-Frequency Problem"), method C: as much is left for what is new as there were kinds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

UNICODE = 0x110000
ORDER = 2  # characters that the next is given
CHARACTERS, LEAST = 2000, 2  # characters that are listed at most; counts in longer contexts that are kept
BEGIN, END = "\0", ""  # what stands before a string (a NUL in it does no harm), and what ends it
REMEMBERED = 100_000  # strings whose cost is kept


class Letters:
    """Probabilities of strings, which sum to at most one. after: {context: {the next character: how often}},
    with the empty context for all. ends: whether the end of a string is written; not if its length is known.
    """

    def __init__(self, after: dict[str, dict[str, int]], ends: bool = True) -> None:
        self.after, self.ends = after, ends
        self._sums = {context: sum(counts.values()) for context, counts in after.items()}
        self._costs: dict[str, float] = {}

    @classmethod
    def learn(cls, strings: Iterable[str], ends: bool = True) -> Letters:
        counted: dict[str, Counter[str]] = {"": Counter({END: 1})}  # a string can end, whatever was seen
        for string, times in Counter(strings).items():
            for context, char in _steps(string, ends):
                for start in range(len(context) + 1):
                    counted.setdefault(context[start:], Counter())[char] += times
        most = sorted(counted[""].items(), key=lambda item: (-item[1], item[0]))[:CHARACTERS]
        after = {"": {END: counted[""][END], **dict(most)}}
        for context, counts in sorted(counted.items()):
            kept = {char: n for char, n in sorted(counts.items()) if n >= LEAST and char in after[""]}
            if context and kept:
                after[context] = kept
        return cls(after, ends)

    def to_dict(self) -> dict[str, Any]:
        return {"after": self.after, "ends": self.ends}

    def nats(self, string: str) -> float:
        """What it costs to write a string, and its end."""
        found = self._costs.get(string)
        if found is None:
            found = -sum(math.log(self._share(context, char)) for context, char in _steps(string, self.ends))
            if len(self._costs) < REMEMBERED:
                self._costs[string] = found
        return found

    def _share(self, context: str, char: str) -> float:
        p = 1 / UNICODE  # of characters that are not listed; END always is
        for start in range(len(context), -1, -1):
            counts = self.after.get(context[start:])
            if counts is None:
                continue
            kinds = len(counts)
            if start == len(context):
                kinds += 1
                p = 0.0 if char in counts else p
            p = (counts.get(char, 0) + kinds * p) / (self._sums[context[start:]] + kinds)
        return p


def _steps(string: str, ends: bool) -> Iterator[tuple[str, str]]:
    """Each character, and END if it is written, with those before it."""
    whole = BEGIN + string
    for place, char in enumerate([*string, END] if ends else string, 1):
        yield whole[max(place - ORDER, 0) : place], char
