"""Output layers: exact, whatever the vocabulary, and nothing is spent on what is never predicted."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.layers import cross_entropy as module
from textladder.layers.cross_entropy import IGNORED, cross_entropies, cross_entropy
from textladder.layers.softmax import AdaptiveSoftmax, UnitSoftmax, cutoffs_for
from textladder.layers.together import one_thread_each

UNITS, LABELS, DIM = 90, 3, 16


def problem(units: int, count: int = 50, dim: int = DIM, ignored: bool = True) -> tuple[Tensor, ...]:
    """Vectors, rows, bias, targets."""
    torch.manual_seed(0)
    vectors, rows, bias = torch.randn(count, dim), torch.randn(units, dim), torch.randn(units)
    target = torch.randint(0, units, (count,))
    if ignored:
        target[::7] = IGNORED
    return vectors.requires_grad_(), rows.requires_grad_(), bias.requires_grad_(), target


def gradients(total: Tensor, *leaves: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(3 * total, leaves))


@pytest.fixture(params=["autograd", "chunks", "one row at a time"])
def path(request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way that the loss can be computed in, at sizes of tests."""
    if request.param != "autograd":
        monkeypatch.setattr(module, "FEW", 0)
    if request.param == "one row at a time":
        monkeypatch.setattr(module, "FEWEST_ROWS", 1)
        monkeypatch.setattr(module, "HELD", 1)
        monkeypatch.setattr(module, "CACHED", 1)


