"""An ARPA file to a model's folder. A broken line is named by its number.

Words are units, after <pad> <unk> <s> </s>; <U+0020> is read as a space, <UNK> as <unk>. Of the special
units, those that the file lacks are added with a probability of 0, which the model's notes say. Every
n-gram must begin with one that stands in the file (as KenLM asks); it need not end with one.
"""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ngrams.arpa_lines import EARLY, LINE, OK, SAID, parents_of, parse
from textladder.ngrams.arrays import create
from textladder.ngrams.config import HIGHEST_ORDER, NgramConfig
from textladder.ngrams.model import TYPES, About, make_room, sizes_of, write_header
from textladder.ngrams.trie import check_size, link_all
from textladder.ngrams.words import Table, table, unescape
from textladder.ragged import Ragged
from textladder.text.opening import at, blocks, check_file
from textladder.text.tokenizing import BEGIN, SPECIAL, UNKNOWN

NATURAL = math.log(10)
NEVER = -99.0


class Lines:
    """The file's lines, one by one or block by block."""

    def __init__(self, path: Path) -> None:
        self.path, self._source = path, blocks(path)
        self.block = np.zeros(0, np.uint8)
        self._bytes = b""
        self.place = self.number = 0  # of the next line: where in the block it begins, and its number
        self._held: tuple[str, str] | None = None

    def more(self) -> bool:
        """Whether there is another line; reads the next block if this one is used up."""
        while self.place >= len(self._bytes):
            number, text = next(self._source, (0, ""))
            if not number:
                return False
            self._bytes = (text if text.endswith("\n") else text + "\n").encode("utf-8")
            self.block, self.place, self.number = np.frombuffer(self._bytes, np.uint8), 0, number
        return True

    def here(self) -> str:
        return at(self.path, self.number)

    def line(self) -> tuple[str, str]:
        """The next line that is not blank, and where it is. Raises Problem at the end of the file."""
        if self._held:
            held, self._held = self._held, None
            return held
        while self.more():
            begin, where = self.place, self.here()
            self.place, self.number = self._bytes.index(b"\n", begin) + 1, self.number + 1
            text = self._bytes[begin : self.place].decode("utf-8").strip(" \t\r\n")
            if text:
                return text, where
        raise cut_off(self.path, "before \\end\\")

    def hold(self, line: tuple[str, str]) -> None:
        """Puts the last line back."""
        self._held = line


@dataclass
class Tree:
    """The levels read so far, breadth first; see `trie.py`."""

    starts: list[int] = field(default_factory=lambda: [0])
    ids: list[NDArray[np.int32]] = field(default_factory=list)
    parents: list[NDArray[np.int64]] = field(default_factory=list)  # of all levels but the first
    logs: list[NDArray[np.float32]] = field(default_factory=list)  # [rows, 2]: probability, backoff

    def add(self, ids: NDArray[np.int32], logs: NDArray[np.float32]) -> None:
        self.ids.append(ids)
        self.logs.append(logs * np.float32(NATURAL))
        self.starts.append(self.starts[-1] + len(ids))

    def first(self) -> NDArray[np.int32]:
        """Where the children of every node above the last level begin, and the number of nodes."""
        parents = np.concatenate([np.zeros(0, np.int64), *self.parents])
        children = np.bincount(parents, minlength=self.starts[-2])
        return (self.starts[1] + np.append(0, np.cumsum(children))).astype(np.int32)


def read(path: Path, folder: Path) -> tuple[list[str], About]:
    """See `NgramModel.from_arpa`: vocabulary and header of the model now in `folder`."""
    check_file(path)
    lines, tree = Lines(path), Tree()
    counts = read_counts(lines)
    check_size(sum(counts) + len(SPECIAL), str(path))
    section(lines, 1)
    vocabulary, words, notes = read_units(lines, counts[0], tree)
    for length in range(2, len(counts) + 1):
        section(lines, length)
        read_level(lines, counts[length - 1], length, length < len(counts), words, tree)
    text, where = lines.line()
    if text != "\\end\\":
        raise broken(where, f"{text[:60]!r} stands where \\end\\ should")
    about = About(NgramConfig(order=len(counts)), tuple(tree.starts), notes=notes)
    make_room(folder)
    store(tree, folder)
    write_header(folder, vocabulary, about)
    shutil.rmtree(folder / "work", ignore_errors=True)
    return vocabulary, about


def read_counts(lines: Lines) -> list[int]:
    """How many n-grams of each order the head promises."""
    text, where = lines.line()
    if text != "\\data\\":
        raise broken(where, "the file does not begin with \\data\\")
    counts: list[int] = []
    while True:
        text, where = lines.line()
        if text.startswith("\\"):
            lines.hold((text, where))
            break
        found = re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", text)
        if not found or int(found.group(1)) != len(counts) + 1:
            raise broken(where, f"{text[:60]!r} stands where ngram {len(counts) + 1}=NUMBER should")
        counts.append(int(found.group(2)))
    if not 1 <= len(counts) <= HIGHEST_ORDER or not all(counts):
        raise broken(where, f"n-grams of orders 1 to {HIGHEST_ORDER} are read, at least one of each")
    return counts


