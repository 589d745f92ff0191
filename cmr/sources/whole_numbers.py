"""Whole numbers in users' tables."""

from __future__ import annotations

import re
from typing import Any

# pandas writes integers as 1.0 if a column has missing values. A number with more digits than
# Python parses cannot be a count of anything.
_WHOLE = re.compile(r"\s*([+-]?[0-9]{1,1000})(\.0*)?\s*")


def whole_number(value: Any) -> int:
    """The integer in a cell, which may be text or a float such as 1.0.

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
    raise ValueError("not a whole number")