@pytest.mark.parametrize("ignored", [True, False])
@pytest.mark.usefixtures("path")
def test_the_loss_and_its_gradients_are_those_of_torch(ignored: bool) -> None:
    vectors, rows, bias, target = problem(UNITS, ignored=ignored)
    wanted = F.cross_entropy(F.linear(vectors, rows, bias), target, reduction="sum")
    got = cross_entropy(vectors, rows, bias, target)
    torch.testing.assert_close(got, wanted)
    leaves = vectors, rows, bias
    for ours, theirs in zip(gradients(got, *leaves), gradients(wanted, *leaves), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    each = cross_entropies(vectors, rows, bias, target)
    torch.testing.assert_close(each.sum(), wanted)
    assert (each[target == IGNORED] == 0).all()


@pytest.mark.usefixtures("path")
def test_in_bfloat16_it_is_as_near_as_products_in_that_are() -> None:
    vectors, rows, bias, target = problem(UNITS, count=400, dim=64)
    wanted = F.cross_entropy(F.linear(vectors, rows, bias), target, reduction="sum")
    with torch.autocast("cpu", torch.bfloat16):
        got = cross_entropy(vectors.to(torch.bfloat16), rows, bias, target)
    assert got.dtype == torch.float32
    assert abs(got - wanted) < 0.01 * wanted
    leaves = vectors, rows, bias
    for ours, theirs in zip(gradients(got, *leaves), gradients(wanted, *leaves), strict=True):
        assert ours.dtype == torch.float32
        assert (ours - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.usefixtures("path")
def test_with_no_target_the_loss_and_its_gradients_are_zero() -> None:
    vectors, rows, bias, target = problem(UNITS)
    total = cross_entropy(vectors, rows, bias, torch.full_like(target, IGNORED))
    assert total == 0
    assert all((gradient == 0).all() for gradient in gradients(total, vectors, rows, bias))


def test_threads_that_share_the_vectors_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", 0)
    vectors, rows, bias, target = problem(UNITS)
    wanted = cross_entropy(vectors, rows, bias, target)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread_each():
            got = cross_entropy(vectors, rows, bias, target)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(got, wanted)
    leaves = vectors, rows, bias
    for ours, theirs in zip(gradients(got, *leaves), gradients(wanted, *leaves), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_no_gradients_are_made_where_none_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FEW", 0)
    vectors, rows, bias, target = problem(UNITS)
    with torch.no_grad():
        assert not cross_entropy(vectors, rows, bias, target).requires_grad
    monkeypatch.setattr(module._Part, "__init__", _refuse_gradients)
    with torch.inference_mode(), pytest.raises(StopIteration, match="False"):
        cross_entropy(vectors, rows, bias, target)


def _refuse_gradients(
    part: Any, vectors: Tensor, rows: Tensor, bias: Tensor, at: Tensor, *, learns: bool, weights: None
) -> None:
    raise StopIteration(str(learns))


# The layers: units as a tokenizer has them, <pad> <unk> <s> </s> and others, labels behind them.


def layers(kind: str, width: int | None) -> tuple[UnitSoftmax | AdaptiveSoftmax, nn.Parameter | None]:
    """An output layer, tied to a table of that width if there is one."""
    torch.manual_seed(1)
    layer = (
        UnitSoftmax(DIM, UNITS, LABELS)
        if kind == "full"
        else AdaptiveSoftmax(DIM, UNITS, LABELS, cutoffs_for(UNITS))
    )
    table = None if width is None else nn.Parameter(torch.randn(UNITS + LABELS, width))
    if table is not None:
        layer.tie(table)
    with torch.no_grad():
        layer.bias.normal_()
    return layer, table


def units_to_predict(count: int = 200) -> Tensor:
    torch.manual_seed(2)
    units = torch.tensor([1, *range(3, UNITS)])
    target = units[torch.randint(0, len(units), (count,))]
    target[5::6] = IGNORED
    return target


each_layer = pytest.mark.parametrize("kind", ["full", "adaptive"])
each_table = pytest.mark.parametrize("width", [None, DIM, DIM // 2], ids=["own", "tied", "tied, narrow"])


@each_layer
@each_table
@pytest.mark.usefixtures("path")
def test_probabilities_sum_to_one_over_what_can_be_predicted(kind: str, width: int | None) -> None:
    layer, _ = layers(kind, width)
    probabilities = layer.log_probs(torch.randn(7, DIM)).exp()
    assert probabilities.shape == (7, UNITS + LABELS)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(7))
    never = [0, 2, *range(UNITS, UNITS + LABELS)]
    assert (probabilities[:, never] == 0).all()
    assert probabilities.count_nonzero() == 7 * (UNITS - 2)


@each_layer
@each_table
@pytest.mark.usefixtures("path")
def test_losses_and_gradients_are_those_of_the_probabilities(kind: str, width: int | None) -> None:
    layer, table = layers(kind, width)
    target, vectors = units_to_predict(), torch.randn(200, DIM, requires_grad=True)
    kept = target != IGNORED
    parameters = [vectors, *layer.parameters(), *([] if table is None else [table])]
    wanted = -layer.log_probs(vectors)[kept, target[kept]].sum()
    got = layer.loss(vectors, target)
    torch.testing.assert_close(got, wanted)
    for ours, theirs in zip(gradients(got, *parameters), gradients(wanted, *parameters), strict=True):
        assert ours.isfinite().all()
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    with torch.inference_mode():
        each = layer.losses(vectors, target)
    torch.testing.assert_close(each[kept], -layer.log_probs(vectors)[kept, target[kept]])
    assert (each[~kept] == 0).all()


@each_layer
def test_every_row_that_can_be_predicted_learns(kind: str) -> None:
    layer, table = layers(kind, DIM)
    assert table is not None
    target = torch.tensor([1, *range(3, UNITS)])
    layer.loss(torch.randn(len(target), DIM), target).backward()
    assert table.grad is not None
    norms = table.grad.norm(dim=1)
    assert (norms[[0, 2, *range(UNITS, UNITS + LABELS)]] == 0).all()
    assert (norms[target] > 0).all()


def test_the_adaptive_softmax_is_that_of_torch() -> None:
    layer = cast(AdaptiveSoftmax, layers("adaptive", None)[0])
    assert layer.projections is not None
    assert layer.weights is not None
    kept = UNITS - 1
    theirs = nn.AdaptiveLogSoftmaxWithLoss(DIM, kept, list(cutoffs_for(UNITS)), head_bias=True)
    with torch.no_grad():
        layer.bias[len(layer.never) :] = 0  # of clusters, for which torch has none
        weights = {
            "head.weight": torch.cat([layer.weights[0], layer.clusters]),
            "head.bias": layer.bias[: len(layer.never)] + layer.never,
        }
        for number, projection in enumerate(layer.projections):
            weights[f"tail.{number}.0.weight"] = cast(nn.Linear, projection).weight
            weights[f"tail.{number}.1.weight"] = layer.weights[number + 1]
    theirs.load_state_dict(weights)
    vectors, target = torch.randn(300, DIM), units_to_predict(300)
    vectors, target = vectors[target != IGNORED], target[target != IGNORED]
    wanted = theirs(vectors, target - 1)
    torch.testing.assert_close(layer.losses(vectors, target), -wanted.output)
    torch.testing.assert_close(layer.loss(vectors, target) / len(target), wanted.loss)
    torch.testing.assert_close(layer.log_probs(vectors)[:, 1:UNITS], theirs.log_prob(vectors))


def test_cutoffs_leave_the_special_units_in_the_head() -> None:
    for units in (64, 1000, 33_000, 10**6):
        first, second = cutoffs_for(units)
        assert 3 < first < second < units - 1
        assert math.isclose(second / first, 4, rel_tol=0.1)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("few", [0, 1024])
def test_a_smoothed_truth_is_that_of_torch_over_what_can_be_predicted(
    monkeypatch: pytest.MonkeyPatch, few: int, tied: bool
) -> None:
    """torch spreads the truth over all columns; here <s>, which is never predicted, is none of them."""
    monkeypatch.setattr(module, "FEW", few)
    torch.manual_seed(0)
    layer, table = UnitSoftmax(DIM, UNITS), nn.Parameter(torch.randn(UNITS, DIM))
    nn.init.normal_(layer.bias)
    if tied:
        layer.tie(table)
    vectors, target = torch.randn(40, DIM, requires_grad=True), torch.randint(3, UNITS, (40,))
    target[::7] = IGNORED
    can = [unit for unit in range(UNITS) if unit not in (0, 2)]  # all but <pad> and <s>
    rows, bias = (part[[unit - 1 for unit in can]] for part in (layer.rows, layer.bias))
    columns = torch.tensor([IGNORED if unit < 0 else can.index(unit) for unit in target.tolist()])
    wanted = F.cross_entropy(
        F.linear(vectors, rows, bias), columns, ignore_index=IGNORED, label_smoothing=0.3, reduction="sum"
    )
    got = layer.loss(vectors, target, smoothing=0.3)
    torch.testing.assert_close(got, wanted)
    leaves = (vectors, layer.bias, table if tied else cast(Tensor, layer.weight))
    for ours, theirs in zip(gradients(got, *leaves), gradients(wanted, *leaves), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("tied", [False, True])
def test_the_best_units_are_those_of_all_log_probabilities(tied: bool) -> None:
    torch.manual_seed(0)
    layer, units = UnitSoftmax(DIM, 700), 700
    nn.init.normal_(layer.bias)
    if tied:
        layer.tie(nn.Parameter(torch.randn(units, DIM // 2)))
    vectors, banned = torch.randn(30, DIM), torch.tensor([0, 1, 2, 17, 650])
    with torch.no_grad():
        wanted = layer.log_probs(vectors).index_fill(1, banned, -math.inf)
        for count in (1, 5, 40):
            values, found = layer.best(vectors, count, banned)
            torch.testing.assert_close(values, wanted.topk(count).values)
            torch.testing.assert_close(wanted.gather(1, found), values)
        values, found = UnitSoftmax(DIM, 6).best(vectors, 9, torch.tensor([0, 1]))
    assert values.shape == (30, 5)
    assert (values == -math.inf).sum(1).tolist() == [2] * 30, "<unk> is banned, and <s> is never predicted"
