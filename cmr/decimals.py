"""Figures as text that is the same every time.

Threads add numbers in no fixed order, so the last digits of a sum vary. A share of few queries
often lies exactly halfway between two roundings, where those digits decide.
"""

from __future__ import annotations

# Decimals that the order of additions cannot change.
STEADY = 12


def fixed(value: float, digits: int = 4, sign: str = "") -> str:
    """A figure with this many decimals; `sign`: "+" also shows the sign of a positive one."""
    return f"{round(value, STEADY):{sign}.{digits}f}"


def percent(value: float, digits: int = 2) -> str:
    """A share as a percentage with this many decimals: 99.70%."""
    return f"{round(value, STEADY):.{digits}%}"
