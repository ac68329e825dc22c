"""Bags of rows: which rows a text has, their sum, their sparse gradient; and the encoder `ngrams`."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from textladder.batch import Ragged, Tokens
from textladder.encoders.ngrams import Ngrams
from textladder.errors import Problem
from textladder.layers import bags, kernels
from textladder.layers.bags import NgramIndex, RowTable, weighted_sum

VOCABULARY = ["<pad>", "<unk>", "the", "fox", "foxes", "box", "jumps", "over"]
TEXTS = [[2, 3, 6], [], [2, 3, 2, 3, 1], [7], [2, 5]]

ragged_ids = st.lists(st.lists(st.integers(0, 7), max_size=9), min_size=1, max_size=12)


def prepared(config: Ngrams.Config, texts: list[list[int]] = TEXTS) -> Ngrams:
    torch.manual_seed(0)
    encoder = Ngrams(config, VOCABULARY)
    encoder.prepare([Ragged.of(texts)])
    return encoder


def entry_case(dim: int = 6) -> tuple[RowTable, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    rows = torch.tensor([0, 3, 3, 9, 1, 0, 3])
    return RowTable(10, dim, 1.0), rows, torch.tensor([0, 4, 4, 6, 7]), torch.rand(7)


DIMS = pytest.mark.parametrize("dim", [6, 16, 48])  # sixteen numbers at a time, or one


@DIMS
def test_bags_equal_a_dense_product_in_value_and_gradient(dim: int) -> None:
    table, rows, offsets, weights = entry_case(dim)
    pooled = table.bags(rows, offsets, weights)
    dense = table.weight.detach().clone().requires_grad_()
    counts = torch.zeros(4, 10)
    bag = torch.repeat_interleave(torch.arange(4), offsets.diff())
    counts.index_put_((bag, rows), weights, accumulate=True)
    expected = counts @ dense
    torch.testing.assert_close(pooled, expected)
    assert torch.equal(pooled[1], torch.zeros(dim))
    upstream = torch.randn(4, dim)
    pooled.backward(upstream)
    expected.backward(upstream)
    assert table.weight.grad is not None
    assert table.weight.grad.is_sparse
    assert table.weight.grad._indices().tolist() == [[0, 1, 3, 9]]
    torch.testing.assert_close(table.weight.grad.to_dense(), dense.grad)


def test_backward_without_kernels_gives_the_same_entries() -> None:
    table, rows, offsets, weights = entry_case()
    upstream = torch.randn(4, 6)
    table.bags(rows, offsets, weights).backward(upstream)
    single = table.weight.grad
    double = RowTable(10, 6, 1.0).double()
    double.bags(rows, offsets, weights).backward(upstream.double())
    assert single is not None
    assert double.weight.grad is not None
    torch.testing.assert_close(double.weight.grad.to_dense().float(), single.to_dense())


@given(st.lists(st.lists(st.integers(0, 199), max_size=30), min_size=1, max_size=5))
@settings(deadline=None, max_examples=60)
def test_ranked_rows_are_those_of_unique(batches: list[list[int]]) -> None:
    bounds = np.cumsum([0, *map(len, batches)])
    flat = torch.tensor([row for batch in batches for row in batch], dtype=torch.int64)
    for batch, (found, place) in zip(
        batches, RowTable(200, 1, 1.0).ranked(flat, bounds.tolist()), strict=True
    ):
        rows, inverse = np.unique(np.array(batch, np.int64), return_inverse=True)
        assert found.tolist() == rows.tolist()
        assert place.tolist() == inverse.tolist()


def test_what_is_made_ahead_changes_nothing() -> None:
    encoder = prepared(Ngrams.Config(orders=3, char_orders=(2, 3)))
    made = encoder.ahead(Ragged.of([*TEXTS, *TEXTS[:2]]), [0, 5, 5, 7])
    for texts, ahead in ((TEXTS, made[0]), (TEXTS[:2], made[2])):
        results = []
        for tokens in (Tokens.of_rows(texts), replace(Tokens.of_rows(texts), ahead=ahead)):
            encoder.zero_grad()
            pooled = encoder(tokens).pooled
            pooled.square().sum().backward()
            assert encoder.embedding.weight.grad is not None
            results.append((pooled, encoder.embedding.weight.grad.to_dense()))
        assert torch.equal(results[0][0], results[1][0])
        assert torch.equal(results[0][1], results[1][1])
    assert len(made[1][0]) == 0


@DIMS
def test_bags_equal_embedding_bag(dim: int) -> None:
    table, rows, offsets, weights = entry_case(dim)
    expected = F.embedding_bag(
        rows, table.weight, offsets, mode="sum", include_last_offset=True, per_sample_weights=weights
    )
    torch.testing.assert_close(table.bags(rows, offsets, weights), expected)
    with torch.no_grad():
        assert torch.equal(
            table.bags(rows, offsets, weights), weighted_sum(table.weight, rows, offsets, weights)
        )


@given(ragged_ids, st.lists(st.integers(0, 11), max_size=20))
@settings(deadline=None, max_examples=40)
def test_taken_rows_are_those_of_ragged(texts: list[list[int]], wanted: list[int]) -> None:
    column = Ragged.of(texts, np.int32)
    rows = np.array([row % len(texts) for row in wanted], np.int32)
    flat, offsets = kernels.take_rows(column.flat, column.offsets, rows)
    assert flat.dtype == np.int64
    assert flat.tolist() == column.take(rows).flat.tolist()
    assert offsets.tolist() == column.take(rows).offsets.tolist()


def test_maxima_with_gradient_and_empty_bag() -> None:
    table, rows, offsets, weights = entry_case()
    highest = table.maxima(rows, offsets, weights)
    entries = table.weight[rows] * weights[:, None]
    assert torch.equal(highest[0], entries[:4].max(0).values)
    assert torch.equal(highest[1], torch.zeros(6))
    highest.sum().backward()
    assert table.weight.grad is not None
    dense = table.weight.grad.to_dense()
    assert torch.isfinite(dense).all()
    assert dense.abs().sum() > 0


def test_keys_of_ngrams_are_the_same_on_every_machine() -> None:
    keys, ends = kernels.ngram_keys(np.array([2, 3, 6, 5]), np.array([0, 3, 4]), 1, 3)
    assert ends.tolist() == [0, 6, 7]
    assert [hex(key) for key in keys[:3].tolist()] == [
        "0xbfc846100bfc1e42",
        "0xae490c11f4933006",
        "0x94ea8353ddb5d1bc",
    ]


@given(ragged_ids, st.integers(1, 4))
@settings(deadline=None, max_examples=40)
def test_entries_are_the_known_ngrams_within_each_text(rows: list[list[int]], order: int) -> None:
    index = NgramIndex(VOCABULARY, order, (0, 0))
    texts = Ragged.of(rows)
    seen = index.learn([texts.slice(0, 1), texts.slice(1, len(texts))], 1 << 10, 1)
    windows = [
        {tuple(row[i : i + n]) for n in range(2, order + 1) for i in range(len(row) - n + 1)} for row in rows
    ]
    assert len(index.keys) == len(set().union(*windows))
    found, ends = index.entries(*bags.plain(texts))
    for b, row in enumerate(rows):
        mine = found[ends[b] : ends[b + 1]]
        grams = sum(max(len(row) - n + 1, 0) for n in range(1, order + 1))
        assert len(mine) == grams
        assert sorted(mine[mine < 8].tolist()) == sorted(row)
        assert len(set(mine[mine >= 8].tolist())) == len(windows[b])
    # Every row is counted once for each text that holds it.
    counts = np.zeros(index.num_rows, np.int64)
    for b in range(len(rows)):
        counts[np.unique(found[ends[b] : ends[b + 1]])] += 1
    assert seen[:-1].tolist() == counts.tolist()
    assert seen[-1] == len(rows)


def test_an_unseen_ngram_and_one_across_two_texts_have_no_row() -> None:
    index = NgramIndex(VOCABULARY, 2, (0, 0))
    index.learn([Ragged.of([[2, 3], [5, 6]])], 100, 1)
    rows, _ = index.entries(*bags.plain(Ragged.of([[3, 5], [3], [5]])))
    assert rows.tolist() == [3, 5, 3, 5]


def test_the_most_frequent_ngrams_are_chosen() -> None:
    index = NgramIndex(VOCABULARY, 2, (0, 0))
    texts = Ragged.of([[2, 3], [2, 3], [2, 3, 5], [5, 6], [5, 6], [6, 7]])
    assert index.learn([texts], 2, 1)[8:-1].tolist() == [3, 2]
    assert index.learn([texts], 100, 3)[8:-1].tolist() == [3]


def test_counting_in_bounded_memory_keeps_what_is_frequent() -> None:
    generator = np.random.default_rng(0)
    index = NgramIndex([str(i) for i in range(60_002)], 2, (0, 0))
    counter = bags._Counters(1)
    for _ in range(40):
        rare = generator.integers(10, 60_000, (500, 4))
        flat = np.concatenate([np.tile([2, 3], (500, 1)), rare], 1).reshape(-1)
        offsets = np.arange(0, len(flat) + 1, 6)
        counter.add(*kernels.ngram_keys(flat, offsets, 2, 2))
    assert all(part.forgotten > 0 and len(part.keys) == 1 << 14 for part in counter.parts)
    keys, counts = counter.most_frequent(1, 1)
    assert counts.tolist() == [20_000]
    assert keys.tolist() == kernels.ngram_keys(np.array([2, 3]), np.array([0, 2]), 2, 2)[0].tolist()
    assert index.num_rows == 60_002


def test_character_ngrams_shared_by_two_units_have_a_row() -> None:
    index = NgramIndex(VOCABULARY, 1, (3, 3))
    # Shared of <the> <fox> <foxes> <box> <jumps> <over>: "<fo" "fox" by two units, "ox>" by two.
    assert index.num_rows == len(VOCABULARY) + 3
    rows, ends = index.entries(*bags.plain(Ragged.of([[3], [4], [5], [6], [1]])))
    sets = [set(rows[ends[b] : ends[b + 1]].tolist()) for b in range(5)]
    assert [len(s) for s in sets] == [4, 3, 2, 1, 1]
    assert len(sets[0] & sets[1]) == 2
    assert len(sets[0] & sets[2]) == 1


def test_pooled_is_the_mean_of_rows_and_states_are_those_of_units() -> None:
    encoder = prepared(Ngrams.Config(dim=4))
    encoded = encoder(Tokens.of_rows(TEXTS))
    rows, ends = encoder.index.entries(*bags.plain(Ragged.of(TEXTS)))
    for b in range(len(TEXTS)):
        mine = encoder.embedding.weight[torch.from_numpy(rows[ends[b] : ends[b + 1]])]
        expected = mine.mean(0) if len(mine) else torch.zeros(4)
        torch.testing.assert_close(encoded.pooled[b], expected)
    assert torch.equal(
        encoded.states[0], encoder.embedding.weight[torch.tensor([2, 3, 6, 0, 0])] * encoded.mask[0, :, None]
    )


def test_bag_pooled_equals_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = prepared(Ngrams.Config(char_orders=(2, 3), word_dropout=0.5)).eval()
    expected = encoder(Tokens.of_rows(TEXTS)).pooled.detach().numpy()
    assert np.array_equal(encoder.bag_pooled(Ragged.of(TEXTS)), expected)
    assert np.array_equal(encoder.train().bag_pooled(Ragged.of(TEXTS)), expected)
    assert encoder.training
    monkeypatch.setattr("textladder.encoders.bags.CHUNK", 2)
    assert np.array_equal(encoder.bag_pooled(Ragged.of(TEXTS)), expected)
    stored = Ragged.of(TEXTS, np.int32)
    stored.flat.setflags(write=False)
    assert np.array_equal(encoder.bag_pooled(stored), expected)
    assert encoder.bag_pooled(Ragged.of([])).shape == (0, 16)
    assert np.array_equal(encoder.bag_pooled(Ragged.of([[]])), np.zeros((1, 16), np.float32))


def test_word_dropout_leaves_out_entries_in_training_only() -> None:
    encoder = prepared(Ngrams.Config(word_dropout=0.5))
    tokens = Tokens.of_rows(TEXTS)
    kept = encoder.eval()(tokens).pooled
    dropped = torch.stack([encoder.train()(tokens).pooled for _ in range(400)])
    assert not torch.equal(dropped[0], kept)
    torch.testing.assert_close(dropped.mean(0), kept, atol=0.02, rtol=0.1)


def test_saved_state_fits_a_model_that_was_not_prepared() -> None:
    encoder = prepared(Ngrams.Config(orders=3, char_orders=(2, 3)))
    copy = Ngrams(encoder.config, VOCABULARY)
    copy.load_state_dict({name: tensor.clone() for name, tensor in encoder.state_dict().items()})
    assert copy.embedding.num_embeddings == encoder.index.num_rows
    assert np.array_equal(copy.bag_pooled(Ragged.of(TEXTS)), encoder.bag_pooled(Ragged.of(TEXTS)))


def test_preparing_keeps_the_rows_of_units() -> None:
    encoder = Ngrams(Ngrams.Config(), VOCABULARY)
    before = encoder.embedding.weight.detach().clone()
    encoder.prepare([Ragged.of(TEXTS)])
    assert torch.equal(encoder.embedding.weight[: len(VOCABULARY)], before)
    assert encoder.embedding.num_embeddings == encoder.index.num_rows > len(VOCABULARY)


@pytest.mark.parametrize("config", [Ngrams.Config(orders=0), Ngrams.Config(char_orders=(4, 3))])
def test_lengths_that_are_none_are_a_problem(config: Ngrams.Config) -> None:
    with pytest.raises(Problem, match="encoder"):
        Ngrams(config, VOCABULARY)
