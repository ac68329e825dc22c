"""Branches side by side: the same values and gradients, in other threads, with the settings of this one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from textladder.batch import Tokens
from textladder.encoders.recurrent import Gru, Lstm, RecurrentEncoder, Rnn
from textladder.layers.together import alone, branched, limit, one_thread_each, together


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_functions_run_at_the_same_time_and_answer_in_order() -> None:
    meeting = threading.Barrier(2, timeout=30)  # broken unless both get here

    def meet(number: int) -> tuple[int, int]:
        meeting.wait()
        return number, torch.get_num_threads()

    with one_thread_each():
        assert limit() == 2
        assert together([lambda: meet(0), lambda: meet(1)]) == [(0, 1), (1, 1)]
    assert limit() == 1
    assert torch.get_num_threads() == 2


def test_a_function_alone_has_all_threads_and_gives_them_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert alone(lambda: (torch.get_num_threads(), limit())) == (2, 1)
        with one_thread_each():
            assert alone(lambda: (torch.get_num_threads(), limit())) == (2, 1)
            with pytest.raises(ZeroDivisionError):
                alone(lambda: 1 / 0)
            assert (torch.get_num_threads(), limit()) == (1, 2)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_waits_for_the_others_and_reaches_the_caller(failing: int) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == failing:
            raise ValueError(number)
        done.append(number)

    with one_thread_each(), pytest.raises(ValueError, match=str(failing)):
        together([lambda: work(0), lambda: work(1)])
    assert done == [1 - failing]


def product(x: Tensor, weight: Tensor) -> Tensor:
    return (x @ weight).tanh()


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_values_and_gradients_are_those_of_one_thread(reduced: bool, frozen: bool) -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 4, requires_grad=not frozen)
    weights = [torch.randn(4, 3, requires_grad=not (frozen and number)) for number in range(2)]

    def results() -> list[Tensor | None]:
        tensors = [x, *weights]
        for tensor in tensors:
            tensor.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            one, other = branched(x, [(product, weights[:1]), (product, weights[1:])])
        assert one.dtype == (torch.bfloat16 if reduced else torch.float32)
        (one * other).sum().backward()
        return [one, other, *(tensor.grad for tensor in tensors)]

    alone = results()
    with one_thread_each():
        beside = results()
    for a, b in zip(alone, beside, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            # Alone, the gradients of x are summed in bfloat16.
            tolerance = 1e-2 if reduced else 1e-5
            torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("setting", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("reduced", [False, True])
def test_without_gradients_there_is_no_graph(setting: Callable[[], Any], reduced: bool) -> None:
    weight = torch.randn(4, 3, requires_grad=True)
    with one_thread_each(), setting(), torch.autocast("cpu", torch.bfloat16, enabled=reduced):
        x = torch.randn(2, 4)
        one, other = branched(x, [(product, [weight]), (product, [weight])])
        assert not one.requires_grad
        assert one.is_inference() == other.is_inference() == (setting is torch.inference_mode)
        assert one.dtype == other.dtype == (torch.bfloat16 if reduced else torch.float32)
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", [Rnn, Lstm, Gru])
@pytest.mark.parametrize("rows", [[[2, 3, 4], [5], [6, 7]], [[2, 3], [4, 5]], [[6, 7]], [[]]])
def test_encoders_say_the_same_beside_each_other(kind: type[RecurrentEncoder], rows: list[list[int]]) -> None:
    torch.manual_seed(0)
    config = kind.Config(embedding_dim=5, hidden_dim=4, num_layers=2, bidirectional=True)
    encoder = kind(config, list("abcdefgh")).eval()
    tokens = Tokens.of_rows(rows)

    def results() -> list[Tensor]:
        encoder.zero_grad()
        encoder(tokens).states.square().sum().backward()
        with torch.inference_mode():
            pooled = encoder(tokens).pooled
        return [pooled, *(p.grad.clone() for p in encoder.parameters() if p.grad is not None)]

    alone = results()
    with one_thread_each():
        beside = results()
    torch.testing.assert_close(beside, alone)
