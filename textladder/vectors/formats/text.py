"""Lines of "word number number ...": the one reader of word2vec's, GloVe's and fastText's text files.

A file is read in blocks of whole lines, which threads parse while the next ones come. Blanks are spaces and
tabs; a line ends at a line feed only, so that other Unicode blanks may stand in words.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.text.opening import UTF8_MARK, at, open_bytes
from textladder.vectors.formats import parsing
from textladder.vectors.formats.table import COPY_AGAIN, Asked, Growing, Keeper, Table

BLOCK_BYTES = 8 << 20


def read_lines(path: Path, asked: Asked, threads: int | None = None) -> Table:
    """All that `asked` wants of a text file of vectors. Raises Problem that names the line: unequal widths, a
    wrong header, what is not a number or not finite, and broken words unless they are to be left out."""
    threads = threads or os.cpu_count() or 1
    keeper = Keeper(path, asked)
    matrix, width, header, line = Growing(0), 0, None, 1
    pending: deque[Future[_Part]] = deque()
    blocks = _blocks(path)
    with ThreadPoolExecutor(threads) as pool:
        ended = False
        while not ended or pending:
            while not ended and len(pending) <= threads:
                block = next(blocks, None)
                if block is None:
                    ended = True
                    break
                if not width:
                    header, width, skip = _first_line(path, block)
                    matrix = Growing(width, header)
                    block, line = block[skip:], 1 + (header is not None)
                if block:  # the first may have been a header alone
                    pending.append(pool.submit(_parse, path, block, line, width, asked))
                    line += _line_count(block)
            if not pending:
                break
            part = pending.popleft().result()
            _take(part, keeper, matrix, path)
            if keeper.full:
                ended = True
                pending.clear()
    words = keeper.words()
    if header is not None and not keeper.full and header != keeper.seen:
        raise Problem(
            at(path, 1),
            f"the header promises {header:,} words, the file has {keeper.seen:,}.",
            "It was cut off or changed: copy it again, or mend the header.",
        )
    return Table(words, matrix.done(), notes=keeper.notes())


def is_header(line: bytes) -> tuple[int, int] | None:
    """Words and width, if the line is word2vec's header of two whole numbers."""
    fields = line.split()
    if len(fields) != 2 or not all(field.isdigit() for field in fields):
        return None
    return int(fields[0]), int(fields[1])


@dataclass(frozen=True)
class _Part:
    """A block of lines, parsed: its words (None: broken) and the numbers of those that were read."""

    line: int
    words: list[str | None]
    broken: list[tuple[int, str, str]]  # position, kind, sentence
    read: NDArray[np.int64]  # positions whose numbers were read, rising
    rows: NDArray[np.float32]  # [len(read), D]


def _parse(path: Path, block: bytes, line: int, width: int, asked: Asked) -> _Part:
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == parsing.FEED)
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(data))
    starts = np.append(0, ends[:-1] + 1)
    stops = parsing.word_ends(data, starts, ends)
    words, broken = _words(block, starts, stops)
    read = np.array([i for i, w in enumerate(words) if w is not None], np.int64)
    if asked.wanted is not None:
        read = np.array([i for i in read if words[i] in asked.wanted], np.int64)
    rows = np.empty((len(read), width), np.float32)
    said = parsing.parse_rows(data, stops[read], ends[read], parsing.POWERS, rows)
    for k in np.flatnonzero(said):
        i = int(read[k])
        text = block[stops[i] : ends[i]].decode("utf-8", "replace")
        values, wrong = parsing.parse_line(text, width)
        if values is not None:
            rows[k] = values
        elif not words[i]:
            raise Problem(
                at(path, line + i), "the line is empty, or begins with a blank.", "Mend or remove it."
            )
        elif wrong.startswith(parsing.BLANK[:10]):  # ". . ." in GloVe's file is a word
            broken.append((i, "words with a blank in them", wrong))
            words[i] = None
        else:
            raise Problem(at(path, line + i), wrong, "Mend that line of the file; it may have been cut off.")
    keep = np.array([words[i] is not None for i in read], bool)
    return _Part(line, words, broken, read[keep] if len(read) else read, rows if keep.all() else rows[keep])


def _words(block: bytes, starts: NDArray[np.int64], stops: NDArray[np.int64]):  # type: ignore[no-untyped-def]
    words: list[str | None] = []
    broken: list[tuple[int, str, str]] = []
    for i, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        try:
            words.append(block[start:stop].decode())
        except UnicodeDecodeError as error:
            words.append(None)
            what = f"byte {error.start + 1} of the word, 0x{block[start + error.start]:02x}, is not UTF-8."
            broken.append((i, "words that are not UTF-8", what))
    return words, broken


def _take(part: _Part, keeper: Keeper, matrix: Growing, path: Path) -> None:
    """Put the rows that are kept behind those that are there."""
    for position, kind, what in part.broken:
        keeper.broken(kind, at(path, part.line + position), what)
    kept = keeper.offer(part.words, lambda position: at(path, part.line + position))
    whole = len(kept) == len(part.read)
    matrix.add(part.rows if whole else part.rows[np.searchsorted(part.read, kept)])


def _first_line(path: Path, block: bytes) -> tuple[int | None, int, int]:
    """(words that the header promises or None, width, bytes to leave out)."""
    skip = len(UTF8_MARK) if block.startswith(UTF8_MARK) else 0
    first, end, _ = block[skip:].partition(b"\n")
    header = is_header(first)
    width = header[1] if header else len(first.split()) - 1
    if width < 1:
        raise Problem(
            at(path, 1),
            "no vector stands here.",
            "Give a text file with a word and its numbers on each line.",
        )
    return (header[0], width, skip + len(first) + len(end)) if header else (None, width, skip)


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, about BLOCK_BYTES at a time."""
    rest, offset = b"", 0
    with open_bytes(path) as file:
        while True:
            try:
                chunk = file.read(BLOCK_BYTES)
            except (OSError, EOFError, zlib.error) as error:
                raise Problem(
                    str(path),
                    f"the file is damaged or cut off after byte {offset:,} ({str(error).rstrip('.')}).",
                    COPY_AGAIN,
                ) from error
            if not chunk:
                break
            offset += len(chunk)
            cut = chunk.rfind(b"\n") + 1
            if cut:
                yield rest + chunk[:cut] if rest else chunk[:cut]
                rest = chunk[cut:]
            else:
                rest += chunk
    if rest:
        yield rest


def _line_count(block: bytes) -> int:
    return block.count(b"\n") + (not block.endswith(b"\n"))
