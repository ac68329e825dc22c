"""Updates put off until a row is read: what the dense optimizer gives, and the same after a stop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from textladder.errors import Problem
from textladder.layers.embedding import UnitEmbedding
from textladder.training import optimizing
from textladder.training.deferring import DeferredAdam, can_defer
from textladder.training.optimizing import Optimizer, OptimizerConfig, build_optimizer, clip

UNITS, STEPS = 40, 300


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = UnitEmbedding(UNITS, 6, std=1.0)
        self.head = nn.Linear(6, 3)

    def loss(self, step: int) -> Tensor:
        draw = torch.Generator().manual_seed(step)
        # Some units in most steps, some seldom, some never.
        ids = (torch.rand(3, 4, generator=draw) ** 4 * (UNITS - 5)).long()
        return F.cross_entropy(self.head(self.embedding(ids).mean(1)), torch.tensor([0, 1, 2]))


def train(net: Net, optimizer: Optimizer | torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimizer.zero_grad()
        net.loss(step).backward()
        clip(list(net.parameters()), 1.0)
        rate = 0.05 * (1 - step / STEPS)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()


def dense_optimizer(net: Net, decay: float) -> torch.optim.Optimizer:
    weights = {"params": [net.embedding.weight, net.head.weight], "weight_decay": decay}
    return torch.optim.AdamW([weights, {"params": [net.head.bias], "weight_decay": 0.0}])


@pytest.fixture
def small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizing, "LARGE", 0)


def config(kind: str = "adamw", decay: float = 0.1) -> OptimizerConfig:
    return OptimizerConfig(optimizer=kind, weight_decay=decay)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize(("kind", "decay"), [("adamw", 0.1), ("adamw", 0.0), ("adam", 0.0)])
@pytest.mark.parametrize("deferring", [True, False])
def test_it_is_the_dense_optimizer(kind: str, decay: float, deferring: bool) -> None:
    ours, theirs = Net(), Net()
    optimizer = build_optimizer(ours, config(kind, decay))
    assert any(isinstance(part, DeferredAdam) for part in optimizer.parts)
    dense = dense_optimizer(theirs, decay)
    if deferring:
        with optimizer.deferring():
            train(ours, optimizer, range(STEPS))
            behind = ours.embedding.weight.detach().clone()
    else:
        train(ours, optimizer, range(STEPS))
    train(theirs, dense, range(STEPS))
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=2e-4, atol=2e-5)
    if deferring:
        assert not torch.equal(behind, ours.embedding.weight)  # or nothing would have been put off
        train(ours, optimizer, range(STEPS, STEPS + 3))  # outside, every row at every step
        train(theirs, dense, range(STEPS, STEPS + 3))
        torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=2e-4, atol=2e-5)


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize("stop", [1, 7, 130])
def test_stopped_with_rows_behind_it_goes_on_bit_for_bit(stop: int) -> None:
    whole, first, second = Net(), Net(), Net()
    a, b, c = (build_optimizer(net, config()) for net in (whole, first, second))
    with a.deferring():
        train(whole, a, range(200))
    with b.deferring():
        train(first, b, range(stop))
        saved = {name: value.clone() for name, value in b.state_tensors().items()}
        weights = {name: value.clone() for name, value in first.state_dict().items()}
    second.load_state_dict(weights)
    c.load_state_tensors(saved)
    with c.deferring():
        train(second, c, range(stop, 200))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


@pytest.mark.usefixtures("small_is_large")
def test_a_model_that_is_asked_meanwhile_has_the_weights_of_the_step() -> None:
    ours, theirs = Net(), Net()
    one, other = build_optimizer(ours, config()), dense_optimizer(theirs, 0.1)
    with one.deferring():
        train(ours, one, range(50))
        units = torch.arange(UNITS)
        with torch.inference_mode():
            got = ours.embedding(units)
    train(theirs, other, range(50))
    torch.testing.assert_close(got, theirs.embedding(units), rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("small_is_large")
def test_the_last_of_it_leaves_with_the_loop() -> None:
    net = Net()
    optimizer = build_optimizer(net, config())

    def interrupted() -> None:
        with optimizer.deferring():
            train(net, optimizer, range(5))
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert net.embedding.before_reading is None
    assert not net.embedding.sparse
    before = net.embedding.weight.detach().clone()
    optimizer.settle()
    assert torch.equal(before, net.embedding.weight)


@pytest.mark.usefixtures("small_is_large")
def test_what_another_module_reads_is_not_put_off() -> None:
    net = Net()
    net.output = nn.Linear(6, UNITS, bias=False)
    net.output.weight = net.embedding.weight
    assert not any(isinstance(part, DeferredAdam) for part in build_optimizer(net, config()).parts)


def test_what_can_be_put_off() -> None:
    assert can_defer(config("adamw"))
    assert not can_defer(config("adam", 0.1))  # a gradient in every row
    assert not can_defer(config("sgd"))
    assert not can_defer(OptimizerConfig(betas=(0.99, 0.9)))  # the mean outlives its square


@pytest.mark.usefixtures("small_is_large")
@pytest.mark.parametrize(
    ("key", "value"),
    [("row_step", torch.zeros(UNITS + 1)), ("drift", torch.zeros(2, 2)), ("exp_avg", torch.ones(3))],
)
def test_a_state_that_does_not_fit_is_a_problem(key: str, value: Tensor) -> None:
    optimizer = build_optimizer(Net(), config())
    with pytest.raises(Problem, match="another model"):
        optimizer.load_state_tensors({f"embedding.weight/{key}": value})
