"""A rectangle of scores, counted in pieces that are halved until they fit."""

from __future__ import annotations

from cmr.progressbar import Advance


class Regions:
    """Counts rows a:b and columns c:d of two blocks, in pieces of at most `limit` scores."""

    def __init__(self, limit: int, progress: Advance) -> None:
        self.limit, self._progress = limit, progress

    def fits(self, a: int, b: int, c: int, d: int) -> bool:
        """Count a piece; or make `limit` smaller, count nothing and say no."""
        raise NotImplementedError

    def count(self, a: int, b: int, c: int, d: int) -> None:
        """Count rows a:b and columns c:d."""
        if (b - a) * (d - c) <= self.limit and self.fits(a, b, c, d):
            self._progress((b - a) * (d - c))
        elif b - a >= d - c:
            middle = (a + b) // 2
            self.count(a, middle, c, d)
            self.count(middle, b, c, d)
        else:
            middle = (c + d) // 2
            self.count(a, b, c, middle)
            self.count(a, b, middle, d)
