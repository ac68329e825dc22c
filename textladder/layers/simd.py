"""Sixteen float32 at a time in numba's compiled code: what the innermost loops are made of.

numba vectorises loops by itself, but not these: rows whose addresses are computed may overlap as far as it
knows, and it prefers half of the width that the processor has. Here a `Vector` is one value of LLVM, which
turns it into one register (AVX-512) or into as many as the processor needs. The functions may be called in
compiled code only.

Arrays are flat float32 [n]; `at` is the index of the first of sixteen entries, which is not checked.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic, models, register_model

LANES = 16
_FLOAT = ir.FloatType()
_VECTOR = ir.VectorType(_FLOAT, LANES)
_INTS = ir.VectorType(ir.IntType(32), LANES)
_FAST = ("fast",)


class Vector(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


vector = Vector()


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _constant(value: float) -> Any:
    return ir.Constant(_VECTOR, [value] * LANES)


def _ints(value: int) -> Any:
    return ir.Constant(_INTS, [value] * LANES)


def _address(context: Any, builder: Any, kind: Any, place: Any, of: Any) -> Any:
    array, at = place
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), of.as_pointer())


def _call(builder: Any, name: str, kind: Any, arguments: list[Any], fast: bool = True) -> Any:
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [argument.type for argument in arguments]), name
    )
    return builder.call(function, arguments, fastmath=_FAST if fast else ())


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """array[at : at + 16]"""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], arguments, _VECTOR)
        return builder.load(address, align=4)

    return vector(array, types.intp), build


@intrinsic
def store(typing: Any, array: Any, at: Any, value: Any) -> Any:
    """array[at : at + 16] = value"""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], arguments[:2], _VECTOR)
        builder.store(arguments[2], address, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), build


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Asks for the cache line of array[at], to be written soon."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8), ir.IntType(32)
        address = _address(context, builder, signature.args[0], arguments, byte)
        flags = [ir.Constant(number, n) for n in (1, 3, 1)]  # write, keep in all caches, data
        _call(builder, "llvm.prefetch.p0i8", ir.VoidType(), [address, *flags], fast=False)
        return context.get_dummy_value()

    return types.void(array, types.intp), build


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """Sixteen times the same number."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], ir.IntType(32)(0))
        return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), _ints(0))

    return vector(types.float32), build


@intrinsic
def fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c"""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(builder, f"llvm.fma.v{LANES}f32", _VECTOR, list(arguments))

    return vector(vector, vector, vector), build


@intrinsic
def adagrad(  # noqa: PLR0917
    typing: Any, weights: Any, gradient: Any, squares: Any, rate: Any, epsilon: Any
) -> Any:
    """weights - rate * gradient / (sqrt(squares) + epsilon); root and quotient by the processor's estimates
    and a Newton step where it has them."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        old, slope, sums, rates, floor = arguments
        root = _call(builder, f"llvm.sqrt.v{LANES}f32", _VECTOR, [sums])
        size = builder.fadd(root, floor)
        inverse = builder.fdiv(_constant(1.0), size, flags=_FAST)
        return builder.fsub(old, builder.fmul(builder.fmul(rates, slope), inverse))

    return vector(vector, vector, vector, vector, vector), build


@intrinsic
def totals(  # noqa: PLR0917
    typing: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any
) -> Any:
    """The sums of six vectors in the first six entries of one; the others hold nothing of use.

    Half of the entries are added to the other half for two vectors at a time, which takes half the shuffles
    of six sums one by one.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Of eight vectors eight pairs are left, in their order: one more halving joins neighbours.
        pairs = _summed(builder, [*arguments, arguments[-1], arguments[-1]])
        low, high = list(range(0, LANES, 2)) * 2, list(range(1, LANES, 2)) * 2
        return _halves(builder, pairs, pairs, low, high)

    return vector(vector, vector, vector, vector, vector, vector), build


@intrinsic
def products(  # noqa: PLR0917
    typing: Any, x: Any, a: Any, b: Any, c: Any, d: Any, y: Any, e: Any, f: Any, g: Any, h: Any, count: Any
) -> Any:
    """Products of four runs of x, from a, b, c, d on, with four of y, from e, f, g, h on, each `count`
    numbers long (a multiple of 16, at least 16): first the four with y[e:], then those with y[f:], ...

    Sixteen sums in registers: eight numbers are read for every sixteen products and additions.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds, size = signature.args, arguments[-1]
        ones, others = (
            [
                _address(context, builder, kinds[n], (arguments[n], at), _FLOAT)
                for at in arguments[n + 1 : n + 5]
            ]
            for n in (0, 5)
        )
        before = builder.block
        loop, after = (builder.append_basic_block(f"products.{name}") for name in ("loop", "after"))
        builder.branch(loop)
        builder.position_at_end(loop)
        at, sums = builder.phi(size.type), [builder.phi(_VECTOR) for _ in range(LANES)]
        lists = [
            [
                builder.load(builder.bitcast(builder.gep(run, [at]), _VECTOR.as_pointer()), align=4)
                for run in runs
            ]
            for runs in (ones, others)
        ]
        pairs = [(one, other) for other in lists[1] for one in lists[0]]
        parts = [
            _call(builder, f"llvm.fma.v{LANES}f32", _VECTOR, [*pair, total])
            for pair, total in zip(pairs, sums, strict=True)
        ]
        following = builder.add(at, size.type(LANES))
        for value, first, then in [
            (at, size.type(0), following),
            *zip(sums, [_constant(0.0)] * LANES, parts, strict=True),
        ]:
            value.add_incoming(first, before)
            value.add_incoming(then, loop)
        builder.cbranch(builder.icmp_signed("<", following, size), loop, after)
        builder.position_at_end(after)
        return _summed(builder, parts)

    return vector(x, *[types.intp] * 4, y, *[types.intp] * 5), build


