"""Skip-gram and its kernels against plain numpy, autograd, and counted truth."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numba
import numpy as np
import pytest
import torch

from tests.vectors.oracle import Draws, Oracle
from textladder.layers import simd
from textladder.vectors.hierarchical import huffman
from textladder.vectors.sampling import draw, kept_share, noise, noise_word, thresholds
from textladder.vectors.word2vec_kernels import GROUP, compact, loss_of, padded, step, table, train_block

SENTENCES = [[0, 1, 2, 3, 0, 4, 5, 1], [2, 2, 6], [7], [], [0, 3, 1, 0, 6, 5, 4, 3, 2, 1, 0, 7, 0]]
WORDS = 8


def run_both(
    *,
    dim: int,
    negative: int,
    cbow: bool,
    window: int = 3,
    sample: float = 0.1,
    blocks: int = 4,
    seed: int = 5,
) -> tuple[Any, Any, Any, Any]:
    """Vectors after some blocks: ours [V, D] (inputs, outputs) and the oracle's."""
    counts = np.bincount(np.concatenate([np.array(s, int) for s in SENTENCES]), minlength=WORDS)
    order = np.argsort(-counts, kind="stable")
    rank = np.argsort(order)
    sentences = [[int(rank[word]) for word in sentence] for sentence in SENTENCES]
    counts = counts[order]
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 0.5, (2, WORDS, dim)).astype(np.float32)
    inputs, outputs = table(WORDS, dim), table(WORDS + 1, dim)
    inputs.reshape(WORDS, -1)[:, :dim] = first[0]
    outputs.reshape(WORDS + 1, -1)[:WORDS, :dim] = first[1]
    kept, (others, own) = thresholds(kept_share(counts, sample)), noise(counts)
    paths = huffman(counts)
    listed = [
        [(int(paths.nodes[k]), int(paths.codes[k])) for k in range(paths.starts[w], paths.starts[w + 1])]
        for w in range(WORDS)
    ]
    oracle = Oracle(
        first[0].astype(float),
        first[1].astype(float),
        window,
        0.1,
        cbow,
        kept,
        (others, own),
        negative,
        listed,
    )
    ids = np.concatenate([np.array(s, np.int32) for s in sentences])
    offsets = np.cumsum([0, *map(len, sentences)])
    ids.flags.writeable = offsets.flags.writeable = False  # as `VectorCorpus.read` gives them: compiled once
    counter = np.zeros(8)
    for block in range(blocks):
        span = block / blocks, (block + 1) / blocks
        train_block(
            ids, offsets, *span, np.uint64(block), counter, inputs, outputs, padded(dim), kept, others, own,
            negative, paths.starts, paths.nodes, paths.codes, window, 0.1, cbow,
        )  # fmt: skip
        oracle.block(sentences, *span, block)
    assert not outputs.reshape(WORDS + 1, -1)[WORDS].any(), "the blank row stays blank"
    assert not inputs.reshape(WORDS, -1)[:, dim:].any(), "what fills a row up stays zero"
    return compact(inputs, WORDS, dim), compact(outputs, WORDS, dim), oracle.inputs, oracle.outputs


@pytest.mark.parametrize("negative", [1, 5, 7, 12])
@pytest.mark.parametrize("cbow", [False, True])
def test_negative_sampling_equals_the_oracle_update_by_update(negative: int, cbow: bool) -> None:
    for blocks in range(1, 4):
        inputs, outputs, *expected = run_both(dim=20, negative=negative, cbow=cbow, blocks=blocks)
        np.testing.assert_allclose(inputs, expected[0], atol=2e-6)
        np.testing.assert_allclose(outputs, expected[1], atol=2e-6)


@pytest.mark.parametrize("cbow", [False, True])
@pytest.mark.parametrize("dim", [1, 16, 100])
def test_hierarchical_softmax_equals_the_oracle(cbow: bool, dim: int) -> None:
    inputs, outputs, *expected = run_both(dim=dim, negative=0, cbow=cbow)
    np.testing.assert_allclose(inputs, expected[0], atol=2e-6)
    np.testing.assert_allclose(outputs, expected[1], atol=2e-6)


@pytest.mark.parametrize("window", [1, 9])
def test_windows_and_a_text_without_subsampling(window: int) -> None:
    inputs, outputs, *expected = run_both(dim=16, negative=5, cbow=False, window=window, sample=0)
    np.testing.assert_allclose(inputs, expected[0], atol=2e-6)
    np.testing.assert_allclose(outputs, expected[1], atol=2e-6)


@numba.njit
def one_step(
    inputs: Any, gradient: Any, outputs: Any, rows: Any, label: Any, used: Any, rate: Any, width: Any
) -> Any:
    scores = step(inputs, 0, gradient, 0, outputs, rows, 0, label, used, 0, rate, width)
    return loss_of(scores, label, used, 0, np.empty(16, np.float32))


