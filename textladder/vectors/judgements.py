"""Files that word vectors are judged by: pairs of words with a human score, and analogy questions.

Pairs: `word word score` per line, parted by tabs, commas or blanks (WS-353, SimLex-999, MEN, RG-65, ...).
Questions: four words per line under `: section` lines (Mikolov et al. 2013, questions-words.txt).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from textladder.errors import Problem
from textladder.text.opening import at, check_file, lines

MEND = "Mend or remove that line."


@dataclass(frozen=True)
class Pairs:
    """Word pairs of one file and how similar people find them (any scale; only the order counts)."""

    name: str
    words: list[tuple[str, str]]
    scores: list[float]


@dataclass(frozen=True)
class Questions:
    """a is to b as c is to d. sections: name -> its questions, in the order of the file."""

    name: str
    sections: dict[str, list[tuple[str, str, str, str]]]


def read_pairs(path: Path) -> Pairs:
    """Blank lines and lines that begin with # are passed over, and so is a first line whose third field is a
    heading. Raises Problem for any other line that is not word, word, number; it is named."""
    check_file(path)
    words, scores, heading = [], [], True
    for number, line in _content(path):
        fields = _fields(line)
        if len(fields) != 3:
            what = f"a word, a word and a score are expected, and here are {len(fields)} fields."
            raise Problem(at(path, number), what, MEND)
        try:
            score = float(fields[2])
        except ValueError as error:
            if heading and not any(mark.isdigit() for mark in fields[2]):
                heading = False
                continue
            raise Problem(at(path, number), f'the score "{fields[2]}" is not a number.', MEND) from error
        if not math.isfinite(score):
            raise Problem(at(path, number), f"the score {fields[2]} is not finite.", MEND)
        heading = False
        words.append((fields[0], fields[1]))
        scores.append(score)
    if not words:
        raise Problem(str(path), "it holds no pair of words.", "Give a file of lines: word, word, score.")
    return Pairs(path.stem, words, scores)


def read_questions(path: Path) -> Questions:
    """Questions before the first `: section` line are of a section named after the file. Raises Problem for a
    line that is not four words; it is named."""
    check_file(path)
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    section = path.stem
    for number, line in _content(path):
        if line.startswith(":"):
            section = line[1:].strip()
            if not section:
                raise Problem(at(path, number), "the section has no name.", MEND)
            continue
        fields = line.split("\t") if "\t" in line else line.split()
        if len(fields) != 4 or not all(fields):
            what = f"four words are expected (a is to b as c is to d), and here are {len(fields)}."
            raise Problem(at(path, number), what, MEND)
        a, b, c, d = fields
        sections.setdefault(section, []).append((a, b, c, d))
    if not sections:
        raise Problem(str(path), "it holds no question.", "Give a file of lines with four words each.")
    return Questions(path.stem, sections)


def _content(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in lines(path):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped


def _fields(line: str) -> list[str]:
    """By tabs, else by commas, else by blanks: a word with a blank in it needs one of the first two."""
    if "\t" in line:
        return [field.strip() for field in line.split("\t")]
    if line.count(",") >= 2:
        return [field.strip() for field in line.split(",")]
    return line.split()


def pair_files(given: Iterable[Path]) -> list[Path]:
    """Files as they are, and of folders the files in them (.txt, .tsv, .csv), by name. Raises Problem for a
    folder that has none."""
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix in {".txt", ".tsv", ".csv"})
        if not inside:
            raise Problem(str(path), "it holds no .txt, .tsv or .csv file.", "Name a file of word pairs.")
        found += inside
    return found


def read_words(path: Path) -> list[str]:
    """A word on each line, each once, in their order. Raises Problem where there is none."""
    check_file(path)
    words = list(dict.fromkeys(line.strip() for _, line in lines(path) if line.strip()))
    if not words:
        raise Problem(str(path), "it holds no word.", "Give a file with a word on each line.")
    return words
