"""Compiled kernels (numba) for bags of rows: hashing n-grams, counting, summing duplicates.

Every kernel is one thread and goes through its input in order, so that results do not depend on the number of
threads. They hold no lock (`nogil`): threads may call them at the same time. Letters as in
`textladder.batch`; besides: R rows of a table, M entries of all bags (an entry is one row with one weight), K
known n-grams, S slots of an open-addressing table (a power of two, 0 marks an empty slot), U distinct rows of
a batch.

Indices in inner loops are unsigned: a signed one may be negative, and the test for that stops vectorisation.
"""

# ruff: noqa: PLR0917  (compiled functions take positional arguments only)

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from textladder.layers.simd import fma, load, prefetch, splat, store

# error_model: dividing by zero gives infinity, as in numpy; the test for it would stop vectorisation.
kernel = numba.njit(cache=True, nogil=True, error_model="numpy")

SEED = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
U0, U1, U27, U30, U31 = np.uint64(0), np.uint64(1), np.uint64(27), np.uint64(30), np.uint64(31)
U2, U4, U6, U16 = np.uint64(2), np.uint64(4), np.uint64(6), np.uint64(16)
U56, U63 = np.uint64(56), np.uint64(63)
PAIRS, FOURS = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
AHEAD = np.uint64(16)  # entries from one that is asked for to the one that is summed
EIGHTS, BYTES = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)


@kernel
def extend(key: Any, unit: Any) -> Any:
    """The key of an n-gram made one unit longer: the finaliser of splitmix64 (Steele, Lea and Flood 2014)
    over key xor unit. Integer arithmetic modulo 2^64 only: the same on every machine. Never 0."""
    z = (key ^ np.uint64(unit)) + SEED
    z = (z ^ (z >> U30)) * MIX_1
    z = (z ^ (z >> U27)) * MIX_2
    z = z ^ (z >> U31)
    return z if z != U0 else U1


@kernel
def find(slot_keys: NDArray[np.uint64], key: Any) -> Any:
    """The slot that holds `key`, or the empty slot where it belongs (linear probing)."""
    last = np.uint64(len(slot_keys) - 1)
    slot = key & last
    while slot_keys[slot] != key and slot_keys[slot] != U0:
        slot = (slot + U1) & last
    return slot


@kernel
def build_slots(keys: NDArray[np.uint64], size: int) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Keys [K] to a table of `size` slots: its keys [S] and where in `keys` each stands [S]."""
    slot_keys, slot_rows = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    for k in range(len(keys)):
        slot = find(slot_keys, keys[k])
        slot_keys[slot] = keys[k]
        slot_rows[slot] = k
    return slot_keys, slot_rows


@kernel
def ngram_keys(
    flat: NDArray[np.int64], offsets: NDArray[np.int64], lowest: int, highest: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys of all n-grams of lengths lowest..highest in ids flat [N], none across two texts; and offsets [B +
    1]."""
    keys = np.empty(len(flat) * max(highest - lowest + 1, 0), np.uint64)
    ends, count = np.zeros_like(offsets), 0
    for b in range(len(offsets) - 1):
        for i in range(offsets[b], offsets[b + 1]):
            key = SEED
            for j in range(i, min(i + highest, offsets[b + 1])):
                key = extend(key, flat[j])
                if j - i + 1 >= lowest:
                    keys[count] = key
                    count += 1
        ends[b + 1] = count
    return keys[:count], ends


