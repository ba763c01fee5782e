"""Lanes of vectors moved to where they are wanted: close pairs together, a row of numbers for each pair, rows added up.

Vectors are those of ``kernels.vectors``. To choose lanes takes an instruction of x86 processors since 2013; elsewhere,
and in double precision, lanes are written one by one.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]

from neptuner.kernels.compile import processor_has
from neptuner.kernels.vectors import LANES, Vector, intrinsic, ir_vector, types

LONG, INT, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)
HALF = LANES // 2

triple: Any = partial(types.UniTuple, count=3)

PERMUTES = processor_has("avx2")


def _lanes(*order: int) -> Any:
    return ir.Constant(ir.VectorType(INT, len(order)), list(order))


def _data(context: Any, builder: Any, array: Any, value: Any) -> Any:
    return context.make_array(array)(context, builder, value).data


def _load(builder: Any, data: Any, place: Any, element: Any, count: int, align: int) -> Any:
    pointer = builder.bitcast(builder.gep(data, [place]), ir.VectorType(element, count).as_pointer())
    return builder.load(pointer, align=align)


def _store(builder: Any, vector: Any, data: Any, place: Any, align: int) -> None:
    builder.store(vector, builder.bitcast(builder.gep(data, [place]), vector.type.as_pointer()), align=align)


def _three_of_four(builder: Any, data: Any, place: Any) -> Any:
    """Load three doubles, and a zero."""
    four = ir.VectorType(ir.DoubleType(), 4)
    pointer = builder.bitcast(builder.gep(data, [place]), four.as_pointer())
    mask = ir.VectorType(ir.IntType(1), 4)
    kind = ir.FunctionType(four, [four.as_pointer(), INT, mask, four])
    name = "llvm.masked.load.v4f64.p0"
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    return builder.call(function, [pointer, INT(8), ir.Constant(mask, [1, 1, 1, 0]), ir.Constant(four, [0.0] * 4)])


@intrinsic
def offsets(_: Any, x: Any, home: Any, neighbor: Any, first: Any, like: Any) -> Any:
    """Components of the vectors from row ``home`` of x, ``(n, 3)`` of doubles, to the rows of eight neighbours.

    Subtracted in double precision and then rounded to the precision of the array ``like``.
    """
    vector = Vector(like.dtype)

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        rows, numbers = _data(context, builder, x, args[0]), _data(context, builder, neighbor, args[2])
        at = context.cast(builder, args[3], first, types.uintp)
        centre = _three_of_four(builder, rows, builder.mul(context.cast(builder, args[1], home, types.uintp), LONG(3)))
        short = ir_vector(like.dtype).element
        found = []
        for k in range(LANES):
            j = builder.zext(builder.load(builder.gep(numbers, [builder.add(at, LONG(k))])), LONG)
            row = builder.fsub(_three_of_four(builder, rows, builder.mul(j, LONG(3))), centre)
            found.append(row if like.dtype == types.float64 else builder.fptrunc(row, ir.VectorType(short, 4)))
        both = _lanes(*range(LANES))
        pairs = [builder.shuffle_vector(found[k], found[k + HALF], both) for k in range(HALF)]
        low, high = _lanes(0, 8, 1, 9, 4, 12, 5, 13), _lanes(2, 10, 3, 11, 6, 14, 7, 15)
        one, two = (builder.shuffle_vector(pairs[k], pairs[k + 1], low) for k in (0, 2))
        three, four = (builder.shuffle_vector(pairs[k], pairs[k + 1], high) for k in (0, 2))
        first_two, last_two = _lanes(0, 1, 8, 9, 4, 5, 12, 13), _lanes(2, 3, 10, 11, 6, 7, 14, 15)
        components = (
            builder.shuffle_vector(one, two, first_two),
            builder.shuffle_vector(one, two, last_two),
            builder.shuffle_vector(three, four, first_two),
        )
        return context.make_tuple(builder, triple(vector), components)

    return triple(vector)(x, home, neighbor, first, like), code


@intrinsic
def closer(_: Any, square: Any, limit: Any, count: Any) -> Any:
    """Which of the first ``count`` lanes are below a limit: lane k is bit k of an integer."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        def broadcast(number: Any) -> Any:
            undefined = ir.Constant(ir.VectorType(number.type, LANES), ir.Undefined)
            return builder.shuffle_vector(
                builder.insert_element(undefined, number, INT(0)), undefined, _lanes(*[0] * LANES)
            )

        near = builder.fcmp_ordered("<", args[0], broadcast(context.cast(builder, args[1], limit, square.dtype)))
        number = context.cast(builder, args[2], count, types.int32)
        inside = builder.icmp_signed("<", _lanes(*range(LANES)), broadcast(number))
        return builder.zext(builder.bitcast(builder.and_(near, inside), BYTE), LONG)

    return types.int64(square, limit, count), code


