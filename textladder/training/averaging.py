"""Averages of weights over training: often a better model than the last step's, at no cost in prediction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """kind "ema": exponential moving average over steps, w <- decay w + (1 - decay) v, with the decay warmed
    up as min(decay, (1 + t) / (10 + t)); "epochs": plain mean of the weights at each check (Izmailov et al.
    2018, stochastic weight averaging, https://arxiv.org/abs/1803.05407)."""

    def __init__(self, model: nn.Module, kind: str, decay: float) -> None:
        self.kind, self.decay, self.count = kind, decay, 0
        kept = model.named_parameters() if kind != "none" else []
        self.weights = {name: value.detach().clone() for name, value in kept}

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
        return {"count": torch.tensor(self.count), **{f"weights.{n}": v for n, v in self.weights.items()}}

    def load_state_tensors(self, state: dict[str, Tensor]) -> None:
        self.count = int(state["count"])
        for name, value in self.weights.items():
            value.copy_(state[f"weights.{name}"])
