"""Whole numbers in users' tables."""

from __future__ import annotations

import re
from typing import Any

# pandas writes whole numbers as 1.0 where a column has holes. More digits than Python takes are
# no number of anything.
_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,1000})(\.0*)?\s*")


def whole_number(value: Any) -> int:
    """The whole number that a cell holds, as text or as a float such as 1.0.

    Raises ValueError for fractions, booleans, `1_0` and anything else.
    """
    if isinstance(value, str):
        match = _WHOLE.fullmatch(value)
        if match:
            return int(match[1])
    elif not isinstance(value, bool):
        try:
            if int(value) == value:
                return int(value)
        except (TypeError, ValueError, OverflowError, ArithmeticError):
            pass
    raise ValueError("no whole number")
