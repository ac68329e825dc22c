"""Bags of rows: texts as weighted sums of rows of one table, without padding and with sparse gradients.

`RowTable` is the table, `NgramIndex` says which rows a text has: one per unit, one per known part of a unit
(character n-grams), one per known n-gram of units. Known means: seen in training, by exact key, so no two
n-grams share a row and an unseen n-gram is left out, as scikit-learn's vectorizers do. (fastText instead
hashes every n-gram into 2,000,000 shared rows, most of them never trained, all of them on disk.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.batch import Ragged
from textladder.layers import kernels
from textladder.layers.simd import LANES

Ids = NDArray[np.int64]
NO_IDS: Ids = np.zeros(0, np.int64)
CHUNK = 1024  # texts counted at a time: bounds the memory of their n-grams


def weighted_sum(table: Tensor, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """sum_i weights[i] * table[rows[i]] over the entries i of each bag: [B, D]; zeros for an empty bag. It
    gives no gradient."""
    table = table.detach()
    if _compiled(table) and table.shape[1] % LANES == 0:
        arrays = table.numpy(), rows.numpy(), offsets.numpy(), weights.numpy()
        return torch.from_numpy(kernels.sum_bags(*arrays))
    if weights.dtype != table.dtype:
        weights = weights.to(table.dtype)
    return F.embedding_bag(
        rows, table, offsets, mode="sum", sparse=True, include_last_offset=True, per_sample_weights=weights
    )


def _compiled(values: Tensor) -> bool:
    """Whether the kernels can work on it; elsewhere torch's own operations give the same."""
    return values.device.type == "cpu" and values.dtype == torch.float32


