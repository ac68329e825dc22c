"""fastText's .bin: arguments, dictionary, a row for each word and each bucket of n-grams, the output layer.

The layout is that of `FastText::saveModel` (version 12), https://github.com/facebookresearch/fastText.
Numbers are little-endian, as on every machine that writes such files.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textladder.errors import Problem
from textladder.vectors.formats.binary import Binary, decoded
from textladder.vectors.formats.table import COPY_AGAIN, Asked, Keeper, Table, at_byte, check_finite
from textladder.vectors.formats.writing import check_words, fresh_file
from textladder.vectors.subwords import Subwords

ABOUT = "fastText .bin: words, n-grams and output layer"
MAGIC, VERSION = 793712314, 12
MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}
NEGATIVE_SAMPLING, HIERARCHICAL_SOFTMAX = 2, 1
ARGUMENTS = "12id"  # dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate, t
LONGEST_WORD = 1 << 16
BLOCK_ROWS = 1 << 14


@dataclass(frozen=True)
class Arguments:
    dim: int
    window: int
    epochs: int
    min_count: int
    negative: int
    word_ngrams: int
    loss: int
    model: int
    buckets: int
    shortest: int
    longest: int
    rate_updates: int
    sample: float


def detect(head: bytes) -> bool:
    return head[:4] == struct.pack("<i", MAGIC)


def read(path: Path, asked: Asked) -> Table:
    """Words, n-grams and output layer; with `limit` or `wanted` no output layer, as it is for all words.

    Raises Problem that names the byte for a file that is cut off or damaged, and for what is not read:
    quantised models (.ftz) and versions other than 11 and 12.
    """
    with Binary(path) as file:
        arguments = _arguments(file)
        keeper = Keeper(path, asked)
        entries, labels, kept, counts = _dictionary(file, keeper)
        _not_quantised(file, "the vectors are quantised")
        place = file.offset
        rows, width = file.values("qq")
        if width != arguments.dim or rows != entries + arguments.buckets:
            what = (
                f"a matrix of {rows:,} x {width:,} stands here; the header promises "
                f"{entries + arguments.buckets:,} x {arguments.dim:,}."
            )
            raise Problem(at_byte(path, place), what, COPY_AGAIN)
        start = file.offset
        own = file.rows(entries, width)
        check_finite(own, lambda row: at_byte(path, start + 4 * width * row))
        start = file.offset
        buckets = file.rows(arguments.buckets, width)
        check_finite(buckets, lambda row: at_byte(path, start + 4 * width * row))
        _not_quantised(file, "the output layer is quantised")
        outputs, output_width = file.values("qq")
        output = file.rows(outputs, output_width)
        if not file.ended():
            raise Problem(at_byte(path, file.offset), "the file goes on after the output layer.", COPY_AGAIN)
    words = keeper.words()
    whole = len(words) == entries == outputs and not labels
    own = own if len(kept) == entries else own[kept]
    orders = arguments.shortest, arguments.longest
    subwords = Subwords(buckets, orders) if arguments.longest > 0 and arguments.buckets else None
    notes = keeper.notes()
    if labels:
        notes += (f"{path}: {labels:,} left out: labels of a supervised model and its output layer",)
    return Table(
        words,
        own if subwords is None else subwords.compose(words, own)[0],
        counts=np.array(counts, np.int64),
        subwords=subwords,
        own=None if subwords is None else own,
        output=output if whole and arguments.loss != HIERARCHICAL_SOFTMAX else None,
        config=_config(arguments),
        notes=notes,
    )


def _arguments(file: Binary) -> Arguments:
    magic, version = file.values("ii")
    if magic != MAGIC or version not in (11, VERSION):
        raise Problem(
            at_byte(file.path, 4),
            f"the version of this fastText model is {version}; 11 and 12 are read.",
            "Write it again with fastText 0.9, or save its vectors as text.",
        )
    arguments = Arguments(*file.values(ARGUMENTS))
    if version == 11 and MODELS.get(arguments.model) == "supervised":
        arguments = Arguments(**{**vars(arguments), "longest": 0})  # as the program does for old models
    if arguments.dim < 1 or arguments.buckets < 0:
        raise Problem(at_byte(file.path, 8), f"vectors of {arguments.dim} numbers make no sense.", COPY_AGAIN)
    return arguments


def _dictionary(file: Binary, keeper: Keeper) -> tuple[int, int, list[int], list[int]]:
    """(words, labels, which words are kept, their counts)."""
    place = file.offset
    size, words, labels, _tokens, pruned = file.values("iiiqq")
    if size != words + labels or words < 0 or labels < 0:
        what = f"the dictionary promises {size:,} entries, but {words:,} words and {labels:,} labels."
        raise Problem(at_byte(file.path, place), what, COPY_AGAIN)
    kept: list[int] = []
    counts: list[int] = []
    for number in range(size):
        place = file.offset
        raw = file.until(b"\0", LONGEST_WORD)
        count, is_label = file.values("qb")
        if is_label or keeper.full:
            continue
        word = decoded(raw)
        where = at_byte(file.path, place)
        if word is None:
            keeper.broken("words that are not UTF-8", where, f"the word {raw!r} is not UTF-8.")
        elif not word or " " in word:
            what = f"the word {word!r} is empty or has a blank in it."
            keeper.broken("words with a blank in them", where, what)
        elif len(keeper.offer([word], lambda _, where=where: where)):
            kept.append(number)
            counts.append(count)
    if pruned > 0:
        raise Problem(
            str(file.path),
            "its n-grams are pruned (a quantised model), which is not read.",
            "Use the model before it was quantised, or save its vectors as text.",
        )
    return words, labels, kept, counts


def _not_quantised(file: Binary, what: str) -> None:
    place = file.offset
    (quantised,) = file.values("B")
    if quantised:
        raise Problem(
            at_byte(file.path, place),
            f"{what} (.ftz), which is not read.",
            "Use the model before it was quantised, or save its vectors as text.",
        )


def _config(arguments: Arguments) -> dict[str, Any]:
    """The part of `VectorsConfig` that the file knows."""
    return {
        "method": "fasttext",
        "dim": arguments.dim,
        "window": arguments.window,
        "epochs": arguments.epochs,
        "min_count": max(arguments.min_count, 1),
        "negative": 0 if arguments.loss == HIERARCHICAL_SOFTMAX else arguments.negative,
        "sample": arguments.sample,
        "char_orders": (arguments.shortest, arguments.longest),
        "buckets": max(arguments.buckets, 1),
    }


def write(table: Table, path: Path) -> None:
    """A model that fastText's program reads, with or without n-grams. Without an output layer, zeros stand in
    its place: neighbours, analogies and vectors need none. Counts that are not known are written as 1."""
    check_words(table.words)
    know = table.config
    subwords = table.subwords
    own = table.matrix if subwords is None else _own(table)
    size = len(table.words)
    counts = np.ones(size, np.int64) if table.counts is None else table.counts
    orders = (0, 0) if subwords is None else subwords.orders
    numbers = (
        table.dim, know.get("window", 5), know.get("epochs") or 5, know.get("min_count", 1),
        know.get("negative") or 5, 1, NEGATIVE_SAMPLING, 1 if know.get("method") == "cbow" else 2,
        0 if subwords is None else subwords.buckets, *orders, 100, know.get("sample", 1e-4),
    )  # fmt: skip
    with fresh_file(path) as file:
        file.write(struct.pack("<ii", MAGIC, VERSION))
        file.write(struct.pack("<" + ARGUMENTS, *numbers))
        file.write(struct.pack("<iiiqq", size, size, 0, int(counts.sum()), -1))
        for word, count in zip(table.words, counts.tolist(), strict=True):
            file.write(word.encode() + struct.pack("<bqb", 0, count, 0))
        rows = size + (0 if subwords is None else subwords.buckets)
        file.write(struct.pack("<Bqq", 0, rows, table.dim))
        _write_rows(file, own)
        if subwords is not None:
            _write_rows(file, subwords.rows)
        file.write(struct.pack("<Bqq", 0, size, table.dim))
        fits = table.output is not None and table.output.shape == table.matrix.shape
        _write_rows(file, table.output if fits else np.zeros((size, table.dim), np.float32))


def _own(table: Table) -> Any:
    """The words' own rows; if they were not kept, what composing must have started from."""
    assert table.subwords is not None
    if table.own is not None:
        return table.own
    ngrams, counts = table.subwords.compose(table.words)
    return (table.matrix * (counts + 1)[:, None] - ngrams * counts[:, None]).astype(np.float32)


def _write_rows(file: Any, rows: Any) -> None:
    for first in range(0, len(rows), BLOCK_ROWS):
        file.write(np.ascontiguousarray(rows[first : first + BLOCK_ROWS], "<f4").tobytes())
