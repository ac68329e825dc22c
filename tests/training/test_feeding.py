"""Batches made ahead are the batches of the plan, in whatever order one asks and wherever the columns lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from textladder.batch import Batch, Ragged, Tokens
from textladder.encoders.encoder import Encoder
from textladder.text.store import Store, StoreWriter
from textladder.training import feeding
from textladder.training.feeding import Feed
from textladder.training.options import TrainingConfig
from textladder.training.threads import threads_for


def collate(columns: dict[str, Ragged]) -> Batch:
    target = torch.from_numpy(columns["label"].flat.astype(np.int64))
    return Batch((Tokens.of(columns["text"]),), target, len(columns["text"]))


def columns(texts: int) -> dict[str, Ragged]:
    random = np.random.default_rng(3)
    return {
        "text": Ragged.of([random.integers(2, 90, random.integers(0, 9)) for _ in range(texts)], np.int32),
        "label": Ragged(np.arange(texts), np.arange(texts + 1)),
    }


def feed_of(texts: int, *, padded: bool = False, store: Store | None = None) -> Feed:
    options = TrainingConfig(batch_texts=7, epochs=3)
    ends = lambda ragged, bounds: [int(ragged.offsets[k]) for k in bounds[1:]]  # noqa: E731
    return Feed(store or Store.of(columns(texts)), collate, options, padded, ends)


def same(one: Batch | None, other: Batch) -> None:
    assert one is not None
    assert torch.equal(one.inputs[0].flat, other.inputs[0].flat)
    assert torch.equal(one.inputs[0].offsets, other.inputs[0].offsets)
    assert torch.equal(one.target, other.target)


@pytest.mark.parametrize("padded", [False, True])
def test_made_ahead_or_asked_for_at_random_it_is_the_same_batch(
    padded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "BLOCK_TEXTS", 21)
    feed, other = feed_of(100, padded=padded), feed_of(100, padded=padded)
    wanted = [(epoch, number) for epoch in range(3) for number in range(feed.batches(epoch))]
    for epoch, number in wanted:
        same(feed.made(epoch, number), feed.batch(feed.rows(epoch, number)))
    for place in np.random.default_rng(1).permutation(len(wanted)).tolist():
        epoch, number = wanted[place]
        same(other.made(epoch, number), feed.batch(feed.rows(epoch, number)))


def test_each_batch_gets_what_was_made_of_its_texts() -> None:
    feed, units = feed_of(50), 0
    for number in range(feed.batches(0)):
        batch = feed.made(0, number)
        assert batch is not None
        units += len(batch.inputs[0].flat)
        assert batch.inputs[0].ahead == units


def test_columns_too_large_to_be_held_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with StoreWriter(tmp_path) as writer:
        writer.append(columns(60))
    whole = feed_of(60)
    for held in (0, 1000, 1 << 20):
        monkeypatch.setattr(feeding, "HELD_BYTES", held)
        feed = feed_of(60, store=Store(tmp_path))
        assert len(feed._held) == {0: 0, 1000: 1, 1 << 20: 2}[held]
        for number in range(feed.batches(0)):
            same(feed.made(0, number), whole.batch(whole.rows(0, number)))


def test_an_error_in_the_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "BLOCK_TEXTS", 7)
    feed = feed_of(30)
    feed.made(0, 0)
    assert feed._coming is not None
    feed._coming[1].result()

    def fail(rows: np.ndarray) -> dict[str, Ragged]:
        raise OSError("gone")

    monkeypatch.setattr(feed, "_take", fail)
    feed.made(0, 1)  # made before the disk was gone
    with pytest.raises(OSError, match="gone"):
        feed.made(0, 2)


@pytest.mark.parametrize("pays", [True, False])
def test_torch_has_one_thread_where_more_do_not_pay(pays: bool) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        encoder = Encoder(Encoder.Config(), [])
        encoder.threads_pay = pays
        with threads_for(encoder):
            assert torch.get_num_threads() == (2 if pays else 1)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
