"""Numbers formatted for people."""

from __future__ import annotations

from typing import Any

from cmr import decimals
from cmr.decimals import fixed


def percent(value: float | None, digits: int = 2) -> str:
    """A share as a percentage."""
    return "–" if value is None else decimals.percent(value, digits)


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval of shares, in percent."""
    if low is None or high is None:
        return "–"
    return f"{fixed(100 * low, digits)} – {fixed(100 * high, digits)}%"


def plain(value: Any, digits: int = 4) -> str:
    """A figure of a table: decimals for floats, separators for counts."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return fixed(value, digits)
    return f"{value:,}" if isinstance(value, int) else str(value)


def rank(value: float) -> str:
    """A rank; ties make fractions."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
