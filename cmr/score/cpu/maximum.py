"""The larger of two float32 numbers, as one instruction.

numba makes branches of `max`, which a compiler may not turn into vectors for fear of NaN.
"""

# numba's decorators have no types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def larger(typing_context: Any, a: Any, b: Any) -> Any:
    """The larger of two float32 numbers, of which none is NaN."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FloatType()
        shape = ir.FunctionType(kind, [kind, kind])
        name = builder.module.declare_intrinsic("llvm.maxnum", [kind], shape)
        return builder.call(name, arguments, fastmath=("nnan", "nsz"))

    return types.float32(types.float32, types.float32), generate
