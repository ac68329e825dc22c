"""GloVe's text format: a word and its numbers on each line, no header.
Pennington et al. 2014, https://nlp.stanford.edu/projects/glove"""

from __future__ import annotations

from pathlib import Path

from textladder.vectors.formats.table import Asked, Table
from textladder.vectors.formats.text import read_lines
from textladder.vectors.formats.writing import write_lines

ABOUT = "GloVe text: a word and its numbers on each line, no header"


def detect(head: bytes) -> bool:
    """What no other format claims is taken for lines of text."""
    return True


def read(path: Path, asked: Asked) -> Table:
    return read_lines(path, asked)


def write(table: Table, path: Path) -> None:
    write_lines(table, path, header=False)
