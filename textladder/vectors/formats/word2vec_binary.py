"""word2vec's binary format: a line of two whole numbers (words, width), then each word, a blank, and its
numbers as little-endian float32, with a line feed behind them or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from textladder.errors import Problem
from textladder.vectors.formats.binary import Binary, decoded
from textladder.vectors.formats.table import COPY_AGAIN, Asked, Growing, Keeper, Table, at_byte, check_finite
from textladder.vectors.formats.text import is_header
from textladder.vectors.formats.writing import check_words, fresh_file

ABOUT = "word2vec binary: a header, then a word and its float32 numbers, without line ends"
LONGEST_WORD = 1 << 16
BLOCK_WORDS = 4096


def detect(head: bytes) -> bool:
    """A header of two whole numbers; `word2vec_text` is asked first."""
    return is_header(head.partition(b"\n")[0]) is not None


def read(path: Path, asked: Asked) -> Table:
    """Raises Problem that names the byte: a file that is cut off or goes on, numbers that are not finite,
    broken words (unless they are to be left out)."""
    keeper = Keeper(path, asked)
    with Binary(path) as file:
        header = is_header(file.until(b"\n", 64))
        assert header is not None, "detect has seen it"
        count, width = header
        if not count or not width:
            raise Problem(
                at_byte(path, 0), f"the header promises {count} words of {width} numbers.", COPY_AGAIN
            )
        matrix = Growing(width, count)
        for first in range(0, count, BLOCK_WORDS):
            words: list[str | None] = []
            places, data = [], []
            for _ in range(min(BLOCK_WORDS, count - first)):
                places.append(file.offset)
                # The word2vec program writes a line feed after the numbers, gensim does not.
                raw = file.until(b" ", LONGEST_WORD).lstrip(b"\n")
                words.append(_checked(raw, keeper, places[-1]))
                data.append(file.take(4 * width))
            rows = np.frombuffer(b"".join(data), "<f4").reshape(-1, width)
            check_finite(rows, lambda row, places=places: at_byte(path, places[row]))
            kept = keeper.offer(words, lambda position, places=places: at_byte(path, places[position]))
            matrix.add(rows[kept])
            if keeper.full:
                break
        if not keeper.full and file.peek(2).strip(b"\n"):
            what = f"the file goes on after the {count:,} words that the header promises."
            raise Problem(at_byte(path, file.offset), what, COPY_AGAIN)
    return Table(keeper.words(), matrix.done(), notes=keeper.notes())


def _checked(raw: bytes, keeper: Keeper, offset: int) -> str | None:
    word = decoded(raw)
    if word is None:
        keeper.broken(
            "words that are not UTF-8", at_byte(keeper.path, offset), f"the word {raw!r} is not UTF-8."
        )
    elif not word or "\t" in word or "\n" in word:
        what = f"the word {word!r} is empty or has a blank in it."
        keeper.broken("words with a blank in them", at_byte(keeper.path, offset), what)
        return None
    return word


def write(table: Table, path: Path) -> None:
    """As the word2vec program writes it: read by that, by gensim and by others."""
    check_words(table.words)
    with fresh_file(path) as file:
        file.write(f"{len(table.words)} {table.dim}\n".encode())
        for first in range(0, len(table.words), BLOCK_WORDS):
            rows = np.ascontiguousarray(table.matrix[first : first + BLOCK_WORDS], "<f4")
            words = table.words[first : first + BLOCK_WORDS]
            pieces = (b"%b %b\n" % (w.encode(), r.tobytes()) for w, r in zip(words, rows, strict=True))
            file.write(b"".join(pieces))
