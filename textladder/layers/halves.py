"""float32 and bfloat16 in compiled loops (numba): numbers are read from either and written to either.

numba has no bfloat16; its loops get the bits, as uint16 (`plain`). A bfloat16 is the upper half of a float32.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch
from numba.extending import overload
from numpy.typing import NDArray
from torch import Tensor

# contract: a product and a sum in one instruction, rounded once.
kernel = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})

COMPILED = (torch.float32, torch.bfloat16)


def plain(tensor: Tensor) -> NDArray[Any]:
    """A float32 or bfloat16 tensor on the processor as the loops take it; no copy."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def number(value: Any) -> Any:
    """Of an entry of `plain` its float32; in compiled code only."""
    raise NotImplementedError


def entry(value: Any, like: Any) -> Any:
    """Of a float32 what an array with entries like `like` holds: itself, or the nearest bfloat16 (of two the
    even one); in compiled code only. A NaN may come out as infinity."""
    raise NotImplementedError


# Without annotations: numba compares these signatures with those of the functions they return.


@overload(number, inline="always")
def _number(value):  # type: ignore[no-untyped-def]
    if value == numba.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: value


@overload(entry, inline="always")
def _entry(value, like):  # type: ignore[no-untyped-def]
    if like != numba.uint16:
        return lambda value, like: np.float32(value)

    def rounded(value, like):  # type: ignore[no-untyped-def]
        bits = np.float32(value).view(np.uint32)
        return np.uint16(
            np.uint32(bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)
        )

    return rounded
