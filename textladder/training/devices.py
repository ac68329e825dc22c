"""Where a model is trained and used."""

from __future__ import annotations

import torch

from textladder.errors import Problem


def pick_device(name: str) -> torch.device:
    """auto: the accelerator of this machine if there is one, else the processor. Raises Problem for a device
    that is not to be had."""
    if name == "auto":
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return found or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        said = str(error).splitlines()[0]
        raise Problem(
            "--device", f"{name!r} is not to be had here ({said}).", "Use --device auto or cpu."
        ) from error
    return device
