"""Batches of streams: what their rows hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from textladder.batch import Batch
from textladder.ragged import Ragged
from textladder.text.store import Store
from textladder.training.options import TrainingConfig
from textladder.training.streaming import StreamFeed

STREAM = np.arange(5_000, dtype=np.int32)  # every unit says where it stands
HEADS = np.array([0, 40, 1_000, 3_000])


@pytest.mark.parametrize("carried", [True, False])
def test_opened_windows_read_how_their_document_begins(carried: bool) -> None:
    rows = np.array([0, 40, 500, 1_000, 3_000, 5_000])
    starts = np.isin(rows[:-1], HEADS).astype(np.uint8)
    columns = {"text": Ragged(STREAM, rows), "start": Ragged(starts, np.arange(len(starts) + 1))}
    given: list[dict[str, Ragged]] = []

    def collate(made: dict[str, Ragged]) -> Any:
        given.append(made)
        return Batch((), None, 1)

    options = TrainingConfig(batch_texts=4, seed=3)
    feed = StreamFeed(Store.of(columns), collate, options, width=10, carried=carried)
    opened = 0
    for number in range(feed.batches(0)):
        feed.batch(feed.rows(0, number))
        made = given[-1]
        for row in range(len(made["text"])):
            read, target = made["text"][row], made["target"][row]
            assert (read[1:] == target[:-1]).all()
            head = HEADS[np.searchsorted(HEADS, target[0], side="right") - 1]
            if read[0] != target[0] - 1:
                opened += 1
                assert read[0] == head
                assert made["fresh"][row][0] == 1
    assert opened > 5
