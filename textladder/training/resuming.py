"""The state of an unfinished run in one file, replaced in one step: a killed run leaves the last good
state."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from textladder import distributed
from textladder.errors import Problem
from textladder.training.loop import Progress
from textladder.training.optimizing import Optimizer

STATE = "state.safetensors"
FORMAT_VERSION = 1


def save_state(
    folder: Path,
    model: nn.Module,
    optimizer: Optimizer,
    progress: Progress,
    *,
    data: str,
    tensors: dict[str, Tensor],
    notes: Any,
) -> None:
    """Write all that the next step depends on: weights, optimizer, random state, place in the data, and the
    caller's own `tensors` (best weights so far) and `notes` (JSON). `data` tells whether the data are still
    the same. Every process calls it; the first one writes."""
    random = distributed.gather(_random_state(model))
    if not distributed.is_main():
        return
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    state |= {f"optimizer.{name}": value for name, value in optimizer.state_tensors().items()}
    state |= {f"caller.{name}": value for name, value in tensors.items()}
    state |= {
        f"random.{rank}.{name}": value for rank, mine in enumerate(random) for name, value in mine.items()
    }
    # Copies, because safetensors refuses tensors that share memory.
    state = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in state.items()}
    metadata = {
        "format_version": str(FORMAT_VERSION),
        "checksum": _checksum(state),
        "data": data,
        "progress": json.dumps(asdict(progress)),
        "notes": json.dumps(notes),
    }
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{STATE}.new"
    save_file(state, fresh, metadata)
    os.replace(fresh, folder / STATE)


def load_state(
    folder: Path, model: nn.Module, optimizer: Optimizer, progress: Progress, *, data: str
) -> tuple[dict[str, Tensor], Any]:
    """Put everything back as `save_state` found it; returns the caller's tensors and notes. Raises Problem
    for a file that is cut short or changed, for other data, and for the state of another model."""
    path = folder / STATE
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, SafetensorError) as error:
        raise _unusable(path, f"this state cannot be read ({error})") from error
    if metadata.get("format_version") != str(FORMAT_VERSION):
        raise _unusable(path, "another version of textladder wrote this state")
    if metadata.get("checksum") != _checksum(state):
        raise _unusable(path, "this state was changed since it was saved")
    if metadata.get("data") != data:
        raise Problem(
            str(path),
            "the run was started with other texts or labels.",
            "Give the same files, another --out, or --overwrite.",
        )
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "caller": {}, "random": {}}
    for name, value in state.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = value
    try:
        model.load_state_dict(parts["model"])
    except RuntimeError as error:
        raise _unusable(path, f"this is the state of another model ({error})") from error
    optimizer.load_state_tensors(parts["optimizer"])
    _set_random_state(model, parts["random"])
    for name, value in json.loads(metadata["progress"]).items():
        setattr(progress, name, value)
    return parts["caller"], json.loads(metadata["notes"])


def _unusable(path: Path, what: str) -> Problem:
    return Problem(str(path), f"{what}.", "Train anew: --overwrite instead of --resume.")


def _checksum(state: dict[str, Tensor]) -> str:
    """Of names and bytes: safetensors itself notices a file that was cut short, but not a changed weight."""
    digest = hashlib.sha256()
    for name in sorted(state):
        digest.update(name.encode("utf-8"))
        flat = state[name].contiguous().reshape(-1)
        if len(flat):  # one without values may have strides that cannot be viewed as bytes
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _random_state(model: nn.Module) -> dict[str, Tensor]:
    device = next(model.parameters()).device
    states = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        states["device"] = torch.get_device_module(device).get_rng_state(device)
    return states


def _set_random_state(model: nn.Module, states: dict[str, Tensor]) -> None:
    """Each process takes its own; one more than there were before takes that of another."""
    device = next(model.parameters()).device
    saved = len({name.partition(".")[0] for name in states})
    mine = distributed.rank() % saved
    torch.set_rng_state(states[f"{mine}.cpu"])
    if device.type != "cpu" and f"{mine}.device" in states:
        torch.get_device_module(device).set_rng_state(states[f"{mine}.device"], device)