@intrinsic
def ones(_: Any, bits: Any) -> Any:
    """Number of bits that are set."""

    def code(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(bits), code


def _lanes_of(bits: int) -> list[int]:
    return [k for k in range(LANES) if bits >> k & 1]


def _orders(builder: Any) -> Any:
    """A table in the module: for each choice of lanes their numbers, those chosen first."""
    name, row = "neptuner_chosen_lanes", ir.VectorType(INT, LANES)
    table = builder.module.globals.get(name)
    if table is None:
        rows = [[*_lanes_of(bits), *_lanes_of(~bits)] for bits in range(1 << LANES)]
        kind = ir.ArrayType(row, len(rows))
        table = ir.GlobalVariable(builder.module, kind, name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(kind, [ir.Constant(row, order) for order in rows])
    return table


@intrinsic
def put_chosen(_: Any, array: Any, place: Any, vector: Any, bits: Any) -> Any:
    """Write the lanes whose bit is set side by side from a place on; what lies behind them, up to eight, is lost."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        data = _data(context, builder, array, args[0])
        at, align = context.cast(builder, args[1], place, types.uintp), array.dtype.bitwidth // 8
        if PERMUTES and array.dtype.bitwidth == 32:
            pointer = builder.gep(_orders(builder), [LONG(0), args[3]])
            order, whole = builder.load(pointer, align=32), args[2].type
            name = "llvm.x86.avx2.permd" if array.dtype == types.int32 else "llvm.x86.avx2.permps"
            kind = ir.FunctionType(whole, [whole, order.type])
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            _store(builder, builder.call(function, [args[2], order]), data, at, align)
            return context.get_dummy_value()
        for k in range(LANES):
            builder.store(builder.extract_element(args[2], INT(k)), builder.gep(data, [at]))
            at = builder.add(at, builder.and_(builder.lshr(args[3], LONG(k)), LONG(1)))
        return context.get_dummy_value()

    return types.void(array, place, vector, bits), code


def _quads(builder: Any, vectors: list[Any]) -> list[Any]:
    """From four vectors make four: the k-th and the k + 4-th lane of each, side by side."""
    low, high = _lanes(0, 8, 1, 9, 4, 12, 5, 13), _lanes(2, 10, 3, 11, 6, 14, 7, 15)
    first_two, last_two = _lanes(0, 1, 8, 9, 4, 5, 12, 13), _lanes(2, 3, 10, 11, 6, 7, 14, 15)
    found = []
    for order in (low, high):
        one, two = (builder.shuffle_vector(vectors[k], vectors[k + 1], order) for k in (0, 2))
        found += [builder.shuffle_vector(one, two, part) for part in (first_two, last_two)]
    return found


@intrinsic
def store_quads(_: Any, array: Any, place: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Write four vectors lane by lane: eight rows of four numbers."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        data, align = _data(context, builder, array, args[0]), array.dtype.bitwidth // 8
        at = context.cast(builder, args[1], place, types.uintp)
        quads = _quads(builder, list(args[2:]))
        for part, order in enumerate((_lanes(0, 1, 2, 3, 8, 9, 10, 11), _lanes(4, 5, 6, 7, 12, 13, 14, 15))):
            for k in (0, 2):
                rows = builder.shuffle_vector(quads[k], quads[k + 1], order)
                _store(builder, rows, data, builder.add(at, LONG(16 * part + 4 * k)), align)
        return context.get_dummy_value()

    return types.void(array, place, a, b, c, d), code


@intrinsic
def store_rows(_: Any, array: Any, place: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any) -> Any:
    """Write eight vectors lane by lane: eight rows of eight numbers."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        data, align = _data(context, builder, array, args[0]), array.dtype.bitwidth // 8
        at = context.cast(builder, args[1], place, types.uintp)
        left, right = _quads(builder, list(args[2:6])), _quads(builder, list(args[6:]))
        for part, order in enumerate((_lanes(0, 1, 2, 3, 8, 9, 10, 11), _lanes(4, 5, 6, 7, 12, 13, 14, 15))):
            for k in range(HALF):
                row = builder.shuffle_vector(left[k], right[k], order)
                _store(builder, row, data, builder.add(at, LONG(8 * (k + HALF * part))), align)
        return context.get_dummy_value()

    return types.void(array, place, a, b, c, d, e, f, g, h), code


@intrinsic
def take_quad(_: Any, sums: Any, place: Any, array: Any, row: Any) -> Any:
    """Subtract four numbers of one array from four of another."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        target, source = (_data(context, builder, kind, args[k]) for kind, k in ((sums, 0), (array, 2)))
        at = context.cast(builder, args[1], place, types.uintp)
        align, element = array.dtype.bitwidth // 8, ir_vector(array.dtype).element
        four = _load(builder, source, context.cast(builder, args[3], row, types.uintp), element, 4, align)
        _store(builder, builder.fsub(_load(builder, target, at, element, 4, align), four), target, at, align)
        return context.get_dummy_value()

    return types.void(sums, place, array, row), code


@intrinsic
def take_products(_: Any, sums: Any, place: Any, array: Any, row: Any) -> Any:
    """With a row p, r of four numbers each subtract r_0 p, r_1 p, r_2 p, r_3 p from sixteen numbers of ``sums``."""

    def code(context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        target, source = (_data(context, builder, kind, args[k]) for kind, k in ((sums, 0), (array, 2)))
        at, begin = (context.cast(builder, args[k], kind, types.uintp) for k, kind in ((1, place), (3, row)))
        align, element = array.dtype.bitwidth // 8, ir_vector(array.dtype).element
        p, r = (_load(builder, source, builder.add(begin, LONG(k)), element, 4, align) for k in (0, 4))
        twice = builder.shuffle_vector(p, p, _lanes(0, 1, 2, 3, 0, 1, 2, 3))
        for k in (0, 2):
            factor = builder.shuffle_vector(r, r, _lanes(*[k] * 4, *[k + 1] * 4))
            there = builder.add(at, LONG(4 * k))
            product = builder.fmul(twice, factor)
            before = _load(builder, target, there, element, LANES, align)
            _store(builder, builder.fsub(before, product), target, there, align)
        return context.get_dummy_value()

    return types.void(sums, place, array, row), code
