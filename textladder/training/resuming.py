"""The state of an unfinished run in one file, replaced in one step: a killed run leaves the last good state."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from textladder.errors import Problem
from textladder.training.loop import Progress
from textladder.training.optimizing import Optimizer

STATE = "state.safetensors"


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: Optimizer,
    progress: Progress,
    tensors: dict[str, Tensor],
    notes: Any,
) -> None:
    """Write all that the next step depends on: weights, optimizer, random state, place in the data, and the caller's
    own `tensors` (best weights so far) and `notes` (JSON)."""
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    state |= {f"optimizer.{name}": value for name, value in optimizer.state_tensors().items()}
    state |= {f"caller.{name}": value for name, value in tensors.items()}
    state |= {f"random.{name}": value for name, value in _random_state(model).items()}
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{STATE}.new"
    metadata = {"progress": json.dumps(asdict(progress)), "notes": json.dumps(notes)}
    save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, fresh, metadata)
    os.replace(fresh, folder / STATE)


def load_state(
    folder: Path, model: nn.Module, optimizer: Optimizer, progress: Progress
) -> tuple[dict[str, Tensor], Any]:
    """Put everything back as `save_state` found it; returns the caller's tensors and notes."""
    path = folder / STATE
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise Problem(
            str(path), f"this state cannot be read ({error}).", "Train anew, without --resume."
        ) from error
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "caller": {}, "random": {}}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    model.load_state_dict(parts["model"])
    optimizer.load_state_tensors(parts["optimizer"])
    _set_random_state(model, parts["random"])
    for name, value in json.loads(metadata["progress"]).items():
        setattr(progress, name, value)
    return parts["caller"], json.loads(metadata["notes"])


def _random_state(model: nn.Module) -> dict[str, Tensor]:
    device = next(model.parameters()).device
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states["device"] = torch.get_device_module(device).get_rng_state(device)
    return states


def _set_random_state(model: nn.Module, states: dict[str, Tensor]) -> None:
    device = next(model.parameters()).device
    torch.set_rng_state(states["cpu"])
    if "device" in states and device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states["device"], device)
