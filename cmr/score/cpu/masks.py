"""Comparisons of 64 float32 numbers at once, as the bits of one integer.

Few of the bits are set, and those are gone through one by one: nothing else is looked at. A
compiler makes no such thing of a loop, which needs a branch for every number.
"""

# numba's decorators have no types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 64
# Of the limits of one number.
FEW_LANES = 8
_MANY = ir.VectorType(ir.FloatType(), LANES)


@intrinsic
def above(typing_context: Any, values: Any, limit: Any, at: Any) -> Any:
    """Which of values[at:at + LANES] are greater than a number."""
    return types.int64(values, limit, types.intp), _comparing(">", LANES)


@intrinsic
def reaching(typing_context: Any, values: Any, limit: Any, at: Any) -> Any:
    """Which of values[at:at + LANES] are at least a number."""
    return types.int64(values, limit, types.intp), _comparing(">=", LANES)


@intrinsic
def reaching_each(typing_context: Any, values: Any, at: Any, limits: Any, of: Any) -> Any:
    """Which of values[at:at + LANES] are at least limits[of:of + LANES], each its own."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        ours, theirs = (
            _loaded(context, builder, kinds[n], arguments[n], arguments[n + 1], _MANY)
            for n in (0, 2)
        )
        return builder.bitcast(builder.fcmp_ordered(">=", ours, theirs), ir.IntType(LANES))

    return types.int64(values, types.intp, limits, types.intp), generate


@intrinsic
def above_few(typing_context: Any, value: Any, limits: Any, at: Any) -> Any:
    """Which of FEW_LANES limits a number is greater than, from place `at` of an array's memory."""
    return types.int64(value, limits, types.intp), _comparing(">", FEW_LANES)


@intrinsic
def reaching_few(typing_context: Any, value: Any, limits: Any, at: Any) -> Any:
    """Which of FEW_LANES limits a number is at least, from place `at` of an array's memory."""
    return types.int64(value, limits, types.intp), _comparing(">=", FEW_LANES)


@intrinsic
def lowest(typing_context: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set; there must be one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


@intrinsic
def how_many(typing_context: Any, bits: Any) -> Any:
    """How many bits are set."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), generate


def _comparing(operator: str, lanes: int) -> Any:
    vector = ir.VectorType(ir.FloatType(), lanes)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        one, other = (
            _loaded(context, builder, kind, argument, arguments[2], vector)
            if isinstance(kind, types.Array)
            else _spread(builder, argument, vector)
            for kind, argument in zip(kinds[:2], arguments[:2], strict=True)
        )
        bits = builder.bitcast(builder.fcmp_ordered(operator, one, other), ir.IntType(lanes))
        return bits if lanes == LANES else builder.zext(bits, ir.IntType(LANES))

    return generate


def _loaded(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    start = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
    return builder.load(start, align=4)


def _spread(builder: Any, number: Any, vector: Any) -> Any:
    """A vector of one number."""
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, empty, places)