def section(lines: Lines, length: int) -> None:
    text, where = lines.line()
    if text != f"\\{length}-grams:":
        raise broken(where, f"{text[:60]!r} stands where \\{length}-grams: should")


def read_units(lines: Lines, count: int, tree: Tree) -> tuple[list[str], Table, tuple[str, ...]]:
    """The vocabulary in the order of the file after the special units, the table of the file's words, and
    what was added."""
    rows: dict[str, tuple[float, float]] = {}
    spelled: dict[str, str] = {}
    for _ in range(count):
        text, where = lines.line()
        fields = re.split(r"[ \t]+", text)
        try:
            logs = [float(value) for value in (fields[0], *fields[2:])]
        except ValueError:
            logs = []
        if text.startswith("\\") or not 2 <= len(fields) <= 3 or not logs:
            raise broken(where, f"{text[:60]!r} is not a logarithm, a unit and at most one backoff")
        if not all(map(math.isfinite, logs)) or logs[0] > 0:
            raise broken(where, "the logarithm of a probability is above 0, or not finite")
        unit = SPECIAL[UNKNOWN] if fields[1] == "<UNK>" else unescape(fields[1])
        if unit in rows:
            raise broken(where, f"the unit {fields[1]!r} comes twice")
        rows[unit], spelled[unit] = (logs[0], logs[1] if len(logs) > 1 else 0.0), fields[1]
    missing = [unit for unit in SPECIAL[1:] if unit not in rows]
    vocabulary = list(dict.fromkeys([*SPECIAL, *rows]))
    values = np.array([rows.get(unit, (-np.inf, 0.0)) for unit in vocabulary], np.float32)
    values[BEGIN, 0] = -np.inf  # never predicted; files have -99, or 0 as KenLM's
    tree.add(np.arange(len(vocabulary), dtype=np.int32), values)
    words = table(Ragged.of_strings(spelled.get(unit, unit) for unit in vocabulary))
    notes = (f"the ARPA file has no {unit}; it was added with a probability of 0" for unit in missing)
    return vocabulary, words, tuple(notes)


def read_level(  # noqa: PLR0917
    lines: Lines, count: int, length: int, has_backoff: bool, words: Table, tree: Tree
) -> None:
    """Adds the n-grams of `length` units, sorted by their beginning and last unit."""
    ids, logs = np.empty((count, length), np.int32), np.empty((count, 2), np.float32)
    begun: list[tuple[int, int]] = []  # (row, number of its line) wherever a block begins
    done = 0
    while done < count:
        if not lines.more():
            raise cut_off(lines.path, f"after {done:,} of {count:,} {length}-grams")
        if done == 0 and lines.block[lines.place] == LINE:  # blank lines after the head of the section
            lines.place, lines.number = lines.place + 1, lines.number + 1
            continue
        begun.append((done, lines.number))
        after, lines.place, wrong = parse(lines.block, lines.place, ids, logs, done, has_backoff, words)
        done, lines.number = after, lines.number + after - done
        if wrong != OK:
            early = f"the section ends after {done:,} of {count:,} {length}-grams"
            raise broken(lines.here(), early if wrong == EARLY else SAID[wrong])

    def where(row: int) -> str:
        start, number = max(pair for pair in begun if pair[0] <= row)
        return at(lines.path, number + row - start)

    parents, orphan = parents_of(ids, np.concatenate(tree.ids), tree.first())
    if orphan >= 0:
        raise broken(where(orphan), f"its first {length - 1} units are not among the {length - 1}-grams")
    keys = parents * len(words.offsets) + ids[:, -1]
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(same):
        raise broken(where(int(order[same[0] + 1])), "this n-gram comes twice")
    tree.parents.append(parents[order])
    tree.add(np.ascontiguousarray(ids[order, -1]), logs[order])


def store(tree: Tree, folder: Path) -> None:
    """Writes the arrays of a model."""
    arrays = {name: create(folder / name, TYPES[name], size) for name, size in sizes_of(tree.starts).items()}
    logs = np.concatenate(tree.logs)
    arrays["ids"][:] = np.concatenate(tree.ids)
    arrays["first"][:] = tree.first()
    arrays["log_probability"][:] = logs[:, 0]
    arrays["log_backoff"][:] = logs[: tree.starts[-2], 1]
    link_all(np.array(tree.starts), arrays["ids"], arrays["first"], arrays["suffix"], 1)


def broken(where: str, what: str) -> Problem:
    return Problem(where, f"{what}.", "Mend that line, or write the file again.")


def cut_off(path: Path, where: str) -> Problem:
    return Problem(str(path), f"the file ends {where}: it was cut off.", "Copy it again.")
