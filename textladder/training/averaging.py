"""Averages of weights over training: often a better model than the last step's, at no cost in prediction."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """kind "ema": exponential moving average over steps, w <- decay w + (1 - decay) v, with the decay warmed
    up as min(decay, (1 + t) / (10 + t)); "epochs": plain mean of the weights at each check (Izmailov et al.
    2018, stochastic weight averaging, https://arxiv.org/abs/1803.05407); "last": that of the last `checks`
    checks (Vaswani et al. 2017, section 6.1)."""

    def __init__(self, model: nn.Module, kind: str, decay: float, checks: int = 1) -> None:
        self.kind, self.decay, self.count = kind, decay, 0
        kept = model.named_parameters() if kind != "none" else []
        self.weights = {name: value.detach().clone() for name, value in kept}
        # The weights of the last checks, from the oldest on, of which `weights` is the mean.
        self.last: deque[dict[str, Tensor]] = deque(maxlen=checks)

    @torch.no_grad()
    def after_step(self, model: nn.Module) -> None:
        if self.kind == "ema":
            self.count += 1
            decay = min(self.decay, (1 + self.count) / (10 + self.count))
            for name, value in model.named_parameters():
                self.weights[name].lerp_(value, 1 - decay)

    @torch.no_grad()
    def after_check(self, model: nn.Module) -> None:
        if self.kind == "epochs":
            self.count += 1
            for name, value in model.named_parameters():
                self.weights[name].lerp_(value, 1 / self.count)
        elif self.kind == "last":
            self.last.append({name: value.detach().clone() for name, value in model.named_parameters()})
            for name, mean in self.weights.items():
                mean.copy_(torch.stack([weights[name] for weights in self.last]).mean(0))

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Inside, the model has the averaged weights (its own ones where nothing is averaged)."""
        if self.kind == "none":
            yield
            return
        self._exchange(model)
        try:
            yield
        finally:
            self._exchange(model)

    @torch.no_grad()
    def _exchange(self, model: nn.Module) -> None:
        for name, value in model.named_parameters():
            kept = value.detach().clone()
            value.copy_(self.weights[name])
            self.weights[name] = kept

    def state_tensors(self) -> dict[str, Tensor]:
        last = {f"last.{i}.{n}": v for i, weights in enumerate(self.last) for n, v in weights.items()}
        means = {f"weights.{name}": value for name, value in self.weights.items()}
        return {"count": torch.tensor(self.count), **means, **last}

    def load_state_tensors(self, state: dict[str, Tensor]) -> None:
        self.count = int(state["count"])
        for name, value in self.weights.items():
            value.copy_(state[f"weights.{name}"])
        self.last.clear()
        while any(name.startswith(f"last.{len(self.last)}.") for name in state):
            start = f"last.{len(self.last)}."
            self.last.append({n: state[start + n].to(v.device, copy=True) for n, v in self.weights.items()})
