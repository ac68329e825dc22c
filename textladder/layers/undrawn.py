"""Nets whose first weights are not drawn, because others are put there or nothing is computed with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

# Half of the time in which a recurrent net is made goes into QR decompositions of random matrices.
DRAWN = (
    *(torch.Tensor.normal_, torch.Tensor.uniform_, torch.nn.init.normal_, torch.nn.init.uniform_),
    torch.nn.init.kaiming_uniform_,
)


class Undrawn(TorchFunctionMode):
    """Inside, weights keep what was in memory where else numbers would be drawn."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        if func in DRAWN:
            return args[0] if args else given["tensor"]
        if func is torch.linalg.qr:  # of `nn.init.orthogonal_`: any two matrices of these shapes
            return args[0], args[0]
        return func(*args, **given)
