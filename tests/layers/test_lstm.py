"""The walk of wide LSTMs against torch.nn: values and gradients, in one thread and two."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from textladder.layers import lstm, together
from textladder.layers.lstm import walk

B, T, D, H = 35, 9, 7, 12


def problem(dtype: torch.dtype = torch.float32) -> tuple[nn.LSTM, list[Tensor]]:
    """A net, and x [B, T, D] with a state before it [B, H], [B, H], which want gradients."""
    torch.manual_seed(0)
    net = nn.LSTM(D, H, batch_first=True)
    for weight in net.parameters():
        weight.data.normal_(std=0.5)
    values = [torch.randn(B, T, D), torch.randn(B, H), torch.randn(B, H)]
    return net, [value.to(dtype).requires_grad_() for value in values]


def gradients(net: nn.LSTM, given: list[Tensor], output: Tensor) -> list[Tensor]:
    weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(1))
    return list(torch.autograd.grad((output.float() * weights).sum(), [*given, *net.parameters()]))


@pytest.mark.parametrize("threads", [1, 2])
def test_it_is_torch_s_lstm(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lstm, "ALONE", 8)
    net, given = problem()
    x, hidden, cell = given
    wanted, (last, last_cell) = net(x, (hidden[None], cell[None]))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with together.one_thread_each() if threads > 1 else nullcontext():
            output, end, end_cell = walk(x, hidden, cell, list(net.parameters()))
            found = gradients(net, given, output)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(output, wanted)
    torch.testing.assert_close((end, end_cell), (last[0], last_cell[0]))
    assert not end.requires_grad
    for got, want in zip(found, gradients(net, given, wanted), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_it_returns_the_state_after_the_last_unit_of_each_text() -> None:
    net, (x, hidden, cell) = problem()
    lengths = torch.arange(B) % T + 1
    with torch.no_grad():
        _, end, end_cell = walk(x, hidden, cell, list(net.parameters()), lengths)
        for text in range(0, B, 4):
            row = slice(text, text + 1)
            own = net(x[row, : lengths[text]], (hidden[None, row].contiguous(), cell[None, row].contiguous()))
            torch.testing.assert_close((end[row], end_cell[row]), (own[1][0][0], own[1][1][0]))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_table_and_ids_are_the_vectors_that_they_name(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lstm, "ALONE", 8)
    net, (_, hidden, cell) = problem()
    table, ids = torch.randn(11, D, requires_grad=True), torch.randint(11, (B, T))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        with together.one_thread_each() if threads > 1 else nullcontext():
            output, *ends = walk(table, hidden, cell, list(net.parameters()), ids=ids)
            found = gradients(net, [table, hidden, cell], output)
    finally:
        torch.set_num_threads(before)
    wanted, *wanted_ends = walk(table[ids], hidden, cell, list(net.parameters()))
    torch.testing.assert_close((output, ends), (wanted, wanted_ends))
    for got, want in zip(found, gradients(net, [table, hidden, cell], wanted), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)


def test_bfloat16_agrees_with_float32() -> None:
    net, given = problem()
    _, reduced = problem(torch.bfloat16)
    weights = list(net.parameters())
    wanted, output = (walk(x, hidden, cell, weights)[0] for x, hidden, cell in (given, reduced))
    assert output.dtype == torch.bfloat16
    pairs = [
        (output, wanted),
        *zip(gradients(net, reduced, output), gradients(net, given, wanted), strict=True),
    ]
    for got, want in pairs:
        assert (got.float() - want).norm() <= 0.03 * want.norm()


def test_extreme_gates_stay_finite() -> None:
    net, (x, hidden, cell) = problem()
    output = walk(x * 1e4, hidden, cell, list(net.parameters()))[0]
    assert output.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients(net, [x, hidden, cell], output))


def test_a_walk_goes_back_once() -> None:
    net, (x, hidden, cell) = problem()
    output = walk(x, hidden, cell, list(net.parameters()))[0].sum()
    output.backward(retain_graph=True)
    with pytest.raises(AssertionError, match="goes back once"):
        output.backward()
