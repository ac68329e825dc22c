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


LOG2_E, HALF = np.float32(1.4426950408889634), np.float32(0.5)
ONE, TWO = np.float32(1), np.float32(2)
# 2^f for |f| <= 1/2: Taylor's series of exp(f ln 2), relative error below 1e-7
C1, C2, C3 = np.float32(0.6931471805599453), np.float32(0.2402265069591007), np.float32(0.05550410866482158)
C4, C5 = np.float32(0.009618129107628477), np.float32(0.0013333558146428443)
C6 = np.float32(0.00015403530393381608)


@numba.njit(inline="always")
def exponential(x: Any) -> Any:
    """exp(x) for x <= 0 as arithmetic that vectorises; never below 2^-125."""
    x = max(x * LOG2_E, np.float32(-125))
    whole = np.floor(x + HALF)
    f = x - whole
    power = ONE + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * C6)))))
    return power * np.int32((np.int32(whole) + np.int32(127)) << np.int32(23)).view(np.float32)


@numba.njit(inline="always")
def sigmoid(x: Any) -> Any:
    e = exponential(-abs(x))
    return (ONE if x >= 0 else e) / (ONE + e)


@numba.njit(inline="always")
def tanh(x: Any) -> Any:
    e = exponential(-TWO * abs(x))
    t = (ONE - e) / (ONE + e)
    return t if x >= 0 else -t
