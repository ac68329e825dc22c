"""What it costs a translator to go on from its own units rather than from the truth: the loss at each place
of given translations, with either before it (exposure bias: Bengio et al. 2015, Ranzato et al. 2016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from textladder.batch import Batch, Tokens
from textladder.errors import Problem
from textladder.forcing import UNITS
from textladder.model import Model
from textladder.ragged import Pairs, Ragged
from textladder.text.batching import evaluation_plan
from textladder.text.store import Store
from textladder.text.tokenizing import BEGIN, END
from textladder.translating import options_of, task_of


@dataclass(frozen=True)
class Exposure:
    """Of place 0, 1, ... of the units of translations: texts: [P] how many have it; truth, own: [P] the mean
    loss there in nats, with the given units before it, and with those that the model writes itself."""

    texts: NDArray[np.int64]
    truth: NDArray[np.float64]
    own: NDArray[np.float64]

    @property
    def total(self) -> tuple[float, float]:
        """The means over all units."""
        units = self.texts.sum()
        return float(self.truth @ self.texts / units), float(self.own @ self.texts / units)


def exposure(model: Model, pairs: Sequence[tuple[str, str]]) -> Exposure:
    """Of pairs (text, translation). What the model writes is its greedy translation. Both losses are of the
    same units: of each translation those up to where the model's own ends, and one more. Raises Problem for
    no pairs.
    """
    if not pairs:
        raise Problem("--curve", "there are no pairs.", "Give files with at least one line each.")
    task, options = task_of(model), options_of(model, beam=1)
    store = Store.of(model.rows(Pairs.of_strings(*zip(*pairs, strict=True))).columns)
    longest = int(store.columns["label"].lengths.max())
    texts, sums = np.zeros(longest, np.int64), np.zeros((2, longest))
    with model.predicting():
        for places in evaluation_plan(store.columns["text"].lengths, UNITS, UNITS):
            columns = store.take(places)
            source = Tokens.of(columns["text"]).to(model.device)
            written = task.search(model.encoder, source, options)
            own = [[unit for unit in best[0].ids if unit != END] for best in written]
            lengths = np.minimum(columns["label"].lengths, [len(ids) + 1 for ids in own])
            wanted = [columns["label"][row][:length] for row, length in enumerate(lengths)]
            at = np.concatenate([np.arange(length) for length in lengths])
            np.add.at(texts, at, 1)
            batch = task.collate({"text": columns["text"], "label": Ragged.of(wanted)}).to(model.device)
            for row, before in enumerate((None, own)):
                nats, _, _ = task.forced(model.encoder, batch if before is None else _after(batch, before))
                np.add.at(sums[row], at, -nats.cpu().numpy().astype(np.float64))
    reached = texts > 0
    truth, free = sums[:, reached] / texts[reached]
    return Exposure(texts[reached], truth, free)


def _after(batch: Batch, own: Sequence[Sequence[int]]) -> Batch:
    """The batch with these units after <s>, as many as there were."""
    prefix, units = batch.target
    lengths = prefix.lengths.tolist()
    flat = [unit for ids, n in zip(own, lengths, strict=True) for unit in [BEGIN, *ids][:n]]
    return replace(batch, target=(replace(prefix, flat=torch.tensor(flat).to(prefix.flat)), units))
