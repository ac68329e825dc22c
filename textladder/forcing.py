"""Forced decoding: what a translator gives for units that are given, and what it looked at for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.model import Model
from textladder.ragged import Ragged
from textladder.search import Hypothesis
from textladder.tasks.translate import Translate
from textladder.text.batching import evaluation_plan
from textladder.text.overlong import shorten
from textladder.text.spelling import EXACT
from textladder.text.store import Store
from textladder.text.tokenizing import END, SPECIAL, UNKNOWN

UNITS = 4096  # of the sources that are encoded together


def forced(
    model: Model, columns: Mapping[str, Ragged], *, aligned: bool, keep: list[Any] | None = None
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """columns: "text" and "label" as `Translate.rows` makes them -> of each row the nats of the target's
    units [T], and if `aligned` the shares [T, S] that alignments are read from. keep: gets all maps."""
    task = model.task
    assert isinstance(task, Translate), "a translator"
    store, lengths = Store.of(dict(columns)), columns["text"].lengths
    nats: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(lengths)
    shares = list(nats)
    with model.predicting():
        for places in evaluation_plan(lengths, UNITS, UNITS):
            batch = task.collate(store.take(places)).to(model.device)
            each, offsets, maps = task.forced(model.encoder, batch, aligned)
            if keep is not None:
                keep += maps
            mean = task.aligning(maps).mean(1).cpu().numpy() if maps else None  # [B, T, S]
            bounds = offsets.tolist()
            for number, place in enumerate(places.tolist()):
                first, end = bounds[number : number + 2]
                nats[place] = each[first:end].cpu().numpy()
                if mean is not None:
                    shares[place] = mean[number, : end - first, : lengths[place]]
    return nats, shares


def source_spans(model: Model, text: str) -> list[tuple[int, int]]:
    """Where each unit that the model reads of a source stands in it."""
    spans = model.tokenizer.offsets(text)
    read = shorten(Ragged.of([range(len(spans))]), model.tokenizer.config, "text").ids.flat
    return [spans[place] for place in read.tolist()]


def check_replacing(model: Model) -> None:
    """Problem for a model whose unknown words cannot be replaced."""
    units = model.tokenizer.config.units
    if units in EXACT:
        what = f"units of {units} can write everything: there are no unknown words."
        raise Problem("replace_unknown", what, "Leave it out.")
    if not getattr(model.task, "attends", False):
        what = "this model has no attention that could say where an unknown word came from."
        raise Problem("replace_unknown", what, "Leave it out, or train another rung.")


def replaced(
    model: Model, texts: Sequence[str], sources: Ragged, found: Sequence[Sequence[Hypothesis]]
) -> list[list[str]]:
    """The translations that were found of each text, in which for each <unk> stands the unit of the source
    that was looked at most (Jean et al. 2015, https://arxiv.org/abs/1412.2007, section 3.3, without its
    dictionary). sources: the units of the texts."""
    task = model.task
    assert isinstance(task, Translate), "a translator"
    said = [[task.spell(one.ids) for one in several] for several in found]
    listed = ((text, n, one) for text, several in enumerate(found) for n, one in enumerate(several))
    places = [(text, n) for text, n, one in listed if UNKNOWN in one.ids]
    if not places:
        return said
    columns = {
        "text": sources.take(np.array([text for text, _ in places])),
        "label": Ragged.of([found[text][number].ids for text, number in places]),
    }
    _, shares = forced(model, columns, aligned=True)
    for (text, number), looked in zip(places, shares, strict=True):
        words = [texts[text][slice(*span)] for span in source_spans(model, texts[text])]
        there = np.array([bool(word.strip()) for word in words], np.bool_)  # <s> and </s> are no words
        if there.any():
            best = np.where(there, looked, -1.0).argmax(1)
            ids = found[text][number].ids
            said[text][number] = _spelled(task, ids, [words[column] for column in best.tolist()])
    return said


def _spelled(task: Translate, ids: Sequence[int], words: Sequence[str]) -> str:
    """Units as text, with a word in the place of each that is unknown."""
    pieces, said = task.speller.after(), list[str]()
    for unit, word in zip(ids, words, strict=True):
        piece = pieces.add(unit) if unit != END else ""
        said.append(piece.replace(SPECIAL[UNKNOWN], word) if unit == UNKNOWN else piece)
    return "".join([*said, pieces.end()])