def test_a_step_follows_autograd() -> None:
    rng = np.random.default_rng(0)
    dim, width = 10, padded(10)
    inputs, outputs, gradient = table(1, dim), table(GROUP, dim), table(1, dim)
    inputs[:dim] = rng.normal(size=dim)
    outputs.reshape(GROUP, width)[:, :dim] = rng.normal(size=(GROUP, dim))
    label, used = np.zeros(16, np.float32), np.zeros(16, np.float32)
    label[[0, 2]], used[:5] = 1, 1  # the sixth takes no part
    h = torch.tensor(inputs[:dim].copy(), dtype=torch.float64, requires_grad=True)
    rows = torch.tensor(
        outputs.reshape(GROUP, width)[:, :dim].copy(), dtype=torch.float64, requires_grad=True
    )
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        (rows @ h)[:5], torch.tensor(label[:5], dtype=torch.float64), reduction="sum"
    )
    loss.backward()
    before = outputs.copy()
    at = np.arange(GROUP) * width
    found = one_step(inputs, gradient, outputs, at, label, used, np.float32(0.5), width)
    assert found == pytest.approx(loss.item(), rel=1e-5)
    assert h.grad is not None
    assert rows.grad is not None
    np.testing.assert_allclose(gradient[:dim], -0.5 * h.grad, atol=1e-6)
    moved = (outputs - before).reshape(GROUP, width)[:, :dim]
    np.testing.assert_allclose(moved, -0.5 * rows.grad, atol=1e-6)


@numba.njit
def vector_work(values: Any, out: Any) -> None:
    simd.store(out, 0, simd.sigmoid(simd.load(values, 0)))
    parts = simd.totals(
        simd.load(values, 0), simd.load(values, 16), simd.load(values, 32), simd.load(values, 48),
        simd.load(values, 64), simd.load(values, 80),
    )  # fmt: skip
    simd.store(out, 16, parts)
    simd.store(out, 32, simd.lane(parts, 3))
    simd.prefetch(values, 5)
    two = simd.splat(np.float32(2))
    simd.store(out, 48, simd.fma(simd.load(values, 0), two, simd.load(values, 16)))


def test_vectors_of_sixteen() -> None:
    values = np.random.default_rng(1).normal(0, 20, 96).astype(np.float32)
    values[:3] = 0, 500, -500
    out = np.zeros(64, np.float32)
    vector_work(values, out)
    exact = values.astype(float)
    np.testing.assert_allclose(out[:16], 1 / (1 + np.exp(-np.clip(exact[:16], -80, 80))), rtol=1e-5)
    np.testing.assert_allclose(out[16:22], exact.reshape(6, 16).sum(1), rtol=1e-4, atol=1e-4)
    assert (out[32:48] == out[19]).all()
    np.testing.assert_allclose(out[48:], 2 * exact[:16] + exact[16:32], rtol=1e-5, atol=1e-4)


def test_draws_are_splitmix64() -> None:
    states = [0, 1, 2**63 + 12345]
    assert [int(draw(np.uint64(state))) for state in states] == [Draws.next_of(state) for state in states]
    assert Draws.next_of(0) == 0xE220A8397B1DCDAF  # the reference implementation's first number


@numba.njit
def drawn(number: int, others: Any, own: Any, found: Any) -> None:
    for state in range(number):
        found[noise_word(draw(np.uint64(state) * np.uint64(0x9E3779B97F4A7C15)), others, own)] += 1


def test_noise_follows_the_counts_to_the_power_of_three_quarters() -> None:
    counts = np.array([5000, 900, 900, 30, 7, 1, 0])
    found, number = np.zeros(len(counts), np.int64), 2_000_000
    drawn(number, *noise(counts), found)
    expected = counts**0.75 / (counts**0.75).sum()
    np.testing.assert_allclose(found / number, expected, atol=4 * np.sqrt(0.25 / number))
    assert found[-1] == 0


def test_noise_of_one_word_and_of_equal_words() -> None:
    others, own = noise(np.array([3]))
    assert others.tolist() == [0]
    assert own[0] == 2**32 - 1
    found = np.zeros(4, np.int64)
    drawn(400_000, *noise(np.full(4, 9)), found)
    np.testing.assert_allclose(found, 100_000, rtol=0.02)


def test_kept_share_is_word2vecs() -> None:
    counts = np.array([600, 300, 99, 1])
    share = kept_share(counts, 1e-2)
    f = counts / 1000
    np.testing.assert_allclose(share, np.minimum(np.sqrt(1e-2 / f) + 1e-2 / f, 1))
    assert share[3] == 1
    assert (kept_share(counts, 0) == 1).all()


def lengths_by_heap(counts: Sequence[int]) -> int:
    """The sum of count times code length of Huffman's tree, built with a heap."""
    heap, total = list(counts), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        both = heapq.heappop(heap) + heapq.heappop(heap)
        total += both
        heapq.heappush(heap, both)
    return total


@pytest.mark.parametrize("size", [1, 2, 3, 50, 1000])
def test_huffman_codes(size: int) -> None:
    counts = np.sort(np.random.default_rng(size).zipf(1.3, size).clip(0, 10**6))[::-1].astype(np.int64)
    paths = huffman(counts)
    lengths = np.diff(paths.starts)
    assert int((lengths * counts).sum()) == lengths_by_heap(counts.tolist())
    codes = [
        "".join(map(str, paths.codes[a:b])) for a, b in zip(paths.starts[:-1], paths.starts[1:], strict=True)
    ]
    assert len(set(codes)) == size
    ordered = sorted(codes)
    assert not any(b.startswith(a) for a, b in pairwise(ordered)), "free of prefixes"
    # The inner node that a word passes is named by the turns that lead to it.
    prefixes: dict[int, str] = {}
    for word, code in enumerate(codes):
        for depth, node in enumerate(paths.nodes[paths.starts[word] : paths.starts[word + 1]]):
            assert prefixes.setdefault(int(node), code[:depth]) == code[:depth]
    assert len(prefixes) == size - 1


def test_huffman_of_words_that_do_not_occur() -> None:
    assert huffman(np.array([4, 0, 0])).starts[-1] == 5
    assert huffman(np.zeros(0, np.int64)).starts.tolist() == [0]
