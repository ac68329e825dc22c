"""Texts with more units than a model reads: shortened by a policy that the user chose, and always counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textladder.errors import Problem
from textladder.ragged import Ragged
from textladder.text.tokenizing import TokenizerConfig


@dataclass(frozen=True)
class CutReport:
    """What was done to over-long texts. Reports of chunks add up."""

    texts_cut: int = 0  # texts over the limit
    units_cut: int = 0  # units that no model will see (none where windows are read)
    total: int = 0  # texts
    units: int = 0  # units of all texts
    longest: int = 0  # units of the longest text

    def __add__(self, other: CutReport) -> CutReport:
        return CutReport(
            self.texts_cut + other.texts_cut,
            self.units_cut + other.units_cut,
            self.total + other.total,
            self.units + other.units,
            max(self.longest, other.longest),
        )

    def notes(self, config: TokenizerConfig) -> list[str]:
        """What is to be said of over-long texts: a sentence, or nothing where there are none."""
        return [f"{self.line(config)}."] if self.texts_cut else []

    def line(self, config: TokenizerConfig) -> str:
        """The report in one sentence."""
        limit = config.max_length
        if not self.texts_cut:
            return f"no text is longer than {limit:,} units (the longest has {self.longest:,})"
        share = f"{self.texts_cut:,} of {self.total:,} texts ({self.texts_cut / self.total:.1%})"
        if config.overlong == "window":
            return f"{share} are longer than {limit:,} units (up to {self.longest:,}) and are read in windows"
        kept = {"head": "the first", "tail": "the last", "head+tail": "the first and the last"}.get(
            config.overlong, ""
        )
        lost = f"{self.units_cut:,} of {self.units:,} units ({self.units_cut / self.units:.1%})"
        return f"{share} are longer than {limit:,} units; {kept} are kept, {lost} are not seen"


@dataclass(frozen=True)
class Shortened:
    ids: Ragged
    owner: NDArray[np.int64]  # the text that each row of `ids` is of, [rows]
    cut: CutReport


def shorten(
    ids: Ragged, config: TokenizerConfig, where: str | Sequence[str], in_windows: bool = True
) -> Shortened:
    """Rows of at most `config.max_length` units. `where` names the texts in messages, all together or each.
    in_windows: whether the task can read texts so, so that a message may say so.

    head, tail: the first or last units. head+tail: half from each end (Sun et al. 2019, "How to Fine-Tune
    BERT"). window: several rows for one text, each half a row further on; `owner` tells whose they are.
    error: a Problem that names the first such text.
    """
    limit = config.max_length
    if limit < 1:
        raise Problem("tokenizer.max_length", f"{limit} is no length.", "Set it to 1 or more.")
    lengths = ids.lengths
    long = lengths > limit
    everyone = np.arange(len(ids))
    excess = int((lengths[long] - limit).sum())
    report = CutReport(
        int(long.sum()),
        0 if config.overlong == "window" else excess,
        len(ids),
        int(ids.offsets[-1] - ids.offsets[0]),
        int(lengths.max(initial=0)),
    )
    if not report.texts_cut:
        return Shortened(ids, everyone, report)
    if config.overlong == "error":
        row = int(np.argmax(long))
        place = f"{where}, text {row + 1}" if isinstance(where, str) else where[row]
        raise Problem(
            place,
            f"this text has {lengths[row]:,} units, more than the {limit:,} of tokenizer.max_length.",
            "Raise tokenizer.max_length, or set tokenizer.overlong to head, tail"
            f"{', head+tail or window' if in_windows else ' or head+tail'}.",
        )
    if config.overlong == "window":
        stride = max(limit // 2, 1)
        windows = 1 + np.maximum(-(-(lengths - limit) // stride), 0)  # the last one reaches the end
        owner = np.repeat(everyone, windows)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(windows) - windows, windows)
        starts = number * stride
        return Shortened(
            _pieces(ids, owner, starts, np.minimum(starts + limit, lengths[owner])), owner, report
        )
    head = {"head": limit, "tail": 0, "head+tail": (limit + 1) // 2}[config.overlong]
    # Each text is a piece from its head and a piece from its tail; that of a short text is all head.
    firsts = np.where(long, head, lengths)
    lasts = np.where(long, limit - head, 0)
    starts = np.stack([np.zeros_like(lengths), lengths - lasts], axis=1).ravel()
    stops = np.stack([firsts, lengths], axis=1).ravel()
    pieces = _pieces(ids, np.repeat(everyone, 2), starts, stops)
    return Shortened(Ragged(pieces.flat, pieces.offsets[::2]), everyone, report)


def _pieces(
    ids: Ragged, rows: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64]
) -> Ragged:
    """Piece i is units starts[i] to stops[i] of row rows[i]."""
    lengths = stops - starts
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    positions = np.arange(offsets[-1]) + np.repeat(ids.offsets[rows] + starts - offsets[:-1], lengths)
    return Ragged(np.asarray(ids.flat[positions]), offsets)


def demand_windows(
    lengths: NDArray[np.int64], config: TokenizerConfig, wheres: Sequence[str], why: str
) -> None:
    """Raises Problem for a text of more than `max_length` units, unless such are read in windows: for tasks
    of which nothing can be cut. lengths, wheres: of each text; why: what would be lost."""
    long = lengths > config.max_length
    if not long.any() or config.overlong == "window":
        return
    row = int(np.argmax(long))
    raise Problem(
        wheres[row],
        f"this text has {lengths[row]:,} units, more than the {config.max_length:,} of tokenizer.max_length; "
        f"{why}.",
        "Raise tokenizer.max_length, or have it read in parts with --set tokenizer.overlong=window",
    )
