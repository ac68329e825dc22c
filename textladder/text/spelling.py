"""What units leave open of a text, and what it costs to write it: unknown units and white space.

A tokenizer that drops spaces, or reads rare words as <unk>, makes texts look cheaper than they are. Here that
cost is counted, so that bits per character of any two tokenizers can be compared. It is a code: from the
units of a document, the gaps between them and the spelled unknown units, the document can be written again,
as normalised (`Tokenizer.normalise`), wherever its blocks were cut; given the units, the probabilities of all
documents that have them sum to at most one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import normalizers

from textladder.ragged import Ragged
from textladder.text.gaps import Gaps
from textladder.text.letters import Letters
from textladder.text.tokenizing import BEGIN, END, SPECIAL, UNKNOWN, Tokenizer

LEARN_BYTES = 4_000_000  # of training texts that it learns from, at most
GROUP = 64  # rows that stay together in that sample: gaps reach from block to block
TEXTS_AT_ONCE = 256

EXACT = ("byte", "bpe")  # units that leave nothing open
WHOLE = (*EXACT, "character")  # units that leave no white space open
SPACE = "\u2581"  # how unigram pieces write a space


@dataclass
class Open:
    """What units leave open. Gap i lies between the units left[i] and right[i] (<s> and </s> at the ends of a
    document), and is counted to the text row[i]; unknown unit j, of text unknown_row[j], reads unknown[j]."""

    row: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    gap: list[str] = field(default_factory=list)
    unknown_row: list[int] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class Units:
    """Cuts normalised texts as a tokenizer does, and says what is open between its units."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer, self.kind = tokenizer, tokenizer.config.units
        self._library = tokenizers.Tokenizer.from_str(tokenizer.to_json())
        self._library.normalizer = normalizers.Sequence([])
        names = tokenizer.vocabulary
        if self.kind == "wordpiece":
            names = [unit.removeprefix("##") for unit in names]
        elif self.kind == "unigram":
            names = [unit.removeprefix(SPACE) for unit in names]
        self.names: Sequence[str] = names
        self.gap_before = np.array([self._may_follow_gap(unit) for unit in tokenizer.vocabulary], np.bool_)

    def _may_follow_gap(self, unit: str) -> bool:
        """Whether white space may have been dropped before a unit (for </s>: at the end of a text)."""
        match self.kind:
            case "word" | "whitespace":
                return True
            case "wordpiece":
                return not unit.startswith("##")
            case "unigram":
                return unit.startswith(SPACE)
            case _:
                return False

    def spans(self, texts: Sequence[str]) -> Iterator[tuple[str, list[int], list[tuple[int, int]]]]:
        """(the text as normalised, its units, where each stands in it) of every text."""
        normal = [self.tokenizer.normalise(text) for text in texts]
        found = self._library.encode_batch(normal, add_special_tokens=False)
        for text, encoding in zip(normal, found, strict=True):
            ids, spans = encoding.ids, encoding.offsets
            yield text, ids, self._pieces(text, ids, spans) if self.kind == "unigram" else spans

    def _pieces(self, text: str, ids: list[int], spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Where unigram pieces stand, without the space that they begin with. (The library puts a space that
        it has added into the span of what follows, and joins unknown characters to one unit.)"""
        at, found = 0, []
        for unit, (_, stop) in zip(ids, spans, strict=True):
            if unit == UNKNOWN:
                begin, at = at, max(stop, at)
            else:
                piece = self.tokenizer.vocabulary[unit]
                begin = at
                if piece.startswith(SPACE) and (at or text[:1] in {" ", SPACE}):
                    begin += 1
                at = begin + len(self.names[unit])
            found.append((begin, at))
        return found

    def open(self, texts: Sequence[str], starts: NDArray[np.bool_], held: Held) -> Open:
        """What is open in texts that follow those that `held` was left by; starts: [texts + 1] whether a
        document begins with a text (the last: with the one that comes next)."""
        made, gap_before = Open(), self.gap_before.tolist()
        for row, (text, ids, spans) in enumerate(self.spans(texts)):
            if starts[row]:
                held.unit, held.gap = BEGIN, ""
            at = 0
            for unit, (begin, stop) in zip(ids, spans, strict=True):
                if gap_before[unit]:
                    made.row.append(row)
                    made.left.append(held.unit)
                    made.right.append(unit)
                    made.gap.append(held.gap + text[at:begin])
                    held.gap = ""
                if unit == UNKNOWN:
                    made.unknown_row.append(row)
                    made.unknown.append(text[begin:stop])
                held.unit, at = unit, stop
            held.gap += text[at:]
            if starts[row + 1] and gap_before[END]:
                made.row.append(row)
                made.left.append(held.unit)
                made.right.append(END)
                made.gap.append(held.gap)
                held.gap = ""
        return made


@dataclass
class Held:
    """Where the text before ended: its last unit, and what stood after it."""

    unit: int = BEGIN
    gap: str = ""


class Spelling:
    """Learned from training texts; says nats per text, and how units are put together to text again."""

    def __init__(self, tokenizer: Tokenizer, known: dict[str, Any]) -> None:
        self.tokenizer, self.known = tokenizer, known
        self._units: Units | None = None if tokenizer.config.units in EXACT else Units(tokenizer)
        self.letters = Letters(**known["letters"]) if "letters" in known else Letters.learn([])
        self.gaps = Gaps.of(known["gaps"]) if "gaps" in known else Gaps.learn([], [], [])

    @classmethod
    def learn(
        cls,
        chunks: Iterable[Ragged],
        tokenizer: Tokenizer,
        starts: NDArray[np.bool_] | None = None,
        *,
        inner: bool = False,
    ) -> Spelling:
        """From texts (UTF-8), a sample of them if they are many. starts: [texts] whether a document begins
        with each (None: with every text). inner: only what stands between two units counts, as when texts are
        written and never coded: of texts of a word or two most gaps are those at their ends."""
        said: dict[str, Any] = {"signature": signature(tokenizer)}
        if tokenizer.config.units in EXACT:
            return cls(tokenizer, said)
        units, gaps, unknown = Units(tokenizer), Open(), list[str]()
        for texts, first in _sample(chunks, starts):
            # Whether a document ends with the last text of a group is not known: nothing is said of its end.
            found = units.open(texts, np.append(first, False), Held())
            begun = int(not first[0])  # else the unit before the first gap is not known
            for left, right, gap in list(zip(found.left, found.right, found.gap, strict=True))[begun:]:
                if not inner or (left != BEGIN and right != END):
                    gaps.left.append(left)
                    gaps.right.append(right)
                    gaps.gap.append(gap)
            unknown += found.unknown
        if units.kind in {"word", "whitespace"}:  # the rare words of a vocabulary are like those beyond it
            unknown += tokenizer.vocabulary[len(tokenizer) // 2 :]
        said["letters"] = Letters.learn(unknown, ends=units.kind != "character").to_dict()
        if units.gap_before.any():
            said["gaps"] = Gaps.learn(gaps.left, gaps.right, gaps.gap).to_dict()
        return cls(tokenizer, said)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `Spelling(tokenizer, d)` is the inverse."""
        return self.known

    def nats(
        self, texts: Ragged, starts: NDArray[np.bool_] | None = None, held: Held | None = None
    ) -> NDArray[np.float64]:
        """[texts] what it costs to write each text when its units are known; what stands between the units of
        two texts of a document is counted to the later.

        starts: [texts + 1] whether a document begins with each text, and with that after them (None: with
        every text). held: what the texts before have left, and where these leave theirs.
        """
        total = np.zeros(len(texts), np.float64)
        if self._units is None:
            return total
        first = np.ones(len(texts) + 1, np.bool_) if starts is None else starts
        held = held or Held()
        for base in range(0, len(texts), TEXTS_AT_ONCE):
            strings = [texts.string(row) for row in range(base, min(base + TEXTS_AT_ONCE, len(texts)))]
            found = self._units.open(strings, first[base:], held)
            if found.gap:
                nats = self.gaps.nats(found.left, found.right, found.gap)
                np.add.at(total, np.array(found.row) + base, nats)
            for row, text in zip(found.unknown_row, found.unknown, strict=True):
                total[base + row] += self.letters.nats(text)
        return total

    def join(self, ids: Iterable[int]) -> str:
        """Units as text, each after the gap that is likeliest before it. What is given for the first units of
        `ids` is the beginning of what is given for all."""
        if self.tokenizer.config.units in WHOLE or self._units is None:
            return self.tokenizer.decode(ids)
        said, before = list[str](), BEGIN
        for unit in map(int, ids):
            if unit == UNKNOWN or unit >= len(SPECIAL):
                said += [self.between(before, unit), self._units.names[unit]]
                before = unit
        return "".join(said)

    def between(self, left: int, right: int) -> str:
        """The gap that is likeliest between two units; none at the beginning of a text (left: <s>)."""
        if left == BEGIN or self._units is None or not self._units.gap_before[right]:
            return ""
        return self.gaps.likeliest(left, right)


def signature(tokenizer: Tokenizer) -> dict[str, str]:
    """How a score counts what units leave open, in the words of its signature: what of the text is written,
    unknown units, white space, and the ends of documents."""
    config = tokenizer.config
    steps = [config.unicode if config.unicode != "none" else "", "lowercase" if config.lowercase else ""]
    steps += ["without accents" if config.accents == "strip" else "", "html" if config.html else ""]
    return {
        "normalised": "+".join(filter(None, steps)) or "no",
        "unknown": "none" if config.units in EXACT else "predicted as <unk>, then spelled",
        "white_space": "units" if config.units in WHOLE else "coded given the units beside it",
        "ends": "predicted",
    }


def _sample(
    chunks: Iterable[Ragged], starts: NDArray[np.bool_] | None
) -> Iterator[tuple[list[str], NDArray[np.bool_]]]:
    """Groups of neighbouring texts, evenly spaced, LEARN_BYTES at most, and which begin a document."""
    held: list[tuple[int, Ragged, NDArray[np.bool_]]] = []
    size, step, group, base = 0, 1, 0, 0
    for chunk in chunks:
        for first in range(0, len(chunk), GROUP):
            stop = min(first + GROUP, len(chunk))
            if group % step == 0:
                some = chunk.slice(first, stop)
                some = Ragged(some.flat.copy(), some.offsets)
                every = np.ones(stop - first, np.bool_)
                held.append((group, some, every if starts is None else starts[base + first : base + stop]))
                size += len(some.flat)
            while size > LEARN_BYTES and len(held) > 1:
                step *= 2
                held = [entry for entry in held if entry[0] % step == 0]
                size = sum(len(some.flat) for _, some, _ in held)
            group += 1
        base += len(chunk)
    for _, some, begin in held:
        yield [some.string(row) for row in range(len(some))], begin
