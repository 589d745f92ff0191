"""The plan of a scoring: kernel, tiles, blocks and threads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from cmr.score.kernels import Kernel
from cmr.score.screened import Screened


@dataclass(frozen=True)
class Plan:
    """How one representation is scored.

    `tile_rows`, `tile_columns`: texts and visuals of a tile. `text_rows`, `visual_rows`: how
    many of each are held at a time. `memory`: bytes that blocks, tiles and pools may take, of the
    device where there is one. `counting`: numba on CPUs; on devices torch, or triton where counting
    inside the product has proved right. `screened`: what became of screening, where the kernel
    does.
    """

    kernel: Kernel
    counting: str
    device: str
    threads: int
    tile_rows: int
    tile_columns: int
    text_rows: int
    visual_rows: int
    memory: int
    screened: Screened = field(default_factory=Screened, compare=False)

    @property
    def unscreened(self) -> Plan:
        """The same without screening."""
        return replace(self, kernel=replace(self.kernel, screened=False))

    def describe(self) -> str:
        """The plan as JSON, as it is kept in `runs`."""
        described: dict[str, Any] = {
            "kernel": self.kernel.name,
            "counting": self.counting,
            "error": self.kernel.error,
            "threads": self.threads,
            "tile": [self.tile_rows, self.tile_columns],
            "blocks": [self.text_rows, self.visual_rows],
            "memory": self.memory,
        }
        if self.screened.scores:
            described["screen"] = self.screened.describe()
        return json.dumps(described)
