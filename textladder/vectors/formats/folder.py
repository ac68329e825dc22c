"""textladder's own format: a folder that is mapped into memory, not read.

    vectors.json  vectors.safetensors  words.txt  and, to go on training, training.safetensors

`vectors.json` holds the format version, how the vectors were learned, and a checksum per file. words.txt has
a word on each line, in the order of the rows. training.safetensors may be deleted.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder import __version__
from textladder.errors import Problem
from textladder.files import damaged, fresh_folder, verify_folder, write_header
from textladder.text.opening import at
from textladder.vectors.formats.table import Asked, Keeper, Table
from textladder.vectors.subwords import Subwords

ABOUT = "a folder of textladder: safetensors and a list of words, mapped into memory"
FORMAT_VERSION = 1
HEADER, VECTORS, TRAINING, WORDS = "vectors.json", "vectors.safetensors", "training.safetensors", "words.txt"
FILES = (VECTORS, WORDS)
TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "I64": np.dtype("<i8")}


def read(path: Path, asked: Asked) -> Table:
    """Problem for a file that is missing, cut short or changed. With `limit` or `wanted`, nothing is kept for
    training on."""
    names = (*FILES, *([TRAINING] if (path / TRAINING).exists() else []))
    header = verify_folder(path / HEADER, FORMAT_VERSION, __version__, names)
    tensors = {**_mapped(path / VECTORS), **(_mapped(path / TRAINING) if TRAINING in names else {})}
    try:
        words = (path / WORDS).read_bytes().decode().removesuffix("\n").split("\n")
        matrix, config = tensors["vectors"], dict(header["config"])
        if matrix.shape != (len(words), header["dim"]):
            raise damaged(
                path / WORDS, f"{len(words):,} words do not fit vectors of the shape {matrix.shape}"
            )
        subwords = None
        if "subwords" in tensors:
            lowest, highest = header["char_orders"]
            subwords = Subwords(tensors["subwords"], (lowest, highest))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(path / HEADER, f"it does not describe the files beside it ({error!r})") from error
    keeper = Keeper(path, asked)
    kept = keeper.offer(words, lambda row: at(path / WORDS, row + 1))
    counts, own, output = (tensors.get(name) for name in ("counts", "own", "output"))
    if len(kept) < len(words):
        first = slice(0, len(kept)) if asked.wanted is None else kept  # a part of the map, or a copy
        matrix, output = matrix[first], None
        counts, own = (None if rows is None else rows[first] for rows in (counts, own))
    return Table(keeper.words(), matrix, counts, subwords, own, output, config, keeper.notes())


def write(table: Table, path: Path) -> None:
    """Replaces a folder of vectors in one step; Problem for a folder that holds anything else."""
    from safetensors.numpy import save_file

    for number, word in enumerate(table.words):
        if not word or "\n" in word:
            raise Problem(f"word {number:,}", f"{word!r} is empty or has a line end in it.", "Leave it out.")
    subwords = table.subwords
    vectors = {"vectors": table.matrix, "counts": table.counts}
    training = {"own": table.own, "output": table.output}
    if subwords is not None:
        vectors["subwords"] = subwords.rows
    more: dict[str, Any] = {"words": len(table.words), "dim": table.dim, "config": dict(table.config)}
    if subwords is not None:
        more["char_orders"] = list(subwords.orders)
    json.dumps(more)  # before anything is written
    with fresh_folder(path, {HEADER, TRAINING, *FILES}, "word vectors") as fresh:
        (fresh / WORDS).write_bytes("".join(f"{word}\n" for word in table.words).encode())
        save_file(_present(vectors), fresh / VECTORS)
        names = [*FILES]
        if _present(training):
            save_file(_present(training), fresh / TRAINING)
            names.append(TRAINING)
        write_header(fresh / HEADER, FORMAT_VERSION, __version__, names, more)


def _present(tensors: dict[str, Any]) -> dict[str, NDArray[Any]]:
    return {name: np.ascontiguousarray(rows) for name, rows in tensors.items() if rows is not None}


def _mapped(path: Path) -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file, mapped and not to be written to (its own reader would copy them).
    Layout: the length of a JSON header as uint64, the header, the numbers."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > size - 8:
                raise ValueError("the header is longer than the file")
            header = json.loads(file.read(length))
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            start, stop = entry["data_offsets"]
            dtype, shape = TYPES[entry["dtype"]], tuple(entry["shape"])
            if (
                stop - start != dtype.itemsize * math.prod(shape)
                or not 0 <= start <= stop <= size - 8 - length
            ):
                raise ValueError(f"{name} does not lie within the file")
            if start == stop:
                tensors[name] = np.empty(shape, dtype)
                continue
            # asarray: a plain array over the map, which is open for as long as the array lives.
            tensors[name] = np.asarray(np.memmap(path, dtype, "r", 8 + length + start, shape))
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise damaged(path, f"this is not a safetensors file ({error!r})") from error
    return tensors
