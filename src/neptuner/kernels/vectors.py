"""Vectors of eight numbers inside kernels, for loops that a compiler does not turn into good vector code by itself.

A kernel on single numbers leaves it to the compiler to prove that rows do not overlap, to make checks and remainders,
and to add up sums lane by lane: for loops of a few vectors, as those over the neighbours of an atom, this costs more
than the work. Here a vector is a value: ``load(S, i)`` reads S[i:i + 8], ``+ - *`` work lane by lane and ``total``
adds up. Nothing is checked: rows must have room for whole vectors. Eight single-precision numbers are one AVX
register; the compiler takes several registers where those of a machine are shorter or numbers are longer.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types as types
from numba.core import imputils
from numba.core.typing import templates
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

LANES: int = 8
"""Numbers in a vector."""

BLOCK: int = 2 * LANES
"""Atoms of one species that training works on together; the width of every array over atoms."""


make_signature: Any = templates.signature
register: Any = templates.infer_global
lower: Any = imputils.lower_builtin


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make an instruction of kernels from a function that writes its code."""
    return numba_intrinsic(function)


class Vector(types.Type):
    """Eight numbers of a precision."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


def ir_vector(dtype: Any) -> Any:
    """Type of a vector in the compiler's code."""
    if dtype == types.int32:
        return ir.VectorType(ir.IntType(32), LANES)
    return ir.VectorType(ir.DoubleType() if dtype == types.float64 else ir.FloatType(), LANES)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Any) -> None:
        super().__init__(manager, vector, ir_vector(vector.dtype))  # type: ignore[no-untyped-call]


def _constant(vector: Any, numbers: list[float]) -> Any:
    return ir.Constant(vector, numbers)


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any, index_type: Any, vector: Any) -> Any:
    data = context.make_array(array)(context, builder, value).data
    place = builder.gep(data, [context.cast(builder, index, index_type, types.uintp)])
    return builder.bitcast(place, vector.as_pointer())


