"""Updates of touched rows against torch.optim, state, schedules, clipping."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.errors import Problem
from textladder.layers.bags import RowTable
from textladder.training import optimizing
from textladder.training.optimizing import (
    OptimizerConfig,
    build_optimizer,
    clip,
    distinct_rows,
    gradient_norms,
    learning_rate_at,
)

Make = Callable[..., OptimizerConfig]


class Classifier(nn.Module):
    def __init__(self, sparse: bool = True, dim: int = 5) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = RowTable(12, dim, 1.0)
        self.table.sparse = sparse
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 3)

    def forward(self, step: int, sparse: bool) -> Tensor:
        generator = torch.Generator().manual_seed(step)
        rows = torch.randint(0, 9, (20,), generator=generator)
        offsets = torch.tensor([0, 7, 7, 15, 20])
        if sparse:
            pooled = self.table.bags(rows, offsets, torch.ones(20))
        else:
            pooled = F.embedding_bag(rows, self.table.weight, offsets, mode="sum", include_last_offset=True)
        return F.cross_entropy(self.head(self.norm(pooled)), torch.tensor([0, 1, 2, 1]))


def train(
    model: Classifier, optimizer: torch.optim.Optimizer | optimizing.Optimizer, steps: range, sparse: bool
) -> None:
    for step in steps:
        optimizer.zero_grad()
        model(step, sparse).backward()
        optimizer.step()


def anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizing, "_compiled", lambda tensor: False)


@pytest.mark.parametrize("name", ["sgd", "adagrad", "adam", "adamw"])
def test_few_dense_numbers_beside_a_table_are_updated_as_torch_does(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = OptimizerConfig(optimizer=name, learning_rate=0.1, weight_decay=0.01)  # type: ignore[arg-type]
    compiled, plain = Classifier(), Classifier()
    one = build_optimizer(compiled, config)
    monkeypatch.setattr(optimizing, "SMALL", 0)
    other = build_optimizer(plain, config)
    assert (len(one.parts), len(other.parts)) == (1, 2)
    train(compiled, one, range(6), sparse=True)
    train(plain, other, range(6), sparse=True)
    for (label, a), b in zip(compiled.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=label)
    assert one.state_tensors().keys() >= other.state_tensors().keys()
    other.load_state_tensors(one.state_tensors())  # a run may go on where other numbers are small
    train(plain, other, range(6, 8), sparse=True)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("name", "dim"), [("sgd", 5), ("adagrad", 5), ("adagrad", 32)])
def test_rows_equal_the_dense_optimizer(
    name: str, dim: int, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not compiled:
        anywhere(monkeypatch)
    config = OptimizerConfig(optimizer=name, learning_rate=0.1)  # type: ignore[arg-type]
    mine, theirs = Classifier(dim=dim), Classifier(sparse=False, dim=dim)
    train(mine, build_optimizer(mine, config), range(8), sparse=True)
    oracle = (
        torch.optim.SGD(theirs.parameters(), 0.1)
        if name == "sgd"
        else torch.optim.Adagrad(theirs.parameters(), 0.1, eps=config.epsilon)
    )
    train(theirs, oracle, range(8), sparse=False)
    for (label, a), b in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=label)


@pytest.mark.parametrize("compiled", [True, False])
def test_adam_of_rows_is_sparse_adam(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not compiled:
        anywhere(monkeypatch)
    mine, theirs = RowTable(12, 5, 1.0), RowTable(12, 5, 1.0)
    theirs.load_state_dict(mine.state_dict())
    optimizer = build_optimizer(mine, OptimizerConfig(optimizer="adam", learning_rate=0.05))
    oracle = torch.optim.SparseAdam(theirs.parameters(), 0.05)
    for step in range(8):
        torch.manual_seed(step)
        rows, upstream = torch.randint(0, 9, (20,)), torch.randn(4, 5)
        for table in (mine, theirs):
            table.weight.grad = None
            table.bags(rows, torch.tensor([0, 7, 7, 15, 20]), torch.ones(20)).backward(upstream)
        optimizer.step()
        oracle.step()
    torch.testing.assert_close(mine.weight, theirs.weight, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adagrad"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dim", [5, 16])
def test_compiled_and_general_updates_agree(
    name: str, momentum: float, dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = OptimizerConfig(optimizer=name, learning_rate=0.05, momentum=momentum, weight_decay=0.01)  # type: ignore[arg-type]
    first, second = Classifier(dim=dim), Classifier(dim=dim)
    train(first, build_optimizer(first, config), range(6), sparse=True)
    anywhere(monkeypatch)
    train(second, build_optimizer(second, config), range(6), sparse=True)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adagrad"])
def test_only_touched_rows_change(name: str) -> None:
    model = Classifier()
    before = model.table.weight.detach().clone()
    train(
        model,
        build_optimizer(model, OptimizerConfig(optimizer=name, weight_decay=0.1)),
        range(3),
        sparse=True,
    )  # type: ignore[arg-type]
    assert torch.equal(model.table.weight[9:], before[9:])
    assert not torch.equal(model.table.weight[:9], before[:9])


def test_decay_spares_biases_and_norms() -> None:
    model = Classifier()
    optimizer = build_optimizer(
        model, OptimizerConfig(optimizer="adamw", learning_rate=0.1, weight_decay=0.5)
    )
    decayed = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert decayed[id(model.head.weight)] == decayed[id(model.table.weight)] == 0.5
    assert decayed[id(model.head.bias)] == decayed[id(model.norm.weight)] == 0.0


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adagrad"])
def test_state_round_trip_goes_on_bit_for_bit(name: str) -> None:
    config = OptimizerConfig(optimizer=name, learning_rate=0.05, momentum=0.9)  # type: ignore[arg-type]
    whole, halves = Classifier(), Classifier()
    train(whole, build_optimizer(whole, config), range(6), sparse=True)
    first = build_optimizer(halves, config)
    train(halves, first, range(3), sparse=True)
    saved = {key: value.clone() for key, value in first.state_tensors().items()}
    second = build_optimizer(halves, config)
    second.load_state_tensors(saved)
    train(halves, second, range(3, 6), sparse=True)
    for a, b in zip(whole.parameters(), halves.parameters(), strict=True):
        assert torch.equal(a, b)


def test_state_of_another_model_is_a_problem() -> None:
    optimizer = build_optimizer(Classifier(), OptimizerConfig())
    with pytest.raises(Problem, match="another model"):
        optimizer.load_state_tensors({"body.weight/exp_avg": torch.zeros(2)})
    with pytest.raises(Problem, match="another model"):
        optimizer.load_state_tensors({"head.weight/exp_avg": torch.zeros(2)})


def test_distinct_rows_are_exact_sums_in_order() -> None:
    rows, values = torch.randint(0, 50, (400,)), torch.randn(400, 7)
    gradient = torch.sparse_coo_tensor(rows[None], values, (60, 7), check_invariants=True)
    found, sums = distinct_rows(gradient)
    assert len(found) == len(found.unique())
    dense = torch.zeros(60, 7)
    dense[found] = sums
    torch.testing.assert_close(dense, gradient.to_dense())
    again, same = distinct_rows(gradient)
    assert torch.equal(found, again)
    assert torch.equal(sums, same)


def test_gradients_of_two_micro_batches_add_up() -> None:
    model, dense = Classifier(), Classifier(sparse=False)
    for step in range(2):
        model(step, sparse=True).backward()
        dense(step, sparse=False).backward()
    assert model.table.weight.grad is not None
    torch.testing.assert_close(
        model.table.weight.grad.to_dense(), dense.table.weight.grad, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("max_norm", [0.01, 100.0, 0.0])
def test_clip_is_exact_with_sparse_gradients(max_norm: float) -> None:
    model, dense = Classifier(), Classifier(sparse=False)
    model(0, sparse=True).backward()
    dense(0, sparse=False).backward()
    norms = gradient_norms(model)
    total = clip(model.parameters(), max_norm)
    expected = torch.nn.utils.clip_grad_norm_(dense.parameters(), max_norm or math.inf)
    assert total == pytest.approx(float(expected), rel=1e-5)
    assert math.sqrt(sum(norm**2 for norm in norms.values())) == pytest.approx(total, rel=1e-5)
    assert set(norms) == {"table", "norm", "head"}
    for a, b in zip(model.parameters(), dense.parameters(), strict=True):
        assert a.grad is not None
        assert b.grad is not None
        torch.testing.assert_close(a.grad.to_dense(), b.grad, rtol=1e-4, atol=1e-6)


def test_gradients_that_arrive_after_clip_are_summed_too() -> None:
    model, dense = Classifier(), Classifier(sparse=False)
    for step in range(2):
        model(step, sparse=True).backward()
        dense(step, sparse=False).backward()
        clip(model.parameters(), 0.0)
        rows, _ = distinct_rows(model.table.weight.grad)  # type: ignore[arg-type]
        assert len(rows) == len(rows.unique())
        model(step + 5, sparse=True).backward()
        dense(step + 5, sparse=False).backward()
    optimizer = build_optimizer(model, OptimizerConfig(optimizer="adagrad", learning_rate=0.1))
    oracle = torch.optim.Adagrad(dense.parameters(), 0.1, eps=1e-8)
    optimizer.step()
    oracle.step()
    torch.testing.assert_close(model.table.weight, dense.table.weight, rtol=1e-4, atol=1e-5)


def test_clip_of_nothing_and_of_nan() -> None:
    model = Classifier()
    assert clip(model.parameters(), 1.0) == 0.0
    model.head.bias.grad = torch.tensor([math.nan, 0.0, 1.0])
    assert math.isnan(clip(model.parameters(), 1.0))


def test_schedules() -> None:
    def factors(**options: object) -> list[float]:
        return [round(learning_rate_at(s, 10, OptimizerConfig(**options)), 4) for s in range(10)]  # type: ignore[arg-type]

    assert factors(schedule="constant") == [1.0] * 10
    assert factors(schedule="linear") == [round(1 - s / 10, 4) for s in range(10)]
    assert factors(schedule="linear", warmup=0.2)[:4] == [0.5, 1.0, 1.0, 0.875]
    assert factors(schedule="linear", warmup=2)[:4] == [0.5, 1.0, 1.0, 0.875]
    cosine = factors(schedule="cosine")
    assert cosine[0] == 1.0
    assert cosine[5] == 0.5
    assert cosine == sorted(cosine, reverse=True)
    assert factors(schedule="inverse_sqrt", warmup=4)[3:5] == [1.0, 1.0]
    # Vaswani et al. 2017, equation 3, but for a constant; steps after the warm-up are counted from 0.
    wanted = [math.sqrt(4) * min(n**-0.5, n * 4**-1.5) for n in (1, 2, 3, 4, *range(4, 10))]
    assert factors(schedule="inverse_sqrt", warmup=4) == [round(factor, 4) for factor in wanted]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adamm"}, "adam"),
        ({"schedule": "cos"}, "cosine"),
        ({"learning_rate": -1.0}, "learning_rate"),
    ],
)
def test_wrong_options_are_problems(options: dict[str, object], message: str) -> None:
    with pytest.raises(Problem, match=message):
        OptimizerConfig(**options)  # type: ignore[arg-type]