@kernel
def take_rows(
    flat: NDArray[Any], offsets: NDArray[np.int64], rows: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows named of a ragged column, as `Ragged.take`: flat [N] and offsets [B + 1]."""
    ends = np.zeros(len(rows) + 1, np.int64)
    for b in range(len(rows)):
        ends[b + 1] = ends[b] + offsets[rows[b] + 1] - offsets[rows[b]]
    taken, count = np.empty(ends[-1], np.int64), U0
    for row in rows:
        for i in range(np.uint64(offsets[row]), np.uint64(offsets[row + 1])):
            taken[count] = flat[i]
            count += U1
    return taken, ends


@kernel
def bag_entries(
    flat: NDArray[np.int64],
    offsets: NDArray[np.int64],
    order: int,
    slot_keys: NDArray[np.uint64],
    slot_rows: NDArray[np.int32],
    first_row: int,
    part_rows: NDArray[np.int64],
    part_offsets: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids flat [N] to rows [M] of a table and offsets [B + 1]: for each unit its own row, those of its parts
    (`part_rows[part_offsets[id]:part_offsets[id + 1]]`, none when part_offsets is empty), and those of the
    known n-grams of length 2..order that begin at it (first_row + their place)."""
    has_parts, longest, size = len(part_offsets) > 0, 0, len(flat) * order
    for b in range(len(offsets) - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    if has_parts:
        for i in range(len(flat)):
            size += part_offsets[flat[i] + 1] - part_offsets[flat[i]]
    rows, keys = np.empty(size, np.int64), np.empty(longest * max(order - 1, 0), np.uint64)
    ends, count, reach, last = np.zeros_like(offsets), U0, np.uint64(order), np.uint64(len(slot_keys) - 1)
    for b in range(len(offsets) - 1):
        first, stop = np.uint64(offsets[b]), np.uint64(offsets[b + 1])
        made = U0  # keys of the text are made, and their slots asked for, before the first is looked up
        if order > 1:
            for i in range(first, stop):
                key = extend(SEED, flat[i])
                for j in range(i + U1, min(i + reach, stop)):
                    key = extend(key, flat[j])
                    keys[made] = key
                    made += U1
                    prefetch(slot_keys, key & last)
                    prefetch(slot_rows, key & last)
        made = U0
        for i in range(first, stop):
            rows[count] = flat[i]
            count += U1
            if has_parts:
                for p in range(part_offsets[flat[i]], part_offsets[flat[i] + 1]):
                    rows[count] = part_rows[p]
                    count += U1
            for _ in range(i + U1, min(i + reach, stop)):
                slot = find(slot_keys, keys[made])
                if slot_keys[slot] == keys[made]:
                    rows[count] = first_row + slot_rows[slot]
                    count += U1
                made += U1
        ends[b + 1] = np.int64(count)
    return rows[: np.int64(count)], ends


@kernel
def distinct_entries(
    rows: NDArray[np.int64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """Rows [M] to the distinct ones of each bag in order of first appearance, how often each stands there,
    and the new offsets [B + 1]."""
    longest = 1
    for b in range(len(offsets) - 1):
        longest = max(longest, offsets[b + 1] - offsets[b])
    size = 2
    while size < 2 * longest:
        size *= 2
    last = np.uint64(size - 1)
    owner, place = np.full(size, -1, np.int64), np.empty(size, np.int64)
    found, counts = np.empty_like(rows), np.empty(len(rows), np.float32)
    ends, total = np.zeros_like(offsets), 0
    for b in range(len(offsets) - 1):
        for i in range(offsets[b], offsets[b + 1]):
            slot = (np.uint64(rows[i]) * MIX_1 >> U31) & last
            while owner[slot] == b and found[place[slot]] != rows[i]:
                slot = (slot + U1) & last
            if owner[slot] == b:
                counts[place[slot]] += np.float32(1)
            else:
                owner[slot], place[slot] = b, total
                found[total], counts[total] = rows[i], np.float32(1)
                total += 1
        ends[b + 1] = total
    return found[:total], counts[:total], ends


@kernel
def scale_bags(weights: NDArray[np.float32], offsets: NDArray[np.int64], power: int) -> NDArray[np.float32]:
    """Weights [M] divided by the norm of their bag: power 1 the sum of sizes (a mean), power 2 the
    Euclidean."""
    scaled = np.empty_like(weights)
    for b in range(len(offsets) - 1):
        norm = 0.0
        for i in range(offsets[b], offsets[b + 1]):
            norm += abs(weights[i]) if power == 1 else weights[i] * weights[i]
        if power == 2:
            norm = np.sqrt(norm)
        factor = np.float32(1 / norm) if norm > 0 else np.float32(0)
        for i in range(offsets[b], offsets[b + 1]):
            scaled[i] = weights[i] * factor
    return scaled


@kernel
def ones(word: Any) -> Any:
    """Number of bits set in a 64-bit word (compiled to one instruction where the processor has it)."""
    word = word - ((word >> U1) & PAIRS)
    word = (word & FOURS) + ((word >> U2) & FOURS)
    return (((word + (word >> U4)) & EIGHTS) * BYTES) >> U56


@kernel
def rank_rows(
    rows: NDArray[np.int64], bounds: NDArray[np.int64], num_rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """For each batch, which has the entries bounds[k]..bounds[k + 1] of rows [M], all below `num_rows`: its
    distinct rows, rising, and where among them each entry stands [M]; and where each batch's distinct rows
    end, from 0.

    One bit per row of the table and a count per 64 of them: both stay in the nearest caches, where a hash
    table of the rows would not.
    """
    words, before = np.zeros((num_rows + 63) // 64, np.uint64), np.empty((num_rows + 63) // 64, np.int32)
    found, place, ends = np.empty_like(rows), np.empty(len(rows), np.int32), np.zeros_like(bounds)
    total = np.uint64(0)
    for k in range(len(bounds) - 1):
        first, last = np.uint64(bounds[k]), np.uint64(bounds[k + 1])
        for i in range(first, last):
            row = np.uint64(rows[i])
            words[row >> U6] |= U1 << (row & U63)
        start = total
        for w in range(np.uint64(len(words))):
            before[w] = np.int32(total - start)
            word = words[w]
            while word != U0:
                rest = word & (word - U1)
                found[total] = np.int64((w << U6) + ones((word ^ rest) - U1))
                total += U1
                word = rest
        for i in range(first, last):
            row = np.uint64(rows[i])
            lower = words[row >> U6] & ((U1 << (row & U63)) - U1)
            place[i] = before[row >> U6] + np.int32(ones(lower))
        words[:] = U0
        ends[k + 1] = np.int64(total)
    return found[: np.int64(total)], place, ends


@kernel
def add_row(sums: Any, target: Any, weight: Any, source: Any, start: Any, dim: Any) -> None:
    """sums[target:][:dim] += weight * source[start:][:dim]"""
    if dim % U16 == U0:
        factor = splat(weight)
        for d in range(U0, dim, U16):
            store(sums, target + d, fma(factor, load(source, start + d), load(sums, target + d)))
    else:
        for d in range(dim):
            sums[target + d] += weight * source[start + d]


@kernel
def sum_bags(
    table: NDArray[np.float32],
    rows: NDArray[np.int64],
    offsets: NDArray[np.int64],
    weights: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Weighted sums [B, D] of the rows of a table [R, D] that each bag names; D a multiple of 16."""
    dim, last = np.uint64(table.shape[1]), np.uint64(max(len(rows), 1) - 1)
    source, sums = table.reshape(-1), np.empty((len(offsets) - 1) * table.shape[1], np.float32)
    for b in range(np.uint64(len(offsets) - 1)):
        first, stop = np.uint64(offsets[b]), np.uint64(offsets[b + U1])
        for d in range(U0, dim, U16):
            total = splat(np.float32(0))
            for i in range(first, stop):
                prefetch(source, np.uint64(rows[min(i + AHEAD, last)]) * dim + d)
                total = fma(splat(weights[i]), load(source, np.uint64(rows[i]) * dim + d), total)
            store(sums, b * dim + d, total)
    return sums.reshape(len(offsets) - 1, table.shape[1])


@kernel
def sum_spread(
    gradient: NDArray[np.float32],
    offsets: NDArray[np.int64],
    weights: NDArray[np.float32],
    place: NDArray[np.int32],
    num_rows: int,
) -> NDArray[np.float32]:
    """The transpose of the weighted sum, repeated rows summed: gradient [B, D] of the bags to sums [U, D] of
    weights[i] * gradient[bag of i] over the entries i with the same place[i]."""
    dim = np.uint64(gradient.shape[1])
    source, sums = gradient.reshape(-1), np.zeros(num_rows * gradient.shape[1], np.float32)
    for b in range(len(offsets) - 1):
        start = np.uint64(b) * dim
        for i in range(np.uint64(offsets[b]), np.uint64(offsets[b + 1])):
            add_row(sums, np.uint64(place[i]) * dim, weights[i], source, start, dim)
    return sums.reshape(num_rows, gradient.shape[1])


@kernel
def sum_duplicates(
    rows: NDArray[np.int64], values: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Entries (rows [M], values [M, D]) to distinct rows [U] in order of first appearance and their sums [U,
    D]."""
    dim, size = np.uint64(values.shape[1]), np.uint64(2)
    while size < np.uint64(2 * len(rows)):
        size *= np.uint64(2)
    last = size - U1
    place = np.full(size, -1, np.int32)
    source, sums = values.reshape(-1), np.empty(values.size, np.float32)
    found, total = np.empty_like(rows), np.int32(0)
    for i in range(np.uint64(len(rows))):
        slot = (np.uint64(rows[i]) * MIX_1 >> U31) & last
        while place[slot] >= 0 and found[np.uint64(place[slot])] != rows[i]:
            slot = (slot + U1) & last
        entry = i * dim
        if place[slot] < 0:
            place[slot] = total
            found[np.uint64(total)] = rows[i]
            start = np.uint64(total) * dim
            total += np.int32(1)
            for d in range(dim):
                sums[start + d] = source[entry + d]
        else:
            start = np.uint64(place[slot]) * dim
            for d in range(dim):
                sums[start + d] += source[entry + d]
    return found[:total], sums[: np.uint64(total) * dim].reshape(-1, values.shape[1])


@kernel
def count_documents(
    keys: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    first: int,
    slot_keys: NDArray[np.uint64],
    slot_counts: NDArray[np.int64],
    slot_last: NDArray[np.int64],
    half: int,
) -> int:
    """Counts each key [N] of one half (those whose highest bit is `half`) once per text into an
    open-addressing table; `first` is the number of the first text, from 1. Returns how many slots became
    used. The caller keeps room for all of them."""
    used, last, end = 0, np.uint64(len(slot_keys) - 1), len(keys) - 1
    for b in range(len(offsets) - 1):
        for i in range(offsets[b], offsets[b + 1]):
            ahead = keys[min(i + 16, end)] & last
            prefetch(slot_keys, ahead)
            prefetch(slot_counts, ahead)
            prefetch(slot_last, ahead)
            if keys[i] >> U63 != np.uint64(half):
                continue
            slot = find(slot_keys, keys[i])
            if slot_keys[slot] == U0:
                slot_keys[slot] = keys[i]
                used += 1
            if slot_last[slot] != first + b:
                slot_last[slot] = first + b
                slot_counts[slot] += 1
    return used
