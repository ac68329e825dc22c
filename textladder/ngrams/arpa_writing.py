"""A model as an ARPA file, the format of SRILM, KenLM and Kaldi: base-10 logarithms, seven digits after the
point.

White space inside a unit is written <U+0020>; <s>, which is never predicted, has -99; <pad> is left out.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

import gzip
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from textladder.errors import Problem
from textladder.files import writing
from textladder.layers.kernels import kernel
from textladder.ngrams.arrays import blocks
from textladder.ngrams.words import check_words, escape
from textladder.ragged import Ragged

if TYPE_CHECKING:
    from textladder.ngrams.model import NgramModel

LINES_AT_ONCE = 1 << 16
NUMBER_BYTES = 24  # of a logarithm, at most
DIGITS = 10_000_000
NEVER = -99.0  # what the format says for a probability of zero


def write(model: NgramModel, path: Path) -> None:
    """See `NgramModel.arpa`."""
    about = model.about
    if not about.normalised or about.straight:
        raise Problem(
            str(path),
            f"an ARPA file cannot say what {about.config.estimator} gives after contexts never seen.",
            "Count again with kneser-ney or interpolation; or keep the model in its own folder (save).",
        )
    check_words(model.vocabulary)
    words = Ragged.of_strings(escape(unit) for unit in model.vocabulary)
    starts, ids, first, _, log_probability, log_backoff = model.arrays[:6]
    longest = int(words.lengths.max()) + 1
    buffer = np.empty(LINES_AT_ONCE * (model.order * longest + 2 * NUMBER_BYTES), np.uint8)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        with open_for(path, fresh) as file:
            head = "".join(f"ngram {order}={count}\n" for order, count in enumerate(model.counts, 1))
            file.write(f"\\data\\\n{head}".encode())
            for order in range(1, model.order + 1):
                file.write(f"\n\\{order}-grams:\n".encode())
                begin, end = int(starts[order - 1]), int(starts[order])
                path_ids = np.empty(order, np.int32)
                for low, high in blocks(begin + (order == 1), end, LINES_AT_ONCE):
                    arrays = (starts, ids, first, log_probability, log_backoff)
                    size = lines(low, high, path_ids, *arrays, words.flat, words.offsets, buffer)
                    file.write(buffer[:size].tobytes())
            file.write(b"\n\\end\\\n")
        os.replace(fresh, path)


def open_for(path: Path, fresh: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(fresh, "wb", 6) if path.suffix.lower() == ".gz" else fresh.open("wb")


@kernel
def parent_of(first: Any, low: int, high: int, node: int) -> int:
    """The last of the nodes low..high whose children begin at `node` or before."""
    while high - low > 1:
        middle = (low + high) >> 1
        if first[middle] <= node:
            low = middle
        else:
            high = middle
    return low


@kernel
def decimal(value: float, buffer: Any, n: int) -> int:
    """The base-10 logarithm of exp(value), rounded to seven digits; the new end."""
    scaled = value / math.log(10.0)
    if not scaled > NEVER:
        scaled = NEVER
    number = np.int64(round(abs(scaled) * DIGITS))
    if scaled < 0 and number:
        buffer[n] = 45  # -
        n += 1
    whole, rest = number // DIGITS, number % DIGITS
    if whole >= 10:
        buffer[n] = 48 + whole // 10
        n += 1
    buffer[n] = 48 + whole % 10
    n += 1
    if rest:
        buffer[n] = 46  # .
        n += 1
        step = DIGITS // 10
        while rest:
            buffer[n] = 48 + rest // step
            n += 1
            rest %= step
            step //= 10
    return n


@kernel
def lines(
    low: int,
    high: int,
    path: Any,
    starts: Any,
    ids: Any,
    first: Any,
    log_probability: Any,
    log_backoff: Any,
    flat: Any,
    offsets: Any,
    buffer: Any,
) -> int:
    """Writes the lines of the nodes low..high of one level into `buffer`; how many bytes they are."""
    order, n = len(path), 0
    above = np.empty(order, np.int64)  # the node and what it begins with, from one unit on
    for node in range(low, high):
        above[order - 1] = node
        for k in range(order - 2, -1, -1):
            below, at = above[k + 1], above[k]
            if node == low:
                at = parent_of(first, starts[k], starts[k + 1], below)
            while first[at + 1] <= below:
                at += 1
            above[k] = at
        n = decimal(log_probability[node], buffer, n)
        for k in range(order):
            buffer[n] = 9 if k == 0 else 32  # tab, then spaces
            n += 1
            unit = ids[above[k]]
            for i in range(offsets[unit], offsets[unit + 1]):
                buffer[n] = flat[i]
                n += 1
        if order < len(starts) - 1 and (first[node + 1] > first[node] or log_backoff[node] != 0):
            buffer[n] = 9
            n = decimal(log_backoff[node], buffer, n + 1)
        buffer[n] = 10
        n += 1
    return n
