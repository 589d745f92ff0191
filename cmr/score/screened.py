"""What screening came to: how far its bounds reached, and how much had to be computed after all."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from cmr.precision import INT8

# What share of a tile's scores may be computed after all. One that is in doubt along its row and
# along its column counts twice. It takes some seven times the time that screening a score spares.
ALLOWED = 1 / 8
# A tile that was left off is time lost, so no more are tried where they are more than this share.
LOST = 1 / 16


@dataclass
class Screened:
    """The sums over a scoring's tiles; several threads add to them.

    `by`: the type of the codes. `bound`: the most that a score may differ from what they say.
    `scores`: those of all tiles, `kept`: of tiles that were counted so. `settled`: how many of
    these were computed after all. `tiles`: that were tried, `failed`: that were left off.
    """

    by: str = INT8
    bound: float = 0.0
    scores: int = 0
    kept: int = 0
    settled: int = 0
    tiles: int = 0
    failed: int = 0
    _lock: Any = field(default_factory=threading.Lock, repr=False, compare=False)

    @property
    def pays(self) -> bool:
        """Whether one more tile should be tried."""
        return self.failed <= LOST * self.tiles

    def reaches(self, bound: float) -> None:
        """Two more blocks, with their bound."""
        self.bound = max(self.bound, bound)

    def add(self, scores: int, settled: int | None) -> None:
        """A tile; `settled` is None where it was left off."""
        with self._lock:
            self.scores += scores
            self.tiles += 1
            if settled is None:
                self.failed += 1
            else:
                self.kept += scores
                self.settled += settled

    def pass_over(self, scores: int) -> None:
        """A tile that was not tried."""
        with self._lock:
            self.scores += scores

    def describe(self) -> dict[str, Any]:
        """As it is kept in `runs`: of all scores the share that was screened, and settled after."""
        return {
            "by": self.by,
            "bound": self.bound,
            "screened": self.kept / self.scores,
            "settled": self.settled / self.scores,
        }
