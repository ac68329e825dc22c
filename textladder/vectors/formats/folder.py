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
from textladder.vectors.packing import Packed
from textladder.vectors.subwords import Subwords

ABOUT = "a folder of textladder: safetensors and a list of words, mapped into memory"
FORMAT_VERSION = 1
HEADER, VECTORS, TRAINING, WORDS = "vectors.json", "vectors.safetensors", "training.safetensors", "words.txt"
FILES = (VECTORS, WORDS)
PACKED = ("vectors", "subwords")  # tensors that may be quantised
TYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind) for name, kind in {"F32": "<f4", "I64": "<i8", "I8": "i1", "U8": "u1"}.items()
}


def read(path: Path, asked: Asked) -> Table:
    """Problem for a file that is missing, cut short or changed. With `limit` or `wanted`, nothing is kept for
    training on."""
    names = (*FILES, *([TRAINING] if (path / TRAINING).exists() else []))
    header = verify_folder(path / HEADER, FORMAT_VERSION, __version__, names)
    tensors = {**_mapped(path / VECTORS), **(_mapped(path / TRAINING) if TRAINING in names else {})}
    keeper = Keeper(path, asked)
    try:
        words = (path / WORDS).read_bytes().decode().removesuffix("\n").split("\n")
        dim, config = header["dim"], dict(header["config"])
        if "char_orders" in config:
            config["char_orders"] = tuple(config["char_orders"])
        packed = {name: _packed(tensors, name, dim) for name in PACKED if f"{name}.codes" in tensors}
        count = len(packed["vectors"].codes if "vectors" in packed else tensors["vectors"])
        if count != len(words):
            raise damaged(path / WORDS, f"{len(words):,} words do not fit {count:,} vectors")
        kept = keeper.offer(words, lambda row: at(path / WORDS, row + 1))
        whole = len(kept) == len(words)
        # All, a part of the map, or a copy of some rows.
        chosen = slice(0, len(kept)) if whole or asked.wanted is None else kept
        matrix = packed["vectors"].rows(chosen) if "vectors" in packed else tensors["vectors"][chosen]
        subwords = None
        if "char_orders" in header:
            rows = packed["subwords"].rows() if "subwords" in packed else tensors["subwords"]
            lowest, highest = header["char_orders"]
            subwords = Subwords(rows, (lowest, highest))
        if matrix.shape[1] != dim or (subwords is not None and subwords.rows.shape[1] != dim):
            raise damaged(path / VECTORS, f"the vectors are not {dim} wide")
        counts, own = (tensors[name][chosen] if name in tensors else None for name in ("counts", "own"))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(path / HEADER, f"it does not describe the files beside it ({error!r})") from error
    return Table(
        keeper.words(),
        matrix,
        counts,
        subwords,
        own,
        tensors.get("output") if whole else None,
        config,
        keeper.notes(),
        packed if whole else {},
    )


def write(table: Table, path: Path) -> None:
    """Replaces a folder of vectors in one step; Problem for a folder that holds anything else."""
    from safetensors.numpy import save_file

    for number, word in enumerate(table.words):
        if not word or "\n" in word:
            raise Problem(f"word {number:,}", f"{word!r} is empty or has a line end in it.", "Leave it out.")
    vectors: dict[str, Any] = {"vectors": table.matrix, "counts": table.counts}
    more: dict[str, Any] = {"words": len(table.words), "dim": table.dim, "config": dict(table.config)}
    if table.subwords is not None:
        vectors["subwords"] = table.subwords.rows
        more["char_orders"] = list(table.subwords.orders)
    for name, pack in table.packed.items():
        vectors[name] = None
        vectors |= {f"{name}.{part}": getattr(pack, part) for part in ("codes", "scales", "centroids")}
    training = _present({"own": table.own, "output": table.output})
    with fresh_folder(path, {HEADER, TRAINING, *FILES}, "word vectors") as fresh:
        (fresh / WORDS).write_bytes("".join(f"{word}\n" for word in table.words).encode())
        save_file(_present(vectors), fresh / VECTORS)
        if training:
            save_file(training, fresh / TRAINING)
        names = [*FILES, TRAINING] if training else FILES
        write_header(fresh / HEADER, FORMAT_VERSION, __version__, names, more)


def _packed(tensors: dict[str, NDArray[Any]], name: str, dim: int) -> Packed:
    centroids = tensors.get(f"{name}.centroids")
    return Packed(tensors[f"{name}.codes"], tensors[f"{name}.scales"], centroids, dim)


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
