"""Streams of text: from a part of the data to ids on disk, and from a model to what each block costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from textladder import distributed
from textladder.errors import Problem
from textladder.files import writing
from textladder.ragged import Numbers, Ragged
from textladder.text.batching import evaluation_plan
from textladder.text.spelling import Held, Spelling
from textladder.text.store import Store, StoreWriter
from textladder.text.tokenizing import BEGIN, END, UNKNOWN, Tokenizer
from textladder.text.windowing import documents, evaluation_windows, read_windows

if TYPE_CHECKING:
    from textladder.model import Model
    from textladder.preparing import Part

CHUNK = 1024  # blocks that are made into ids at a time
PREDICT_UNITS = 16384  # units of one batch when scoring
STRIDE = 1024  # units that a window counts, where an encoder's reach lets it choose
WARM_UP = 512  # units before them that a recurrent encoder reads first


def store_stream(
    part: Part, tokenizer: Tokenizer, labels: dict[str, Any], folder: Path, *, judged: bool
) -> Store:
    """A part as a stream in `folder`: columns "text" (a row per block), "start" (whether a document begins
    with it); judged: also what `tasks.language.Block` counts of the texts themselves."""
    begin = {name: len(tokenizer) + number for number, name in enumerate(labels["labels"])}
    spelling, held = Spelling(tokenizer, labels["spelling"]), Held()
    starts = part_starts(part)
    last = np.append(starts[1:], True)
    base = 0
    with writing(folder), StoreWriter(folder) as writer:
        for rows, texts, targets in part.corpus.chunks(part.rows, CHUNK):
            here = slice(base, base + len(rows))
            first = [begin_unit(t, begin, part, row) for t, row in zip(targets, rows, strict=True)]
            ids = tokenizer.encode(texts)
            each = np.arange(len(rows) + 1)
            columns = {
                "text": with_bounds(ids, np.array(first, np.int32), starts[here], last[here]),
                "start": Ragged(starts[here].astype(np.uint8), each),
            }
            if judged:
                unknown = np.add.reduceat(np.append(ids.flat == UNKNOWN, 0), ids.offsets[:-1])
                counts = {
                    "characters": count_characters(texts),
                    "words": count_words(texts, starts[here]),
                    "unknown": np.where(ids.lengths > 0, unknown, 0),
                    "spelling": spelling.nats(texts, np.append(starts[here], last[here][-1]), held),
                }
                columns |= {name: Ragged(np.asarray(c, np.float64), each) for name, c in counts.items()}
            writer.append(columns)
            base += len(rows)
    return Store(folder)


def part_starts(part: Part) -> NDArray[np.bool_]:
    """Whether each row of a part begins a document; its first always does."""
    column = part.corpus.store.columns.get("start")
    if column is None:
        return np.ones(len(part), np.bool_)
    starts = np.asarray(column.flat)[part.rows].astype(np.bool_)
    starts[:1] = True
    return starts


def begin_unit(target: Sequence[str], begin: dict[str, int], part: Part, row: Any) -> int:
    """The unit that a document begins with."""
    if not target:
        return BEGIN
    if len(target) > 1 or target[0] not in begin:
        (place,) = part.places(np.array([row]))
        what = f"the label {target[0]!r} is not one of the training texts'."
        several = f"it has {len(target)} labels, and a document can be conditioned on one."
        raise Problem(place, several if len(target) > 1 else what, "Change it, or leave the labels out.")
    return begin[target[0]]


def with_bounds(
    ids: Ragged, first: NDArray[np.int32], starts: NDArray[np.bool_], last: NDArray[np.bool_]
) -> Ragged:
    """Rows with their `first` unit before those that start a document, and </s> after those that end one."""
    offsets = np.zeros(len(ids) + 1, np.int64)
    np.cumsum(ids.lengths + starts + last, out=offsets[1:])
    flat = np.empty(offsets[-1], np.int32)
    begin, end = offsets[:-1], offsets[1:]
    flat[np.arange(len(ids.flat)) + np.repeat(begin + starts - ids.offsets[:-1], ids.lengths)] = ids.flat
    flat[begin[starts]] = first[starts]
    flat[end[last] - 1] = END
    return Ragged(flat, offsets)


def count_characters(texts: Ragged) -> NDArray[np.int64]:
    """[texts] code points of UTF-8 texts."""
    return _sums((texts.flat & 0xC0) != 0x80, texts)


def count_words(texts: Ragged, starts: NDArray[np.bool_]) -> NDArray[np.int64]:
    """[texts] stretches between ASCII white space that begin in each; starts: [texts] whether a document
    begins with it. A stretch that goes on in the next block is counted once."""
    blank = np.isin(texts.flat, np.frombuffer(b" \t\n\v\f\r", np.uint8))
    begins = ~blank
    begins[1:] &= blank[:-1]
    heads = texts.offsets[:-1][starts & (texts.lengths > 0)]
    begins[heads] = ~blank[heads]
    return _sums(begins, texts)


def _sums(values: NDArray[np.bool_], rows: Ragged) -> NDArray[np.int64]:
    running = np.append(0, np.cumsum(values))
    return running[rows.offsets[1:]] - running[rows.offsets[:-1]]


def context(model: Model) -> tuple[int, int]:
    """(width, stride) of the windows that a model is judged with: an encoder that sees so far back and no
    further sees all of it; a recurrent one reads WARM_UP units first; attention half its positions."""
    encoder, most = model.encoder, model.recipe.tokenizer.max_length
    if encoder.reach is not None:
        return encoder.reach + STRIDE, STRIDE
    if encoder.carries:
        return WARM_UP + STRIDE, STRIDE
    return most, max(most // 2, 1)


def outcomes(
    model: Model, store: Store, precision: str = "float32", *, shared: bool = False
) -> NDArray[np.float64]:
    """[R, 6] what each block of a judged store costs (`tasks.judging.Block`). shared: all processes call it,
    and each does its share of the windows."""
    from textladder.tasks.judging import Block

    offsets = np.asarray(store.columns["text"].offsets)
    found = np.zeros((len(store), len(Block)), np.float64)
    for column in (Block.CHARACTERS, Block.WORDS, Block.UNKNOWN, Block.SPELLING):
        found[:, column] = store.columns[column.name.lower()].flat
    nats, units = np.zeros(len(store)), np.zeros(len(store))
    share = (distributed.rank(), distributed.size()) if shared else (0, 1)
    for at, said, predicted in _said(model, store, precision, *share):
        block = np.searchsorted(offsets, at + 1, side="right") - 1
        np.add.at(nats, block, said)
        np.add.at(units, block, predicted)
    for column, values in ((Block.NATS, nats), (Block.UNITS, units)):
        found[:, column] = sum(distributed.gather(values)) if shared else values
    return found


def unit_nats(model: Model, store: Store) -> NDArray[np.float64]:
    """[N] what each unit of a stored stream costs, 0 for those that are given, not predicted."""
    found = np.zeros(int(store.columns["text"].offsets[-1]))
    for at, said, predicted in _said(model, store, "float32"):
        found[at[predicted] + 1] = said[predicted]
    return found


def _said(
    model: Model, store: Store, precision: str, rank: int = 0, size: int = 1
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]]:
    """Batches of (places in the stream, nats of the unit after each, whether that unit is predicted here), of
    one process's share of the windows."""
    from textladder.layers.softmax import IGNORED

    offsets = np.asarray(store.columns["text"].offsets)
    bounds = documents(offsets, np.asarray(store.columns["start"].flat).astype(np.bool_))
    windows = evaluation_windows(bounds, *context(model))
    mine = np.arange(rank, len(windows), size)
    with model.predicting(precision):
        for places in evaluation_plan(windows.lengths[mine], PREDICT_UNITS):
            rows = mine[places]
            begin, counted = windows.begin[rows], windows.counted[rows]
            inputs, target = read_windows(store, begin, windows.end[rows])
            at = positions(inputs, begin)
            target.flat[at < np.repeat(counted, inputs.lengths)] = IGNORED
            batch = model.task.collate({"text": inputs, "target": target})
            said = model.task.predict(model.encoder, batch.to(model.device))
            yield at, said, batch.target.numpy() != IGNORED


def positions(rows: Ragged, begin: Numbers) -> NDArray[np.int64]:
    """[N] the place in the stream of each unit of windows that begin at `begin`."""
    return np.arange(len(rows.flat)) + np.repeat(begin - rows.offsets[:-1], rows.lengths)
