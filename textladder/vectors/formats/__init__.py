"""Files of word vectors. A format is one file here (ABOUT, detect, read, write) and one line in `FORMATS`.

Which format a file has is told from its content; its name says only, as .gz or .zst, how it is compressed
when it is written.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from textladder.errors import Problem, suggest
from textladder.text.opening import check_file
from textladder.vectors.formats.binary import Binary
from textladder.vectors.formats.table import Asked, Table

# In the order in which a file is tried; the folder is told apart before. Imported when used.
FORMATS = {
    "fasttext": "textladder.vectors.formats.fasttext",
    "word2vec-text": "textladder.vectors.formats.word2vec_text",
    "word2vec-binary": "textladder.vectors.formats.word2vec_binary",
    "glove": "textladder.vectors.formats.glove",
    "safetensors": "textladder.vectors.formats.folder",
}
HEAD_BYTES = 1 << 16


def detect(path: Path) -> str:
    """The name of the format that a file or folder has; Problem if there is nothing to read."""
    if (path / "vectors.json").is_file():
        return "safetensors"
    if path.is_dir():
        raise Problem(
            str(path), "there are no word vectors in this folder (no vectors.json).", "Give another."
        )
    check_file(path)
    with Binary(path) as file:
        head = file.peek(HEAD_BYTES)
    return next(name for name in FORMATS if name != "safetensors" and _module(name).detect(head))


def read(path: Path | str, asked: Asked | None = None) -> Table:
    """The words and vectors of a file of any format. Raises Problem for a damaged one (see `Asked`)."""
    path = Path(path)
    table: Table = _module(detect(path)).read(path, asked or Asked())
    return table


def write(table: Table, path: Path | str, form: str = "safetensors") -> None:
    """Write a file in one step: .gz and .zst are compressed. Raises Problem for a word that the format cannot
    hold, and when it cannot be written."""
    _module(form).write(table, Path(path))


def _module(name: str) -> Any:
    if name not in FORMATS:
        raise Problem("--to", f"there is no format {name!r}.", suggest(name, FORMATS))
    return import_module(FORMATS[name])
