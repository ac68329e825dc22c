"""word2vec's text format, which is also fastText's .vec: a line of two whole numbers (words, width), then a
line for each word. https://code.google.com/archive/p/word2vec"""

from __future__ import annotations

import codecs
from pathlib import Path

from textladder.vectors.formats.table import Asked, Table
from textladder.vectors.formats.text import is_header, read_lines
from textladder.vectors.formats.writing import write_lines

ABOUT = "word2vec text, fastText .vec: a header, then a word and its numbers on each line"


def detect(head: bytes) -> bool:
    """Whether the first bytes of a file are of this format. A binary file has the same header; what follows
    its first word is not text."""
    first, _, rest = head.partition(b"\n")
    header = is_header(first)
    if header is None:
        return False
    numbers = rest.partition(b" ")[2][: 4 * header[1]]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(numbers)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return not any(char < " " and char not in "\t\r\n" for char in text)


def read(path: Path, asked: Asked) -> Table:
    return read_lines(path, asked)


def write(table: Table, path: Path) -> None:
    write_lines(table, path, header=True)
