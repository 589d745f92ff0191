"""Products of codes on the CPU, as they are written and as they are read.

Those of int8 are int32 and exact. Those of bfloat16 are summed in float32 and written as bfloat16:
matrix units make them as fast as those of int8, and half as much goes through memory as of float32.
numba has no such type, so to it they are int16.
"""

# numba's decorators have no types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

import torch
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from cmr.score.cpu.exact_scores import Tile

# The most that rounding to bfloat16 changes a number, in terms of what it becomes: half of the last
# of eight binary digits.
HALF_A_DIGIT = 2.0**-8 * (1 + 2.0**-20)


def multiply(left: torch.Tensor, right: torch.Tensor, room: torch.Tensor) -> Tile:
    """left @ right.T of codes, (n, d) x (m, d) -> (n, m), in the front of `room`.

    `room`: of 4-byte numbers. Returns int32 of int8, int16 of bfloat16.
    """
    whole = left.dtype == torch.int8
    out = room.view(-1).view(torch.int32 if whole else torch.bfloat16)[: len(left) * len(right)]
    product = out.view(len(left), len(right))
    if whole:
        torch._int_mm(left, right.T, out=product)
        return product.numpy()
    torch.mm(left, right.T, out=product)
    return product.view(torch.int16).numpy()


@intrinsic
def number(typing_context: Any, product: Any) -> Any:
    """The float32 number that a product is written for."""
    if product == types.int32:
        return types.float32(types.int32), _converted
    return types.float32(types.int16), _widened


@intrinsic
def rounded_by(typing_context: Any, product: Any) -> Any:
    """How much its being written may have changed a product, float32; 0 of whole numbers."""
    if product == types.int32:
        return types.float32(types.int32), lambda *_: ir.Constant(ir.FloatType(), 0.0)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = _widened(context, builder, signature, arguments)
        kind = ir.FloatType()
        shape = ir.FunctionType(kind, [kind])
        size = builder.call(builder.module.declare_intrinsic("llvm.fabs", [kind], shape), [value])
        return builder.fmul(size, ir.Constant(kind, HALF_A_DIGIT))

    return types.float32(types.int16), generate


def _converted(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.sitofp(arguments[0], ir.FloatType())


def _widened(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """bfloat16 is the first half of float32."""
    bits = builder.zext(arguments[0], ir.IntType(32))
    return builder.bitcast(builder.shl(bits, ir.Constant(ir.IntType(32), 16)), ir.FloatType())