@intrinsic
def load(_: Any, array: Any, index: Any) -> Any:
    """Eight numbers of a flat array from an index on."""
    vector = Vector(array.dtype)

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        place = _pointer(context, builder, array, args[0], args[1], index, ir_vector(array.dtype))
        return builder.load(place, align=array.dtype.bitwidth // 8)

    return vector(array, index), code


@intrinsic
def store(_: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write eight numbers into a flat array from an index on."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        place = _pointer(context, builder, array, args[0], args[1], index, ir_vector(array.dtype))
        builder.store(args[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, vector), code


@intrinsic
def get(_: Any, array: Any, index: Any) -> Any:
    """One number of an array by its flat place, without a check whether that counts from the end."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        return builder.load(builder.gep(data, [context.cast(builder, args[1], index, types.uintp)]))

    return array.dtype(array, index), code


@intrinsic
def put(_: Any, array: Any, index: Any, number: Any) -> Any:
    """Write one number into an array, likewise."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        place = builder.gep(data, [context.cast(builder, args[1], index, types.uintp)])
        builder.store(context.cast(builder, args[2], number, array.dtype), place)
        return context.get_dummy_value()

    return types.void(array, index, number), code


def _broadcast(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
    one = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def _as_vector(context: Any, builder: Any, value: Any, kind: Any, vector: Any) -> Any:
    """Put a number into every lane, in the precision of the vectors it meets; leave a vector as it is."""
    if isinstance(kind, Vector):
        return value
    return _broadcast(builder, context.cast(builder, value, kind, vector.dtype))


@intrinsic
def splat(_: Any, number: Any) -> Any:
    """Put a number into every lane."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _broadcast(builder, args[0])

    return Vector(number)(number), code


def _intrinsic_call(builder: Any, name: str, vector: Any, args: Any) -> Any:
    kind = ir.FunctionType(vector, [vector] * len(args))
    short = "f64" if isinstance(vector.element, ir.DoubleType) else "f32"
    function = builder.module.declare_intrinsic(f"{name}.v{LANES}{short}", fnty=kind)
    return builder.call(function, args)


@intrinsic
def fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """``a * b + c``; any but the first may be a number."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        vectors = [_as_vector(context, builder, value, kind, a) for value, kind in zip(args, (a, b, c), strict=True)]
        return _intrinsic_call(builder, "llvm.fmuladd", ir_vector(a.dtype), vectors)

    return a(a, b, c), code


@intrinsic
def root(_: Any, a: Any) -> Any:
    """Square root."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _intrinsic_call(builder, "llvm.sqrt", ir_vector(a.dtype), args)

    return a(a), code


@intrinsic
def smaller(_: Any, a: Any, b: Any) -> Any:
    """The smaller of two, lane by lane; the second may be a number."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        limit = _as_vector(context, builder, args[1], b, a)
        return builder.select(builder.fcmp_ordered("<", args[0], limit), args[0], limit)

    return a(a, b), code


@intrinsic
def first_lanes(_: Any, a: Any, count: Any) -> Any:
    """The first ``count`` lanes, and zero in all others."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        whole, vector = ir.IntType(32), ir_vector(a.dtype)
        integers = ir.VectorType(whole, LANES)
        number = context.cast(builder, args[1], count, types.int32)
        one = builder.insert_element(ir.Constant(integers, ir.Undefined), number, ir.Constant(whole, 0))
        limit = builder.shuffle_vector(one, ir.Constant(integers, ir.Undefined), ir.Constant(integers, [0] * LANES))
        inside = builder.icmp_signed("<", ir.Constant(integers, list(range(LANES))), limit)
        return builder.select(inside, args[0], _constant(vector, [0.0] * LANES))

    return a(a, count), code


def _pairwise(builder: Any, a: Any, b: Any, low: list[int], high: list[int]) -> Any:
    kind = ir.VectorType(ir.IntType(32), LANES)
    one = builder.shuffle_vector(a, b, ir.Constant(kind, low))
    return builder.fadd(one, builder.shuffle_vector(a, b, ir.Constant(kind, high)))


@intrinsic
def totals(_: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    """The sums of eight vectors as one vector; adding eight at once takes a fourth of the steps of one by one."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        # within each half of four lanes: a01 b01 a23 b23 as the horizontal addition of AVX orders them
        low, high = [0, 2, 8, 10, 4, 6, 12, 14], [1, 3, 9, 11, 5, 7, 13, 15]
        pairs = [_pairwise(builder, args[k], args[k + 1], low, high) for k in range(0, 8, 2)]
        fours = [_pairwise(builder, pairs[k], pairs[k + 1], low, high) for k in range(0, 4, 2)]
        return _pairwise(builder, fours[0], fours[1], [0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15])

    return a(a, b, c, d, e, f, g, h), code


@intrinsic
def total(_: Any, a: Any) -> Any:
    """The sum of all lanes."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        kind, value = ir.VectorType(ir.IntType(32), LANES), args[0]
        for distance in (4, 2, 1):
            other = [k ^ distance for k in range(LANES)]
            value = builder.fadd(value, builder.shuffle_vector(value, value, ir.Constant(kind, other)))
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return a.dtype(a), code


def _operator(name: Callable[..., Any], instruction: str) -> None:
    """Let an operator work on two vectors, or on a vector and a number."""

    class Template(templates.AbstractTemplate):
        def generic(self, args: Any, _kws: Any) -> Any:
            vectors = {kind for kind in args if isinstance(kind, Vector)}
            others = [kind for kind in args if not isinstance(kind, (Vector, types.Number))]
            return None if len(vectors) != 1 or others else make_signature(*vectors, *args)

    register(name)(Template)

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vectors = (_as_vector(context, builder, *pair, sig.return_type) for pair in zip(args, sig.args, strict=True))
        return getattr(builder, instruction)(*vectors)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower(name, *kinds)(code)


for _name, _instruction in (
    (operator.add, "fadd"),
    (operator.iadd, "fadd"),
    (operator.sub, "fsub"),
    (operator.isub, "fsub"),
    (operator.mul, "fmul"),
    (operator.imul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_name, _instruction)
