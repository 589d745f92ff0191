"""Work that takes time, and how far it is in words."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(eq=False)
class Underway:
    """Something that takes time: how much of `total` is done, since when.

    Of a total of 1 nobody knows how far it is.
    """

    description: str
    total: int
    unit: str
    done: int = 0
    begun: float = field(default_factory=time.monotonic)

    def advance(self, count: int) -> None:
        """So much more is done."""
        self.done += count

    def __str__(self) -> str:
        seconds = max(time.monotonic() - self.begun, 1e-9)
        if self.total <= 1:
            return f"{self.description}: {lasting(seconds)}"
        done = f"{self.description}: {self.done:,} of {self.total:,} {self.unit}"
        rate = self.done / seconds
        if not rate:
            return f"{done}, {lasting(seconds)}"
        left = lasting((self.total - self.done) / rate)
        return f"{done}, {short(rate)} {self.unit}/s, {left} left"


def lasting(seconds: float) -> str:
    """A time in two units at most."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def short(number: float) -> str:
    """A number in at most four digits and a suffix."""
    for letter in ("", "k", "M", "G"):
        if number < 1000:
            return (
                f"{number:.0f}{letter}" if number >= 10 or not number else f"{number:.1f}{letter}"
            )
        number /= 1000
    return f"{number:.0f}T"
