"""Holm's correction for several tests at once."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values corrected for all of them: Holm, A simple sequentially rejective multiple test
    procedure, 1979. What was not tested, None, stays so and does not count.
    """
    tested = sorted((value, place) for place, value in enumerate(p) if value is not None)
    corrected: list[float | None] = [None] * len(p)
    largest = 0.0
    for done, (value, place) in enumerate(tested):
        largest = max(largest, min(1.0, (len(tested) - done) * value))
        corrected[place] = largest
    return corrected
