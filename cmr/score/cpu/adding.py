"""Counts in 16 bits: numba widens their sums to 64, which would take four times the registers."""

# numba has no type stubs.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


def _plus(relation: str) -> Any:
    """What adds 1 to a count where a number has a relation to another; all int16."""

    @intrinsic
    def plus(typing_context: Any, count: Any, value: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            count, value, other = arguments
            found = builder.icmp_signed(relation, value, other)
            return builder.add(count, builder.zext(found, count.type))

        return types.int16(types.int16, types.int16, types.int16), generate

    return plus


plus_less, plus_equal = _plus("<"), _plus("==")