def _summed(builder: Any, parts: list[Any]) -> Any:
    """2^n vectors to one, with 16 / 2^n partial sums of each in their order."""
    width = LANES // 2
    while len(parts) > 1:
        # A part is now 16 / (2 * width) runs of partial sums; each run of 2 * width becomes one of width.
        low = [n for n in range(2 * LANES) if n // width % 2 == 0]
        high = [n + width for n in low]
        parts = [
            _halves(builder, first, second, low, high)
            for first, second in zip(parts[::2], parts[1::2], strict=True)
        ]
        width //= 2
    return parts[0]


def _halves(builder: Any, first: Any, second: Any, low: list[int], high: list[int]) -> Any:
    masks = [ir.Constant(_INTS, chosen) for chosen in (low, high)]
    return builder.fadd(*(builder.shuffle_vector(first, second, mask) for mask in masks), flags=_FAST)


@intrinsic
def lane(typing: Any, a: Any, number: Any) -> Any:
    """Entry `number` (a constant) sixteen times."""
    if not isinstance(number, types.IntegerLiteral):
        raise RequireLiteralValue("lane: the number must be a constant")
    index = number.literal_value

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.shuffle_vector(arguments[0], arguments[0], _ints(index))

    return vector(vector, number), build


@intrinsic
def sigmoid(typing: Any, a: Any) -> Any:
    """1 / (1 + exp(-a)) of each, to a relative error of 3e-7; beyond +-80 as at it.

    exp(x) = 2^n 2^r with n the whole number next to x / ln 2, and 2^r by its series (|r| <= 1/2).
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        least, most = (f"llvm.{name}.v{LANES}f32" for name in ("minnum", "maxnum"))
        x = _call(builder, least, _VECTOR, [arguments[0], _constant(80.0)])
        x = _call(builder, most, _VECTOR, [x, _constant(-80.0)])
        x = builder.fmul(x, _constant(-1.4426950408889634), flags=_FAST)
        whole = _call(builder, f"llvm.rint.v{LANES}f32", _VECTOR, [x], fast=False)
        rest = builder.fsub(x, whole)
        power = _constant(_SERIES[-1])
        for factor in _SERIES[-2::-1]:
            power = _call(builder, f"llvm.fma.v{LANES}f32", _VECTOR, [power, rest, _constant(factor)])
        exponent = builder.shl(builder.add(builder.fptosi(whole, _INTS), _ints(127)), _ints(23))
        power = builder.fmul(power, builder.bitcast(exponent, _VECTOR), flags=_FAST)
        one = _constant(1.0)
        return builder.fdiv(one, builder.fadd(one, power))

    return vector(vector), build


@intrinsic
def over_root(typing: Any, a: Any, b: Any) -> Any:
    """a / sqrt(b) of each, by the processor's estimate of 1 / sqrt and one Newton step where it has one."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        root = _call(builder, f"llvm.sqrt.v{LANES}f32", _VECTOR, [arguments[1]])
        inverse = builder.fdiv(_constant(1.0), root, flags=_FAST)
        return builder.fmul(arguments[0], inverse, flags=_FAST)

    return vector(vector, vector), build


@functools.cache
def registers_hold() -> bool:
    """Whether this processor has registers of sixteen float32 (AVX-512): elsewhere `products` needs more than
    there are, and a library's matrix product is faster."""
    return bool(binding.get_host_cpu_features().get("avx512f", False))


_SERIES = [math.log(2) ** n / math.factorial(n) for n in range(7)]  # of 2^r