class BagSum(torch.autograd.Function):
    """`weighted_sum` with a backward pass that gives the table a sparse gradient of distinct rows, rising.

    `ranked`, which is found [U] and place [M] of `kernels.rank_rows`, needs no weights, so that whoever makes
    the batch can make it too. Elsewhere than on the processor in float32 there is one
    entry per row of a bag, and the optimizer sums."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, *entries: Any) -> Tensor:
        """entries: rows [M], offsets [B + 1], weights [M], ranked."""
        rows, offsets, weights, ranked = entries
        ctx.save_for_backward(rows, offsets, weights, *ranked)
        ctx.shape = table.shape
        return weighted_sum(table, rows, offsets, weights)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        rows, offsets, weights, found, place = ctx.saved_tensors
        gradient = gradients[0].contiguous()  # [B, D]
        distinct = _compiled(gradient)
        if distinct:
            arrays = gradient.numpy(), offsets.numpy(), weights.numpy(), place.numpy()
            rows, values = found, torch.from_numpy(kernels.sum_spread(*arrays, len(found)))  # [U, D]
        else:
            values = gradient.repeat_interleave(offsets.diff(), 0) * weights[:, None].to(gradient.dtype)
        sparse = torch.sparse_coo_tensor(
            rows[None], values, ctx.shape, check_invariants=False, is_coalesced=distinct
        )
        return sparse, None, None, None, None


class RowTable(nn.Embedding):
    """A table [R, D] whose gradients are sparse rows. The first rows are those of the vocabulary, so that
    word vectors can fill them; further rows appear with `resize` (before training) and with loading."""

    def __init__(self, num_rows: int, dim: int, scale: float) -> None:
        self.scale = scale
        super().__init__(num_rows, dim, sparse=True)

    def reset_parameters(self) -> None:
        """Uniform in +-scale; zeros where scale is 0."""
        nn.init.uniform_(self.weight, -self.scale, self.scale)

    def ranked(self, rows: Tensor, bounds: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
        """For each batch, which has the entries bounds[k]..bounds[k + 1] of `rows`: its distinct rows [U],
        rising, and where among them each entry stands [M]."""
        ends = np.asarray(bounds, np.int64)
        arrays = kernels.rank_rows(rows.cpu().numpy(), ends, len(self.weight))
        found, place = (torch.from_numpy(array) for array in arrays[:2])
        return [
            (found[start:stop], place[bounds[k] : bounds[k + 1]])
            for k, (start, stop) in enumerate(pairwise(arrays[2].tolist()))
        ]

    def bags(
        self, rows: Tensor, offsets: Tensor, weights: Tensor, ranked: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Weighted sum of the rows [M] of each bag: [B, D]; zeros for an empty bag. `ranked` is what the
        method of that name gives; what needs it makes it."""
        if not (torch.is_grad_enabled() and self.weight.requires_grad):
            return weighted_sum(self.weight, rows, offsets, weights)
        return BagSum.apply(
            self.weight, rows, offsets, weights, ranked or self.ranked(rows, (0, len(rows)))[0]
        )

    def maxima(self, rows: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        """Largest value per column over the weighted rows of each bag: [B, D]; zeros for an empty bag."""
        entries = F.embedding(rows, self.weight, sparse=True) * weights[:, None].to(
            self.weight.dtype
        )  # [M, D]
        highest = torch.segment_reduce(entries, "max", offsets=offsets, axis=0, initial=None)  # [B, D]
        return highest.masked_fill((offsets.diff() == 0)[:, None], 0.0)

    def resize(self, kept: int, num_rows: int) -> None:
        """Keep the first `kept` rows and draw the others anew."""
        old = self.weight.detach()
        self.num_embeddings = num_rows
        self.weight = nn.Parameter(old.new_empty(num_rows, old.shape[1]), self.weight.requires_grad)
        self.reset_parameters()
        with torch.no_grad():
            self.weight[:kept] = old[:kept]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        saved = state_dict.get(prefix + "weight")
        # Only if it must: an optimizer may hold the parameter that is there.
        if saved is not None and len(saved) != len(self.weight) and saved.shape[1:] == self.weight.shape[1:]:
            self.resize(0, len(saved))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class NgramIndex(nn.Module):
    """Which rows a text has. Row numbers: units 0..V-1, then parts of units, then known n-grams of units.

    orders: longest n-gram of units. char_orders: shortest and longest character n-gram of a unit with its
    bounds marked ("<unit>", Bojanowski et al. 2017); (0, 0) for none; one that stands in a single unit says
    no more than the unit itself and gets no row. Only `keys` of the n-grams is saved; the rest follows from
    the vocabulary.
    """

    keys: Tensor

    def __init__(self, vocabulary: Sequence[str], orders: int, char_orders: tuple[int, int]) -> None:
        super().__init__()
        self.orders, self.num_units = orders, len(vocabulary)
        self.part_rows, self.part_offsets, num_parts = _parts(vocabulary, char_orders)
        self.first_ngram = self.num_units + num_parts
        self.register_buffer("keys", torch.zeros(0, dtype=torch.int64))  # [K] bits of the 64-bit keys
        self._set_keys(self.keys)

    @property
    def num_rows(self) -> int:
        return self.first_ngram + len(self.keys)

    def entries(self, flat: Ids, offsets: Ids) -> tuple[Ids, Ids]:
        """Unit ids [N] and offsets [B + 1] to rows [M] and their offsets [B + 1]."""
        return kernels.bag_entries(
            flat,
            offsets,
            self.orders,
            self._slots[0],
            self._slots[1],
            self.first_ngram,
            self.part_rows,
            self.part_offsets,
        )

    def learn(
        self, texts: Iterable[Ragged], max_ngrams: int, min_count: int, *, count_units: bool = True
    ) -> NDArray[np.int64]:
        """Choose the n-grams that get a row: those in at least `min_count` texts, at most `max_ngrams`, the
        most frequent first (ties by key). Returns the number of texts that hold each row [R], then that of
        all texts; zeros for units and their parts without `count_units`.

        One pass. Memory is bounded by `max_ngrams`: when the counts outgrow it, the rarest n-grams are
        forgotten (lossy counting, Manku and Motwani 2002), so that counts near the threshold may be too low
        then.
        """
        unit_texts, counter = np.zeros(self.first_ngram, np.int64), _Counters(4 * max_ngrams)
        for ragged in texts:
            for start in range(0, len(ragged), CHUNK):
                chunk = ragged.slice(start, min(start + CHUNK, len(ragged)))
                flat, offsets = plain(chunk)
                if count_units:
                    rows, ends = kernels.bag_entries(
                        flat, offsets, 1, self._slots[0], self._slots[1], 0, self.part_rows, self.part_offsets
                    )
                    found, _, _ = kernels.distinct_entries(rows, ends)
                    unit_texts += np.bincount(found, minlength=len(unit_texts))
                counter.add(*kernels.ngram_keys(flat, offsets, 2, self.orders))
        keys, counts = counter.most_frequent(max_ngrams, min_count)
        self._set_keys(torch.from_numpy(keys.view(np.int64)).to(self.keys.device))
        return np.concatenate([unit_texts, counts, [counter.texts]])

    def _set_keys(self, keys: Tensor) -> None:
        self.keys = keys
        size = 2
        while size < 2 * len(keys):
            size *= 2
        self._slots = kernels.build_slots(keys.cpu().numpy().view(np.uint64), size)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        saved = state_dict.get(prefix + "keys")
        if saved is not None and saved.dtype == torch.int64 and saved.dim() == 1:
            self._set_keys(saved.to(self.keys.device, copy=True))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def plain(ragged: Ragged) -> tuple[Ids, Ids]:
    """Ids and offsets as the kernels are compiled for: writable int64, in one piece."""
    return np.require(ragged.flat, np.int64, ("C", "W")), np.require(ragged.offsets, np.int64, ("C", "W"))


class _Counters:
    """Number of texts per key: two counters of half of the keys each, which two threads may work on."""

    def __init__(self, most_slots: int) -> None:
        self.parts = _Counter(most_slots // 2, 0), _Counter(most_slots // 2, 1)
        self._pool = ThreadPoolExecutor(len(self.parts), "counting")

    def add(self, keys: NDArray[np.uint64], offsets: Ids) -> None:
        for done in [self._pool.submit(part.add, keys, offsets) for part in self.parts]:
            done.result()

    @property
    def texts(self) -> int:
        return self.parts[0].texts

    def most_frequent(self, limit: int, least: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The keys in at least so many texts, at most `limit`, the most frequent first (ties by key), and the
        number of texts of each."""
        found = zip(*(part.used_at_least(least) for part in self.parts), strict=True)
        keys, counts = (np.concatenate(halves) for halves in found)
        chosen = np.lexsort((keys, -counts))[:limit]
        return keys[chosen], counts[chosen]


class _Counter:
    """Number of texts per key, of the keys whose highest bit is `half`, in at most `most_slots` slots."""

    def __init__(self, most_slots: int, half: int) -> None:
        self.most_slots, self.half, self.texts, self.forgotten = max(most_slots, 1 << 14), half, 0, 0
        self._clear(1 << 14)

    def _clear(self, size: int) -> None:
        self.keys, self.used = np.zeros(size, np.uint64), 0
        self.counts, self.last = np.zeros(size, np.int64), np.zeros(size, np.int64)

    def add(self, keys: NDArray[np.uint64], offsets: Ids) -> None:
        self._make_room(len(keys))
        self.used += kernels.count_documents(
            keys, offsets, self.texts + 1, self.keys, self.counts, self.last, self.half
        )
        self.texts += len(offsets) - 1

    def _make_room(self, more: int) -> None:
        """Grow while that is allowed, then forget; a chunk of more keys than there is room for still
        grows."""
        while 2 * (self.used + more) > len(self.keys):
            size = len(self.keys) * (4 if 4 * len(self.keys) <= self.most_slots else 2)
            grow = 2 * len(self.keys) <= self.most_slots or self.used == 0
            if not grow:
                self.forgotten += 1
            kept = self.counts > (0 if grow else self.forgotten)
            keys, counts, last = self.keys[kept], self.counts[kept], self.last[kept]
            self._clear(size if grow else len(self.keys))
            places, rows = kernels.build_slots(keys, len(self.keys))
            taken = places != 0
            self.keys, self.used = places, len(keys)
            self.counts[taken], self.last[taken] = counts[rows[taken]], last[rows[taken]]

    def used_at_least(self, times: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Keys and their counts."""
        chosen = self.counts >= max(times, 1)
        return self.keys[chosen], self.counts[chosen]


def _parts(vocabulary: Sequence[str], char_orders: tuple[int, int]) -> tuple[Ids, Ids, int]:
    """Character n-grams that at least two units share: rows of unit v (`rows[offsets[v]:offsets[v + 1]]`),
    counted from V on, and how many there are."""
    lowest, highest = char_orders
    if highest == 0:
        return NO_IDS, NO_IDS, 0
    # The first two are <pad> and <unk>, which no text is made of.
    units = ["", "", *(f"<{unit}>" for unit in vocabulary[2:])][: len(vocabulary)]
    text = "".join(units).encode("utf-32-le", "surrogatepass")
    offsets = np.cumsum([0, *map(len, units)], dtype=np.int64)
    keys, ends = kernels.ngram_keys(np.frombuffer(text, "<u4").astype(np.int64), offsets, lowest, highest)
    owner = np.repeat(np.arange(len(units)), np.diff(ends))
    # Each n-gram once per unit, then those of at least two units.
    order = np.lexsort((owner, keys))
    keys, owner = keys[order], owner[order]
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (owner[1:] != owner[:-1])
    _, place, counts = np.unique(keys[first], return_inverse=True, return_counts=True)
    shared = counts >= 2
    number = np.cumsum(shared) - 1
    kept = shared[place]
    unit, row = owner[first][kept], len(units) + number[place[kept]]
    order = np.lexsort((row, unit))
    part_offsets = np.zeros(len(units) + 1, np.int64)
    np.cumsum(np.bincount(unit, minlength=len(units)), out=part_offsets[1:])
    return row[order].astype(np.int64), part_offsets, int(shared.sum())
